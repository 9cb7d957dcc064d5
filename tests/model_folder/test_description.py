import os
from pathlib import Path

import pytest
import yaml

from libsep.errors import ModelError
from libsep.model_folder.description import (
    Description,
    Stored,
    folders_of_kind,
    pulled_folder,
    read_folder,
)


class Lamp(Description, Stored):
    kind: str = "lamp"
    colour: str


VALUES = {
    "kind": "lamp",
    "name": "red-one",
    "architecture": "bulb",
    "arguments": {"watts": 3},
    "sample_rate": 22050,
    "licence": "MIT",
    "colour": "red",
    "sha256": "0" * 64,
}


def write(folder: Path, **changes: object) -> Path:
    folder.mkdir(parents=True)
    (folder / "model.yaml").write_text(yaml.safe_dump(VALUES | changes))
    return folder


def test_another_kind_of_model_is_read_with_its_own_fields(tmp_path: Path) -> None:
    lamp = read_folder(Lamp, write(tmp_path / "red-one"))
    assert lamp.colour == "red"
    assert lamp.weights_path == tmp_path / "red-one/model.safetensors"
    assert "folder" not in lamp.model_dump()


def test_folders_are_found_by_what_they_hold(tmp_path: Path) -> None:
    write(tmp_path / "b")
    write(tmp_path / "a", kind="separator")
    (tmp_path / "c").mkdir()
    assert folders_of_kind("lamp", tmp_path) == [tmp_path / "b"]
    assert folders_of_kind("separator", tmp_path) == [tmp_path / "a"]
    assert folders_of_kind("lamp", tmp_path / "nowhere") == []


@pytest.mark.parametrize("text", ["{", "- a\n- list\n", "\udcff"])
def test_a_description_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.yaml").write_text(text, errors="surrogateescape")
    with pytest.raises(ModelError, match=r"cannot be read as YAML|expected a mapping, found list"):
        read_folder(Lamp, tmp_path)


def test_pulled_models_lie_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIBSEP_MODELS", f"~{os.sep}shelf")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert pulled_folder() == tmp_path / "shelf"
    monkeypatch.delenv("LIBSEP_MODELS")
    assert pulled_folder() == tmp_path / "cache/libsep/models"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert pulled_folder() == tmp_path / ".cache/libsep/models"

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
from libsep.separation.model import Model


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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "cascade", "stages": [{"name": "a"}]}, r"stages\.0\.sha256: is missing"),
        ({"kind": "cascade", "stages": 3}, "stages: expected a list .found 3."),
        ({"kind": "separator", "arguments": {1: {2}}}, "arguments: expected numbers, texts"),
        ({"kind": "drum_hits"}, "is a model for hits of drums, expected a model that separates, s"),
        ({"kind": "lamp"}, "is of the kind 'lamp', expected a model that separates, such as "),
    ],
)
def test_what_is_wrong_with_a_model_is_said_in_one_line(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    values = {key: value for key, value in VALUES.items() if key != "colour"}
    text = yaml.safe_dump(values | {"targets": ["drums"]} | changes)
    (tmp_path / "model.yaml").write_text(text)
    with pytest.raises(ModelError, match=message) as raised:
        read_folder(Model, tmp_path)
    assert "\n" not in str(raised.value)
    assert "validation error" not in str(raised.value)


def test_folders_are_found_by_what_they_hold(tmp_path: Path) -> None:
    write(tmp_path / "b")
    write(tmp_path / "a", kind="separator")
    (tmp_path / "c").mkdir()
    (tmp_path / "b").rename(tmp_path / ".b.old-7")
    assert folders_of_kind("lamp", tmp_path) == []
    (tmp_path / ".b.old-7").rename(tmp_path / "b")
    assert folders_of_kind("lamp", tmp_path) == [tmp_path / "b"]
    assert folders_of_kind("separator", tmp_path) == [tmp_path / "a"]
    assert folders_of_kind("lamp", tmp_path / "nowhere") == []


@pytest.mark.parametrize("text", ["{", "- a\n- list\n", "\udcff"])
def test_a_description_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.yaml").write_text(text, errors="surrogateescape")
    with pytest.raises(ModelError, match=r"cannot be read as YAML|expected a mapping, found list"):
        read_folder(Lamp, tmp_path)


def test_a_description_that_says_something_twice_is_refused_at_its_line(tmp_path: Path) -> None:
    folder = write(tmp_path / "red-one")
    with (folder / "model.yaml").open("a") as file:
        file.write("colour: blue\n")
    message = f"model.yaml: .*: line {len(VALUES) + 2}, column 1: 'colour' stands here for the sec"
    with pytest.raises(ModelError, match=message):
        read_folder(Lamp, folder)


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

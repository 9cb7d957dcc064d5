import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import libsep
from libsep.errors import ModelError
from libsep.model_folder.description import models_folder
from libsep.separation.registry import Model, find_model, list_models, located, read_model


def damage(model: Model, folder: Path, **changes: object) -> Path:
    """Write the description of ``model`` with other values into ``folder``."""
    folder.mkdir(parents=True)
    values = yaml.safe_load((model.folder / "model.yaml").read_text())
    (folder / "model.yaml").write_text(yaml.safe_dump(values | changes))
    return folder


def test_a_model_is_found_by_its_folder(tiny_model: Model) -> None:
    assert find_model(tiny_model.folder) == tiny_model
    assert find_model(str(tiny_model.folder)) == tiny_model


def test_models_of_the_checkout_are_found() -> None:
    assert models_folder() == Path(libsep.__file__).parent.parent / "models"


def test_models_of_an_installed_package_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_model: Model
) -> None:
    folder = tmp_path / "site-packages/libsep/models"
    damage(tiny_model, folder.parent.parent.parent / "elsewhere")
    folder.mkdir(parents=True)
    monkeypatch.setattr(libsep, "__file__", str(folder.parent / "__init__.py"))
    assert models_folder() == folder
    assert list_models() == []
    damage(tiny_model, folder / "tiny")
    assert find_model("tiny").folder == folder / "tiny"


def test_an_installation_without_models_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libsep, "__file__", str(tmp_path / "a/b/__init__.py"))
    with pytest.raises(ModelError, match="expected the models of libsep"):
        models_folder()


def test_all_shipped_models_can_be_read() -> None:
    for model in list_models():
        assert model.name == model.folder.name
        assert find_model(model.name) == model


def test_models_are_listed_by_name(tmp_path: Path, tiny_model: Model) -> None:
    for name in ("b", "a"):
        damage(tiny_model, tmp_path / name, name=name)
    (tmp_path / "no-model").mkdir()
    assert [model.name for model in list_models(tmp_path)] == ["a", "b"]


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ModelError, match="no model is called 'nonsense', there are: "):
        find_model("nonsense")


def test_a_folder_without_description_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.yaml: not found"):
        find_model(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sha256": "abc"}, "sha256"),
        ({"colour": "red"}, "colour"),
        ({"sample_rate": 0}, "sample_rate"),
        ({"targets": []}, "targets"),
    ],
)
def test_a_wrong_field_is_named(
    tmp_path: Path, tiny_model: Model, changes: dict[str, object], message: str
) -> None:
    folder = damage(tiny_model, tmp_path / "model", **changes)
    with pytest.raises(ModelError, match=message):
        read_model(folder)


def test_a_description_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.yaml").write_text("{")
    with pytest.raises(ModelError, match="cannot be read as YAML"):
        read_model(tmp_path)


@pytest.fixture(autouse=True)
def pulled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of pulled models: an empty one, not that of who runs the tests."""
    monkeypatch.setenv("LIBSEP_MODELS", str(tmp_path / "pulled"))
    return tmp_path / "pulled"


def test_a_pulled_model_is_found_and_listed_after_those_of_libsep(
    pulled: Path, tiny_model: Model
) -> None:
    folder = damage(tiny_model, pulled / "pulled-one", name="pulled-one")
    assert find_model("pulled-one").folder == folder
    assert [model.name for model in list_models()][-1] == "pulled-one"


def test_a_model_of_another_kind_is_left_out_of_the_list(tmp_path: Path, tiny_model: Model) -> None:
    folder = damage(tiny_model, tmp_path / "genre", kind="classifier", labels=["rock"])
    assert list_models(tmp_path) == []
    with pytest.raises(
        ModelError, match="genre: is a genre classifier, expected a model that separates, such as"
    ):
        read_model(folder)


def test_models_are_listed_without_torch() -> None:
    script = (
        "import sys, libsep.separation.registry, libsep.separation.stream as s; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_model_of_another_machine_is_found_by_its_name_if_its_weights_are_the_same(
    tiny_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tiny_model.model_copy(update={"folder": tmp_path / "elsewhere"})
    with pytest.raises(ModelError, match="not on this machine, and no model is called 'tiny'"):
        located(elsewhere)
    monkeypatch.setenv("LIBSEP_MODELS", str(tiny_model.folder.parent))
    assert located(elsewhere) == tiny_model
    assert located(tiny_model) is tiny_model
    with pytest.raises(ModelError, match="has other weights"):
        located(elsewhere.model_copy(update={"sha256": "0" * 64}))


@pytest.mark.parametrize("wrong", [{}, {"test_set": ""}, {"test_set": "songs", "values": {}}])
def test_a_score_without_the_music_it_was_measured_on_is_refused(
    tmp_path: Path, tiny_model: Model, wrong: dict[str, object]
) -> None:
    score = {"measure": "SDR", "values": {"mean": 5.4}} | wrong
    folder = damage(tiny_model, tmp_path / "model", scores=[score])
    with pytest.raises(ModelError, match=r"scores\.0\.(test_set|values)"):
        read_model(folder)

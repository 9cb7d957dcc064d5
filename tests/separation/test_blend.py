"""A model of several, whose estimates are averaged."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors
import torch
import yaml
from typer.testing import CliRunner

from libsep.cli.app import app
from libsep.errors import ModelError
from libsep.nets.blend import Blend
from libsep.nets.masking import WienerShare
from libsep.nets.unet import UNet
from libsep.separation.architectures import build_network
from libsep.separation.blend import blend, exchange, part
from libsep.separation.cascade import chain
from libsep.separation.model import ModelInfo
from libsep.separation.registry import Model, files_of, read_model
from libsep.separation.separator import Separator
from libsep.separation.weights import check_networks, load_network, save_model
from libsep.track import TARGETS

SMALL = {"n_fft": 256, "hop_length": 64, "n_seen_bins": 96, "channels": [4, 6, 8]}


def other_model(folder: Path, name: str = "other", seed: int = 2, **changes: object) -> Model:
    """Return a model of another network."""
    values = {"targets": TARGETS, "sample_rate": 44100} | changes
    torch.manual_seed(seed)
    arguments = {**SMALL, "targets": list(values["targets"])}
    values = {"licence": "CC0", "cost": 0.5} | values
    info = ModelInfo(name=name, architecture="unet", arguments=arguments, **values)
    return save_model(folder / name, info, UNet(**arguments).eval())


@pytest.fixture
def mixture(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(0, 0.1, (2, 2, 9000)).astype(np.float32)


def test_estimates_are_the_weighted_mean_and_add_up(
    tiny_model: Model, tmp_path: Path, mixture: np.ndarray
) -> None:
    other = other_model(tmp_path)
    model = blend(tmp_path / "both", [str(tiny_model.folder), str(other.folder)], [3.0, 1.0])
    estimates = Separator(model, device="cpu", precision="float32").separate(mixture)
    first, second = (
        load_network(each).separate(torch.from_numpy(mixture)).numpy()
        for each in (tiny_model, other)
    )
    assert np.abs(first - second).max() > 0.01
    np.testing.assert_allclose(estimates, 0.75 * first + 0.25 * second, atol=1e-5)
    np.testing.assert_allclose(estimates.sum(axis=1), mixture, atol=1e-5)
    assert model.licence == "MIT AND CC0"


def test_a_blend_is_filtered_as_its_parts_are(tiny_model: Model, tmp_path: Path) -> None:
    filters = [{"share": 0.4, "from_hz": 500}]
    first, second = (other_model(tmp_path, name, wiener=filters) for name in ("a", "b"))
    plain = other_model(tmp_path, "c")
    names = [str(each.folder) for each in (first, second, plain)]
    assert blend(tmp_path / "alike", names[:2], [1.0, 1.0]).wiener == first.wiener != ()
    assert blend(tmp_path / "unlike", names[1:], [1.0, 1.0]).wiener == ()
    other = Path(shutil.copytree(tiny_model.folder, tmp_path / "tiny"))
    values = yaml.safe_load((other / "model.yaml").read_text()) | {"wiener": filters}
    (other / "model.yaml").write_text(yaml.safe_dump(values))
    assert blend(tmp_path / "two", [names[0], str(other)], [1.0, 1.0]).wiener == ()


def test_the_command_writes_a_model_that_needs_its_parts_no_more(
    tiny_model: Model, tmp_path: Path, mixture: np.ndarray
) -> None:
    other = other_model(tmp_path)
    command = ["models", "blend", str(tmp_path / "both"), str(tiny_model.folder), str(other.folder)]
    done = CliRunner().invoke(app, [*command, "--weight", "1", "--weight", "2"])
    assert done.exit_code == 0, done.output
    other.weights_path.unlink()
    model = read_model(tmp_path / "both")
    assert model.sha256 in done.output
    assert load_network(model).separate(torch.from_numpy(mixture)).shape == (2, 4, 2, 9000)


@pytest.mark.parametrize(
    ("changes", "weights", "message"),
    [
        ({"targets": TARGETS[::-1]}, [1.0, 1.0], "targets .*vocals"),
        ({"sample_rate": 22050}, [1.0, 1.0], "differ in their sample rates"),
        ({}, [1.0], "weights .1.0. for 2 members"),
        ({}, [1.0, 0.0], "all above 0"),
        ({}, [1.0, float("nan")], "all above 0"),
        ({}, [1.0, float("inf")], "all above 0"),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    tiny_model: Model,
    tmp_path: Path,
    changes: dict[str, object],
    weights: list[float],
    message: str,
) -> None:
    other = other_model(tmp_path, **changes)
    with pytest.raises(ModelError, match=message):
        blend(tmp_path / "both", [str(tiny_model.folder), str(other.folder)], weights)
    assert not (tmp_path / "both").exists()


def test_a_cascade_is_no_part(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is a cascade"):
        blend(tmp_path / "both", ["generic", "generic"], [1.0, 1.0])


def test_a_description_with_an_unknown_part_is_refused() -> None:
    info = ModelInfo(
        name="both",
        architecture="blend",
        arguments={"members": [{"architecture": "magic", "arguments": {}}], "weights": [1.0]},
        targets=TARGETS,
        sample_rate=44100,
        licence="MIT",
    )
    with pytest.raises(ModelError, match=r"member .*magic.* expected an architecture of"):
        build_network(info)


@pytest.fixture
def whole(tiny_model: Model, tmp_path: Path) -> Model:
    """Return a blend of a tiny network and a U-Net, in 8 bit as the shipped one."""
    parts = [str(tiny_model.folder), str(other_model(tmp_path).folder)]
    return blend(tmp_path / "whole", parts, [3.0, 1.0], is_8_bit=True)


def test_an_exchanged_network_is_stored_alone_and_the_rest_is_that_of_the_other_blend(
    whole: Model, tmp_path: Path, mixture: np.ndarray
) -> None:
    third = other_model(tmp_path, "third", seed=3)
    done = CliRunner().invoke(
        app,
        ["models", "exchange", str(tmp_path / "rock"), "whole", str(third.folder), "--place", "1"],
    )
    assert done.exit_code == 0, done.output
    model = read_model(tmp_path / "rock")
    assert model.sha256 in done.output
    with safetensors.safe_open(model.weights_path, framework="pt") as file:
        assert {name.split(".")[1] for name in file.keys()} == {"1"}  # noqa: SIM118 - no mapping
    mixtures = torch.from_numpy(mixture)
    network, before = load_network(model), load_network(whole)
    kept = before.get_submodule("members.0").separate(mixtures)
    new = load_network(third).separate(mixtures)
    np.testing.assert_allclose(
        network.separate(mixtures), 0.75 * kept + 0.25 * new, atol=0.02 * float(new.abs().max())
    )
    assert (network.separate(mixtures) - before.separate(mixtures)).abs().max() > 0.001
    assert [each.name for each in files_of(model)] == ["rock", "whole"]


def test_an_exchanged_network_is_filtered_as_the_other_blend(tmp_path: Path) -> None:
    parts = [str(other_model(tmp_path, name, seed).folder) for name, seed in (("a", 2), ("b", 3))]
    whole = blend(tmp_path / "whole", parts, [1.0, 1.0])
    path = whole.folder / "model.yaml"
    filtered = yaml.safe_load(path.read_text()) | {"wiener": [{"share": 0.4, "from_hz": 500}]}
    path.write_text(yaml.safe_dump(filtered))
    third = other_model(tmp_path, "third", seed=4)
    model = exchange(tmp_path / "rock", "whole", 1, str(third.folder))
    assert model.wiener == read_model(whole.folder).wiener != ()
    network = load_network(model)
    assert isinstance(network, Blend)
    assert network.wiener == (WienerShare(0.4, slice(3, 129), (0, 1, 2, 3), (0,) * 4, (0,) * 4),)


def test_weights_that_are_shared_must_be_those_that_were_meant(
    whole: Model, tmp_path: Path
) -> None:
    model = exchange(
        tmp_path / "rock", "whole", 1, str(other_model(tmp_path, "third", seed=3).folder)
    )
    changed = other_model(tmp_path, "fourth", seed=4)
    again = exchange(tmp_path / "other-rock", "whole", 1, str(changed.folder))
    assert again.sha256 != model.sha256
    with pytest.raises(ModelError, match="shares the weights of rock, which shares weights itself"):
        exchange(tmp_path / "twice", "rock", 1, str(changed.folder))
    blend(whole.folder, [str(changed.folder), str(changed.folder)], [1.0, 1.0])
    with pytest.raises(ModelError, match=f"shares the weights of whole.* expected {whole.sha256}"):
        load_network(model)
    for path in whole.folder.iterdir():
        path.unlink()
    with pytest.raises(ModelError, match="no model is called 'whole'"):
        load_network(model)


@pytest.mark.parametrize(
    ("name", "place", "message"),
    [
        ("other", 0, "other: is a unet, expected a blend"),
        ("whole", 2, "whole: has no network 2, only 0 to 1"),
        ("whole", 0, "is another network than 0 of whole"),
    ],
)
@pytest.mark.usefixtures("whole")
def test_what_cannot_be_exchanged_is_refused(
    tmp_path: Path, name: str, place: int, message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        exchange(tmp_path / "rock", name, place, str(tmp_path / "other"))
    assert not (tmp_path / "rock").exists()


def test_no_other_model_and_no_other_folder_is_written_over(
    tiny_model: Model, whole: Model, tmp_path: Path
) -> None:
    other, tiny = tmp_path / "other", str(tiny_model.folder)
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "a.mp3").write_bytes(b"a")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for folder, parts, message in (
        (other, [tiny, str(other)], "is one of the parts, which would be lost"),
        (other, [tiny, tiny], "other: holds another model, a unet; name a new folder"),
        (tmp_path / "music", [tiny, tiny], "music: holds other files, expected an empty folder"),
        (tmp_path / "new", [tiny], "1 model to blend, expected two or more"),
        (
            tmp_path / "new",
            [tiny, str(whole.folder)],
            "whole: is a blend, expected single",
        ),
    ):
        with pytest.raises(ModelError, match=message):
            blend(folder, parts, [1.0] * len(parts))
    copy = blend(tmp_path / "copy", [tiny, str(other)], [3.0, 1.0])
    with pytest.raises(ModelError, match="copy: holds another model, a blend; name"):
        exchange(copy.folder, "whole", 1, str(other))
    rock = exchange(tmp_path / "rock", "whole", 1, str(other))
    with pytest.raises(ModelError, match="rock: holds another model, a blend that shares weights"):
        blend(rock.folder, [tiny, tiny], [1.0, 1.0])
    assert exchange(rock.folder, "whole", 1, str(other)) == rock, "its own former version"
    assert blend(copy.folder, [tiny, str(other)], [3.0, 1.0]) == copy
    assert before == {path: path.read_bytes() for path in before}


def test_a_model_does_not_take_the_place_of_what_it_needs(whole: Model, tmp_path: Path) -> None:
    third = str(other_model(tmp_path, "third", seed=3).folder)
    for folder in (whole.folder, tmp_path / "elsewhere" / "whole"):
        with pytest.raises(ModelError, match="would take the place of whole"):
            exchange(folder, str(whole.folder), 1, third)
    load_network(read_model(whole.folder))
    with pytest.raises(ModelError, match="would take the place of vocals"):
        chain(tmp_path / "vocals", "vocals", "accompaniment-small")


def test_a_part_of_a_blend_is_that_network_alone_and_stores_nothing(
    whole: Model, tmp_path: Path, mixture: np.ndarray
) -> None:
    score = {"test_set": "three songs", "measure": "SDR", "values": {"drums": 1.0}}
    path = whole.folder / "model.yaml"
    scored = yaml.safe_load(path.read_text()) | {"scores": [score], "published": [score]}
    path.write_text(yaml.safe_dump(scored))
    command = ["models", "part", str(tmp_path / "quick"), "whole", "--place", "1"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    model = read_model(tmp_path / "quick")
    assert model.sha256 in done.output
    with safetensors.safe_open(model.weights_path, framework="pt") as file:
        assert list(file.keys()) == []
    mixtures = torch.from_numpy(mixture)
    expected = load_network(whole).get_submodule("members.1").separate(mixtures)
    assert torch.equal(load_network(model).separate(mixtures), expected)
    assert [each.name for each in files_of(model)] == ["quick", "whole"]
    assert (model.architecture, model.licence, model.cost) == ("unet", whole.licence, None)
    assert (model.scores, model.published) == ((), ()), "others' scores"
    assert part(model.folder, "whole", 1) == model
    assert part(tmp_path / "first", "whole", 0).sha256 != model.sha256


def test_a_part_is_filtered_as_the_blend_and_does_not_outlive_it(tmp_path: Path) -> None:
    filters = [{"share": 0.4, "from_hz": 500}]
    names = [str(other_model(tmp_path, name, wiener=filters).folder) for name in "ab"]
    whole = blend(tmp_path / "whole", names, [1.0, 1.0])
    model = part(tmp_path / "quick", "whole", 1)
    assert model.wiener == whole.wiener != ()
    assert load_network(model).wiener == load_network(whole).wiener
    values = yaml.safe_load((model.folder / "model.yaml").read_text())
    for member, message in ((2, "which is another network"), (None, "which is another network")):
        broken = values | {"base": values["base"] | {"member": member}}
        (model.folder / "model.yaml").write_text(yaml.safe_dump(broken))
        with pytest.raises(ModelError, match=f"shares the weights of whole, {message}"):
            load_network(read_model(model.folder))
    with pytest.raises(ModelError, match="would take the place of whole"):
        part(tmp_path / "far" / "whole", str(whole.folder), 0)
    blend(whole.folder, names, [2.0, 1.0])
    (model.folder / "model.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(ModelError, match=f"expected {whole.sha256}"):
        load_network(read_model(model.folder))


@pytest.mark.parametrize(
    ("name", "place", "message"),
    [
        ("other", 0, "other: is a unet, expected a blend"),
        ("whole", 2, "whole: has no network 2, only 0 to 1"),
        ("rock", 1, "shares the weights of rock, which shares weights itself"),
    ],
)
def test_what_has_no_such_part_is_refused(
    whole: Model, tmp_path: Path, name: str, place: int, message: str
) -> None:
    exchange(tmp_path / "rock", str(whole.folder), 1, str(tmp_path / "other"))
    with pytest.raises(ModelError, match=message):
        part(tmp_path / "quick", name, place)
    assert not (tmp_path / "quick").exists()


def test_an_exchanged_network_brings_its_licence_and_must_fit(whole: Model, tmp_path: Path) -> None:
    third = other_model(tmp_path, "third", seed=3, licence="CC-BY-NC-4.0", notice="No trade.")
    model = exchange(tmp_path / "rock", "whole", 1, str(third.folder))
    assert (model.licence, model.cost) == ("MIT AND CC0 AND CC-BY-NC-4.0", whole.cost)
    assert "No trade." in model.notice
    assert (whole.training in model.training, third.training in model.training) == (True, True)
    other_rate = other_model(tmp_path, "slow", seed=3, sample_rate=22050)
    with pytest.raises(ModelError, match="whole and slow: differ in their sample rates"):
        exchange(tmp_path / "slow-rock", "whole", 1, str(other_rate.folder))


def test_a_base_is_found_from_any_work_folder(
    whole: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    third = other_model(tmp_path, "third", seed=3)
    monkeypatch.chdir(tmp_path)
    beside = exchange(Path("rock"), "./whole", 1, str(third.folder))
    apart = exchange(Path("far/rock"), "./whole", 1, str(third.folder))
    assert beside.base is not None
    assert apart.base is not None
    assert (beside.base.name, apart.base.name) == ("whole", str(whole.folder))
    monkeypatch.chdir("/")
    for folder in (tmp_path / "rock", tmp_path / "far" / "rock"):
        load_network(read_model(folder))


def test_a_cascade_needs_the_base_of_its_stage(whole: Model, tmp_path: Path) -> None:
    exchange(tmp_path / "rest", "whole", 1, str(other_model(tmp_path, "third", seed=3).folder))
    vocals = other_model(tmp_path, "voices", targets=("vocals", "accompaniment"))
    model = chain(tmp_path / "rock", str(vocals.folder), str(tmp_path / "rest"))
    check_networks(model)
    assert [each.name for each in files_of(model)] == ["voices", "rest", "whole"]
    whole.weights_path.write_bytes(b"damaged")
    with pytest.raises(ModelError, match=f"{whole.weights_path}: sha256 is"):
        check_networks(model)

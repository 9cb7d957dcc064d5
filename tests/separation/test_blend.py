"""A model of several, whose estimates are averaged."""

from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from libsep.cli.app import app
from libsep.errors import ModelError
from libsep.nets.unet import UNet
from libsep.separation.architectures import build_network
from libsep.separation.blend import blend
from libsep.separation.model import ModelInfo
from libsep.separation.registry import Model, read_model
from libsep.separation.separator import Separator
from libsep.separation.weights import load_network, save_model
from libsep.track import TARGETS

SMALL = {"n_fft": 256, "hop_length": 64, "n_seen_bins": 96, "channels": [4, 6, 8]}


def other_model(folder: Path, **changes: object) -> Model:
    """Return a model of another network."""
    values = {"targets": TARGETS, "sample_rate": 44100} | changes
    torch.manual_seed(2)
    arguments = {**SMALL, "targets": list(values["targets"])}
    info = ModelInfo(
        name="other", architecture="unet", arguments=arguments, licence="CC0", cost=0.5, **values
    )
    return save_model(folder / "other", info, UNet(**arguments).eval())


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

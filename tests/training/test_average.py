"""Averages of weights, as a model that separates."""

import math
from pathlib import Path

import pytest
import torch
import yaml
from typer.testing import CliRunner

from libsep.cli.app import app
from libsep.config import NetworkConfig, TrainingConfig
from libsep.errors import ConfigError, ModelError
from libsep.separation.registry import Model, ModelInfo, find_model
from libsep.separation.weights import load_network, save_model
from libsep.training.state import new_state
from libsep.training.weights.average import average_weights
from libsep.training.weights.checkpoint import load_weights, save_checkpoint
from libsep.training.weights.export import arguments_of
from libsep.training.weights.growth import new_network


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Return a checkpoint of a larger network than the model below, in its run."""
    config = TrainingConfig.model_validate({"network": {"size": "M"}, "seed": 3})
    torch.manual_seed(8)
    state = new_state(new_network(config.network), config.optimiser)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json")))
    save_checkpoint(tmp_path / "run" / "best.pt", state)
    (tmp_path / "about.yaml").write_text("{name: mean, licence: MIT}")
    return tmp_path / "run" / "best.pt"


@pytest.fixture
def start(tmp_path: Path) -> Model:
    config = TrainingConfig.model_validate({"network": {"size": "S"}})
    network = new_network(config.network)
    info = ModelInfo(
        name="start",
        architecture="band_split_unet",
        arguments=arguments_of(config, network),
        targets=network.targets,
        sample_rate=44100,
        licence="MIT",
    )
    return save_model(tmp_path / "start", info, network)


def test_a_checkpoint_is_averaged_with_the_model_that_it_grew_out_of(
    checkpoint: Path, start: Model, tmp_path: Path
) -> None:
    folder = tmp_path / "mean"
    options = ["--weight", "2", "--weight", "1", "--about", str(tmp_path / "about.yaml")]
    command = ["models", "average", str(folder), str(checkpoint), str(start.folder), *options]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    parts = []
    for origin in (str(checkpoint), str(start.folder)):
        torch.manual_seed(3)  # what is grown begins with the chance of the run
        network = new_network(NetworkConfig(size="M"))
        load_weights(origin, network)
        parts.append(network.state_dict())
    found = load_network(find_model(folder)).state_dict()
    for name, value in found.items():
        if not value.is_floating_point():
            continue
        expected = (2 * parts[0][name] + parts[1][name]) / 3
        torch.testing.assert_close(value, expected, rtol=2e-3, atol=1e-4)  # half precision


def test_parts_that_say_too_little_are_refused(
    checkpoint: Path, start: Model, tmp_path: Path
) -> None:
    about = tmp_path / "about.yaml"
    with pytest.raises(ConfigError, match="1 weights for 2 parts"):
        average_weights([str(checkpoint), "small"], [1.0], about, tmp_path / "mean")
    for weights in ([0.0, 0.0], [math.nan, 1.0], [math.inf, 1.0]):
        with pytest.raises(ConfigError, match="expected a number for each, and not all 0"):
            average_weights([str(checkpoint), "small"], weights, about, tmp_path / "mean")
    with pytest.raises(ConfigError, match="no part is a checkpoint"):
        average_weights([str(start.folder)], [1.0], about, tmp_path / "mean")
    before = start.weights_path.read_bytes()
    with pytest.raises(ModelError, match="start: is one of the parts, which would be lost"):
        average_weights([str(checkpoint), str(start.folder)], [1.0, 1.0], about, start.folder)
    with pytest.raises(ModelError, match="holds other files, expected an empty folder"):
        average_weights([str(checkpoint)], [1.0], about, checkpoint.parent)
    assert start.weights_path.read_bytes() == before
    with pytest.raises(ConfigError, match=r"gone\.pt: not found, expected a checkpoint"):
        average_weights([str(tmp_path / "gone.pt")], [1.0], about, tmp_path / "mean")
    (checkpoint.parent / "config.yaml").unlink()
    with pytest.raises(ConfigError, match=r"config\.yaml: not found, expected a checkpoint"):
        average_weights([str(checkpoint)], [1.0], about, tmp_path / "mean")

"""From a checkpoint to a model folder that the separator loads."""

from pathlib import Path
from typing import Any

from libsep.config import TrainingConfig, load, parse
from libsep.config.section import read_values
from libsep.media.decode import SAMPLE_RATE
from libsep.nets.band_split_unet import BandSplitUNet
from libsep.nets.network import SeparationNetwork
from libsep.separation.registry import Model, ModelInfo
from libsep.separation.weights import save_model
from libsep.training.job import CONFIG
from libsep.training.records.export import export_curve
from libsep.training.state import new_state
from libsep.training.weights.checkpoint import load_checkpoint
from libsep.training.weights.growth import network_arguments, new_network


def export_model(run: Path, checkpoint: str, info_path: Path, folder: Path) -> Model:
    """Write the averaged weights of a checkpoint as a model.

    Parameters
    ----------
    run
        Folder of the training, with its ``config.yaml``.
    checkpoint
        Name of a checkpoint in it: ``best.pt`` or ``checkpoint.pt``.
    info_path
        YAML file with what the training cannot know: the fields of `ModelInfo` except
        ``architecture``, ``arguments``, ``targets`` and ``sample_rate``.
    folder
        Where ``model.yaml`` and ``model.safetensors`` are written, and the curve of the run as
        ``curve.csv`` and ``curve.png`` (the latter where matplotlib is installed).

    Raises
    ------
    ConfigError
        The run or the description cannot be read, or the checkpoint belongs to another network.
    ModelError
        The model cannot be written.
    """
    config = load(TrainingConfig, run / CONFIG)
    info = describe(config, info_path)
    state = new_state(new_network(config.network), config.optimiser)
    load_checkpoint(run / checkpoint, state)
    average = state.average
    assert isinstance(average, SeparationNetwork)
    model = save_model(folder, info, average)
    export_curve(run, folder)
    return model


def describe(config: TrainingConfig, info_path: Path) -> ModelInfo:
    """Return the description of a model that a training will give; needs no training yet.

    Raises
    ------
    ConfigError
        The file cannot be read, or names the field that is missing, unknown or wrong.
    """
    network = new_network(config.network)
    values = {
        "architecture": config.network.architecture,
        "arguments": arguments_of(config, network),
        "targets": network.targets,
        "sample_rate": SAMPLE_RATE,
    }
    return parse(ModelInfo, read_values(info_path) | values, origin=str(info_path))


def arguments_of(config: TrainingConfig, network: SeparationNetwork) -> dict[str, Any]:
    """Return keyword arguments that build ``network`` again, as plain values."""
    spectrogram = {}
    if isinstance(network, BandSplitUNet):
        spectrogram = {"n_fft": network.n_fft, "hop_length": network.hop_length}
    arguments = network_arguments(config.network) | spectrogram
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in arguments.items()
    }

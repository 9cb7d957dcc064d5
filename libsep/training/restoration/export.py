"""From a checkpoint to a super-resolution model folder."""

from pathlib import Path

from libsep.config import RestorationTrainingConfig, load, parse
from libsep.config.section import read_values
from libsep.media.decode import SAMPLE_RATE
from libsep.restoration.model import RestorationInfo, RestorationModel
from libsep.restoration.weights import ARCHITECTURE, save_network
from libsep.training.job import CONFIG
from libsep.training.records.export import export_curve
from libsep.training.restoration.step import as_amplitude_phase_net, begin
from libsep.training.weights.checkpoint import load_checkpoint


def export_restoration(run: Path, checkpoint: str, about: Path, folder: Path) -> RestorationModel:
    """Write the averaged weights of a checkpoint as a model, with the curve of the run.

    Parameters
    ----------
    run
        Folder of the training, with its ``config.yaml``.
    checkpoint
        Name of a checkpoint in it: ``best.pt`` or ``checkpoint.pt``.
    about
        YAML file with what the training cannot know; see `describe`.
    folder
        Where ``model.yaml`` and ``model.safetensors`` are written, and ``curve.csv`` and
        ``curve.png`` (the latter where matplotlib is installed).

    Raises
    ------
    ConfigError
        The run or the description cannot be read, or the checkpoint belongs to another network.
    ModelError
        The model cannot be written.
    """
    config = load(RestorationTrainingConfig, run / CONFIG)
    info = describe(config, about)
    state = begin(config)
    load_checkpoint(run / checkpoint, state)
    model = save_network(folder, info, as_amplitude_phase_net(state.average))
    export_curve(run, folder)
    return model


def describe(config: RestorationTrainingConfig, about: Path) -> RestorationInfo:
    """Return the description of a model that a training will give; needs no training yet.

    Parameters
    ----------
    config
        The training's.
    about
        YAML file with the fields of `RestorationInfo` except ``architecture``, ``arguments`` and
        ``sample_rate``.

    Raises
    ------
    ConfigError
        The file cannot be read, or names the field that is missing, unknown or wrong.
    """
    values = {
        "architecture": ARCHITECTURE,
        "arguments": config.network.model_dump(),
        "sample_rate": SAMPLE_RATE,
    }
    return parse(RestorationInfo, read_values(about) | values, origin=str(about))

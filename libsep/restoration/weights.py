"""Super-resolution networks from model folders and into them."""

from pathlib import Path

from libsep.errors import ModelError
from libsep.model_folder.description import read_folder
from libsep.model_folder.tensors import filled, made, write_network
from libsep.nets.super_resolution import AmplitudePhaseNet
from libsep.restoration.model import RestorationInfo, RestorationModel

ARCHITECTURE = "amplitude_phase_net"


def load_network(model: RestorationModel) -> AmplitudePhaseNet:
    """Rebuild the network of ``model``, with float32 weights, ready to evaluate on the CPU.

    Raises
    ------
    ModelError
        The weights are missing or damaged, are not those that the description names, or do not
        fit the network that it names.
    """
    return filled(lambda: build_network(model), model, model)


def save_network(
    folder: Path, info: RestorationInfo, network: AmplitudePhaseNet
) -> RestorationModel:
    """Write a model folder; matrices and kernels in half precision.

    Raises
    ------
    ModelError
        ``network`` is not what ``info`` describes, or the folder cannot be written.
    """
    write_network(folder, info, network, build_network(info))
    return read_folder(RestorationModel, folder)


def build_network(info: RestorationInfo) -> AmplitudePhaseNet:
    """Return the network that ``info`` describes, with random weights.

    Raises
    ------
    ModelError
        There is no such architecture, or its arguments do not fit it.
    """
    if info.architecture != ARCHITECTURE:
        message = f"{info.name}: architecture {info.architecture!r}, expected {ARCHITECTURE!r}"
        raise ModelError(message)
    return made(info, AmplitudePhaseNet, info.arguments)

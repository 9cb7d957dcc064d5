"""Networks for hits of drums from model folders and into them."""

from pathlib import Path

from libsep.errors import ModelError
from libsep.model_folder.description import read_folder
from libsep.model_folder.tensors import filled, made, write_network
from libsep.nets.drum_hits import DrumHitNet
from libsep.transients.model import HitInfo, HitModel

ARCHITECTURE = "drum_hit_net"


def load_network(model: HitModel) -> DrumHitNet:
    """Rebuild the network of ``model``, with float32 weights, ready to evaluate on the CPU.

    Raises
    ------
    ModelError
        The weights are missing or damaged, are not those that the description names, or do not
        fit the network that it names.
    """
    return filled(lambda: _build(model), model, model)


def save_network(folder: Path, info: HitInfo, network: DrumHitNet) -> HitModel:
    """Write a model folder; matrices and kernels in half precision.

    Raises
    ------
    ModelError
        ``network`` is not what ``info`` describes, or the folder cannot be written.
    """
    write_network(folder, info, network, _build(info))
    return read_folder(HitModel, folder)


def _build(info: HitInfo) -> DrumHitNet:
    if info.architecture != ARCHITECTURE:
        message = f"{info.name}: architecture {info.architecture!r}, expected {ARCHITECTURE!r}"
        raise ModelError(message)
    return made(info, DrumHitNet, {"sample_rate": info.sample_rate, **info.arguments})

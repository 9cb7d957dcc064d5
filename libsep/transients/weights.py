"""Networks for drum transients from model folders and into them."""

from pathlib import Path

from libsep.errors import ModelError
from libsep.model_folder.description import Description, read_folder
from libsep.model_folder.tensors import filled, made, write_network
from libsep.nets.drum_hits import DrumHitNet
from libsep.nets.one_shot_gan import OneShotGenerator
from libsep.transients.model import HitInfo, HitModel, SoundInfo, SoundModel

HIT_ARCHITECTURE = "drum_hit_net"
SOUND_ARCHITECTURE = "one_shot_generator"


def load_hit_network(model: HitModel) -> DrumHitNet:
    """Rebuild the network of ``model``, with float32 weights, ready to evaluate on the CPU.

    Raises
    ------
    ModelError
        The weights are missing or damaged, are not those that the description names, or do not
        fit the network that it names.
    """
    return filled(lambda: _hit_network(model), model, model)


def load_sound_network(model: SoundModel) -> OneShotGenerator:
    """Rebuild the generator of ``model``; see `load_hit_network`."""
    return filled(lambda: _sound_network(model), model, model)


def save_hit_network(folder: Path, info: HitInfo, network: DrumHitNet) -> HitModel:
    """Write a model folder; matrices and kernels in half precision.

    Raises
    ------
    ModelError
        ``network`` is not what ``info`` describes, or the folder cannot be written.
    """
    write_network(folder, info, network, _hit_network(info))
    return read_folder(HitModel, folder)


def save_sound_network(folder: Path, info: SoundInfo, network: OneShotGenerator) -> SoundModel:
    """Write a model folder; see `save_hit_network`."""
    write_network(folder, info, network, _sound_network(info))
    return read_folder(SoundModel, folder)


def _hit_network(info: HitInfo) -> DrumHitNet:
    _check(info, HIT_ARCHITECTURE)
    return made(info, DrumHitNet, {"sample_rate": info.sample_rate, **info.arguments})


def _sound_network(info: SoundInfo) -> OneShotGenerator:
    _check(info, SOUND_ARCHITECTURE)
    return made(info, OneShotGenerator, info.arguments)


def _check(info: Description, architecture: str) -> None:
    if info.architecture != architecture:
        message = f"{info.name}: architecture {info.architecture!r}, expected {architecture!r}"
        raise ModelError(message)

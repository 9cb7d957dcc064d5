"""The networks that a model's description may name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from libsep.errors import ModelError
from libsep.model_folder.tensors import made
from libsep.nets.band_split_unet import BandSplitUNet
from libsep.nets.blend import Blend
from libsep.nets.demucs import Demucs
from libsep.nets.hdemucs import HybridDemucs
from libsep.nets.network import SeparationNetwork
from libsep.nets.nmf import Nmf
from libsep.nets.open_unmix import OpenUnmix
from libsep.nets.scnet import SCNet
from libsep.nets.svsgan import Svsgan
from libsep.nets.two_encoder import TwoEncoder
from libsep.nets.unet import UNet
from libsep.nets.wave_unet import WaveUNet
from libsep.nets.wavenet import WaveNet
from libsep.separation.model import BLEND
from libsep.separation.registry import ModelInfo

ARCHITECTURES: Mapping[str, Callable[..., SeparationNetwork]] = {
    "band_split_unet": BandSplitUNet,
    "demucs": Demucs,
    "hdemucs": HybridDemucs,
    "nmf": Nmf,
    "open_unmix": OpenUnmix,
    "scnet": SCNet,
    "svsgan": Svsgan,
    "two_encoder": TwoEncoder,
    "unet": UNet,
    "wave_unet": WaveUNet,
    "wavenet": WaveNet,
}
"""What builds the network of each name that ``architecture`` may have, from its arguments."""


def build_network(info: ModelInfo) -> SeparationNetwork:
    """Return the network that ``info`` describes, with random weights.

    Raises
    ------
    ModelError
        There is no such architecture, its arguments do not fit it, or its targets are others.
    """
    if info.architecture not in (*ARCHITECTURES, BLEND):
        names = ", ".join((*ARCHITECTURES, BLEND))
        message = f"{info.name}: architecture {info.architecture!r} is unknown, there are: {names}"
        raise ModelError(message)
    network: SeparationNetwork = made(
        info, ARCHITECTURES.get(info.architecture, _blend), info.arguments
    )
    if network.targets != info.targets:
        raise ModelError(
            f"{info.name}: targets are {info.targets}, but those of the network {network.targets}"
        )
    return network


def _blend(members: Sequence[Mapping[str, Any]], weights: Sequence[float]) -> Blend:
    """Return a blend with random weights; an unknown architecture is a `ValueError`."""
    for member in members:
        if member.get("architecture") not in ARCHITECTURES:
            raise ValueError(f"member {member}, expected an architecture of {list(ARCHITECTURES)}")
    return Blend([ARCHITECTURES[each["architecture"]](**each["arguments"]) for each in members],
                 weights)  # fmt: skip

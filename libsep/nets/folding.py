"""Networks as they are fastest for inference."""

import torch

from libsep.nets.band_split_unet import BandSplitUNet
from libsep.nets.blend import Blend
from libsep.nets.folded import FoldedBlend
from libsep.nets.folded_band_split import FoldedBandSplitUNet
from libsep.nets.folded_unet import FoldedUNet
from libsep.nets.network import SeparationNetwork
from libsep.nets.unet import UNet


def folded(network: SeparationNetwork, dtype: torch.dtype) -> SeparationNetwork:
    """Return what gives the estimates of a network in evaluation, as fast as we know how.

    A copy that cannot be trained, in its precision whatever autocast says; or the network itself,
    whose arithmetic is up to autocast.

    Parameters
    ----------
    network
        Is not changed.
    dtype
        Arithmetic of the copy, float32 or bfloat16.
    """
    if isinstance(network, BandSplitUNet):
        return FoldedBandSplitUNet(network, dtype)
    if isinstance(network, UNet):
        return FoldedUNet(network, dtype)
    if isinstance(network, Blend):
        members = [folded(member, dtype) for member in network.networks]
        fitting = FoldedBlend.of(members, network.shares, network.wiener)
        if fitting is None:
            assert not network.wiener, "filters are for members of one transform, which all fold"
            return Blend(members, network.shares)
        return fitting
    return network

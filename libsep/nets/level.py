"""The level of a mixture, which networks on samples and magnitudes should not have to learn."""

import torch
from jaxtyping import Float
from torch import Tensor

from libsep.nets.network import with_last

SILENCE = 1e-10
"""RMS below which a mixture is not made louder."""


def at_unit_level(
    mixture: Float[Tensor, "B C T"],
) -> tuple[Float[Tensor, "B C T"], Float[Tensor, "B 1 1"]]:
    """Return a mixture with an RMS of 1, and the RMS that it had; silence stays silence."""
    level = mixture.square().mean(dim=(1, 2), keepdim=True).sqrt()
    return mixture / level.clamp(min=SILENCE), level


def add_up(
    estimates: Float[Tensor, "B S C T"], mixture: Float[Tensor, "B C T"]
) -> Float[Tensor, "B S C T"]:
    """Return the nearest estimates that add up to the mixture: what it lacks is shared equally.

    References
    ----------
    Wisdom et al., "Differentiable consistency constraints for improved deep
    speech enhancement", ICASSP 2019, section 2.3.
    """
    share = (mixture - estimates.sum(1)) / estimates.shape[1]
    return with_last(estimates[:, :-1] + share[:, None], mixture)


def zeros_for(mixture: Float[Tensor, "B C T"], n_targets: int) -> Float[Tensor, "B S C T"]:
    """Return estimates of nothing, for a mixture of no samples."""
    n_batch, n_channels, n_samples = mixture.shape
    return torch.zeros((n_batch, n_targets, n_channels, n_samples), device=mixture.device)

"""The level of a mixture, which networks on samples and magnitudes should not have to learn."""

import torch
from jaxtyping import Float
from torch import Tensor

from libsep.nets.network import with_last

SILENCE = 1e-10
"""RMS below which a mixture is not made louder."""

HEARD_SHARE = 1e-6
"""Frames with less power than this share of the loudest one's do not count for a level: 60 dB."""


def at_unit_level(
    mixture: Float[Tensor, "B C T"],
) -> tuple[Float[Tensor, "B C T"], Float[Tensor, "B 1 1"]]:
    """Return a mixture with an RMS of 1, and the RMS that it had; silence stays silence."""
    level = mixture.square().mean(dim=(1, 2), keepdim=True).sqrt()
    return mixture / level.clamp(min=SILENCE), level


def gain_to_level(
    magnitude: Float[Tensor, "B C N F"], n_fft: int, level_db: float
) -> Float[Tensor, "B 1 1 1"]:
    """Return the factor that brings spectrograms to a level; silence gets a finite one.

    Frames far below the loudest, such as silence after the end of a track, do not count.

    Parameters
    ----------
    magnitude
        Of `libsep.dsp.stft`, whose Hann windows have ``n_fft`` samples.
    n_fft
        Length of the windows.
    level_db
        RMS of the samples, in dB relative to full scale.
    """
    windows_power = n_fft * n_fft * 3 / 16  # of all samples under a Hann window, both halves
    power = magnitude.square().sum(-1).mean(1) / windows_power  # (B, N)
    counts = power > HEARD_SHARE * power.amax(1, keepdim=True)
    mean = (power * counts).sum(1) / counts.sum(1).clamp(min=1)
    gain = 10 ** (level_db / 20) * mean.clamp(min=SILENCE**2).rsqrt()
    return gain[:, None, None, None]


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

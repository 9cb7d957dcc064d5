"""Exchange the upper band of a spectrogram, with a cross-fade at the cut-off."""

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from libsep.dsp.replication import first_missing_bin

FADE_HZ = 200.0
"""Half width of the cross-fade at the cut-off."""


def first_bin(cutoff_hz: float, sample_rate: int, n_fft: int) -> int:
    """Return the first bin that is exchanged for a cut-off."""
    return first_missing_bin(cutoff_hz, FADE_HZ, sample_rate, n_fft)


def band_weights(cutoff_hz: float, sample_rate: int, n_fft: int) -> Float[Tensor, " F"]:
    """Return the share of the new band in each bin.

    0 up to 200 Hz below the cut-off, 1 from 200 Hz above it on, and half a cosine between.
    """
    hertz = torch.arange(n_fft // 2 + 1) * (sample_rate / n_fft)
    place = ((hertz - cutoff_hz + FADE_HZ) / (2 * FADE_HZ)).clamp(0, 1)
    return 0.5 - 0.5 * torch.cos(torch.pi * place)


def generated_band(
    spectrum: Complex[Tensor, "*lead F N"],
    made: Complex[Tensor, "*lead F N"],
    weights: Float[Tensor, " F"],
) -> Complex[Tensor, "*lead F N"]:
    """Return what has to be added to ``spectrum`` so that its upper band is ``made``.

    What an encoder or a filter left above the cut-off is taken away by the same sum.
    """
    return (made - spectrum) * weights[:, None]

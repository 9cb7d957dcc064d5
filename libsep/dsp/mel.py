"""Bands of the mel scale as Slaney drew them: the scale that public taggers of music expect."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

_LINEAR_HZ = 200 / 3
"""Width of a mel where the scale is linear, in Hz."""

_BREAK_HZ = 1000.0
"""From here on the scale is logarithmic."""

_LOG_STEP = math.log(6.4) / 27
"""Growth of the frequency from one mel to the next there, in nepers."""


def slaney_mels(frequencies_hz: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """Return frequencies in mels: linear up to 1 kHz, which is 15 mels, then logarithmic."""
    high = torch.log(frequencies_hz.clamp(min=_BREAK_HZ) / _BREAK_HZ) / _LOG_STEP
    return frequencies_hz.clamp(max=_BREAK_HZ) / _LINEAR_HZ + high


def slaney_frequencies(mels: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """Return mels as frequencies in Hz: the inverse of `slaney_mels`."""
    top = _BREAK_HZ / _LINEAR_HZ
    return mels.clamp(max=top) * _LINEAR_HZ * torch.exp((mels - top).clamp(min=0) * _LOG_STEP)


def slaney_filters(n_bands: int, n_fft: int, sample_rate: int) -> Float[Tensor, "bands F"]:
    """Return triangular filters from 0 Hz to half the rate; each has an area of one over Hz.

    Parameters
    ----------
    n_bands
        Number of filters; their corners are equally far apart in mels.
    n_fft
        Length of the transform whose bins they weigh, in samples.
    sample_rate
        Of the signal, in Hz.

    References
    ----------
    Slaney, "Auditory Toolbox, version 2", Interval Research, technical report 1998-010:
    ``mfcc.m``.
    """
    nyquist_hz = sample_rate / 2
    highest = float(slaney_mels(torch.tensor(nyquist_hz, dtype=torch.float64)))
    corners = slaney_frequencies(torch.linspace(0, highest, n_bands + 2, dtype=torch.float64))
    bins = torch.linspace(0, nyquist_hz, n_fft // 2 + 1, dtype=torch.float64)
    low, middle, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    rising, falling = (bins - low) / (middle - low), (high - bins) / (high - middle)
    triangles = torch.minimum(rising, falling).clamp(min=0)
    return (triangles * 2 / (high - low)).float()

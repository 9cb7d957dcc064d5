"""Log-spectral distance of long signals, of all bins and of the high ones."""

import math

import numpy as np
import torch
from jaxtyping import Float32

from libsep.dsp.stft import power, stft_parts
from libsep.metrics import HIGH_BAND_HZ

N_FFT = 2048
FLOOR = 1e-8


def log_spectral_distances(
    source: Float32[np.ndarray, "C T"], estimate: Float32[np.ndarray, "C T"], sample_rate: int
) -> tuple[float, float]:
    """Return the distance over all bins and over those from `HIGH_BAND_HZ`; 0 for equal signals.

    As `libsep.metrics.lsd`, in units of log10 of power, but in the memory of a few seconds. Where
    the source was coded with a low-pass, its high band is empty and the second number says little.
    """
    highest = math.ceil(HIGH_BAND_HZ * N_FFT / sample_rate)
    parts = [
        stft_parts(torch.from_numpy(signal), N_FFT, N_FFT // 4) for signal in (source, estimate)
    ]
    full, high, n_cells = 0.0, 0.0, 0
    for spectra in zip(*parts, strict=True):
        logs = [power(part).clamp_(min=FLOOR).log10_() for part in spectra]
        squares = (logs[0] - logs[1]).square()  # (C, F, N)
        full += float(squares.mean(-2).sqrt().double().sum())
        high += float(squares[..., highest:, :].mean(-2).sqrt().double().sum())
        n_cells += squares.shape[0] * squares.shape[-1]
    return full / max(n_cells, 1), high / max(n_cells, 1)

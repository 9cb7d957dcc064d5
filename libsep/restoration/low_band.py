"""How far two signals differ below a frequency, while they stream by."""

import numpy as np
from jaxtyping import Float32
from numpy.lib.stride_tricks import sliding_window_view

from libsep.units import power_to_db

N_FFT = 4096
_HOP = N_FFT // 2
_FRAMES_AT_ONCE = 64


class LowBandMeter:
    """Level of what lies below a frequency in a signal that arrives in blocks of any length.

    Parameters
    ----------
    below_hz
        The frequency; at least 100 Hz above it something loud may lie without being counted.
    sample_rate
        In Hz.
    """

    def __init__(self, below_hz: float, sample_rate: int) -> None:
        self._n_bins = int(below_hz / sample_rate * N_FFT)
        self._window = np.hanning(N_FFT + 1)[:-1].astype(np.float32)
        self._rest: Float32[np.ndarray, "C _"] | None = None
        self._energy = 0.0
        self._n_samples = 0

    def add(self, block: Float32[np.ndarray, "C T"]) -> None:
        """Take the next samples, full scale ±1.0."""
        self._n_samples += block.size
        if self._rest is None:
            self._rest = np.zeros((len(block), N_FFT - _HOP), np.float32)
        self._rest = self._counted(np.concatenate([self._rest, block], axis=-1))

    def level_db(self) -> float:
        """Return the level (RMS, dB) of all samples so far; to be called once, at the end."""
        if self._rest is not None:
            self._counted(np.pad(self._rest, ((0, 0), (0, N_FFT))))
            self._rest = None
        # Two windows lie over each sample; the mean of a squared Hann window is 3/8.
        return power_to_db(self._energy / (N_FFT * 3 / 8 * 2) / max(self._n_samples, 1))

    def _counted(self, samples: Float32[np.ndarray, "C T"]) -> Float32[np.ndarray, "C _"]:
        """Add the energy of all whole frames, and return the samples that the next one needs."""
        if samples.shape[-1] < N_FFT:
            return samples
        frames = sliding_window_view(samples, N_FFT, axis=-1)[:, ::_HOP]
        for start in range(0, frames.shape[1], _FRAMES_AT_ONCE):
            some = frames[:, start : start + _FRAMES_AT_ONCE] * self._window
            spectrum = np.fft.rfft(some, axis=-1)[..., : self._n_bins]
            # Bins count twice: the other half of the spectrum mirrors them.
            self._energy += 2 * float(np.square(np.abs(spectrum)).sum(dtype=np.float64))
        return samples[:, frames.shape[1] * _HOP :].copy()

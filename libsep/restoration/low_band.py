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

    Only whole frames count: the cut at either end of a track would sound in every band.

    Parameters
    ----------
    below_hz
        The frequency; from 100 Hz above it on, something loud may lie without being counted.
    sample_rate
        In Hz.
    """

    def __init__(self, below_hz: float, sample_rate: int) -> None:
        self._n_bins = int(below_hz / sample_rate * N_FFT)
        self._window = np.hanning(N_FFT + 1)[:-1].astype(np.float32)
        self._rest: Float32[np.ndarray, "C _"] | None = None
        self._power = 0.0
        self._n_frames = 0

    def add(self, block: Float32[np.ndarray, "C T"]) -> None:
        """Take the next samples, full scale ±1.0."""
        samples = block if self._rest is None else np.concatenate([self._rest, block], axis=-1)
        n_frames = max((samples.shape[-1] - N_FFT) // _HOP + 1, 0)
        self._rest = samples[:, n_frames * _HOP :].copy()
        if n_frames:
            frames = sliding_window_view(samples, N_FFT, axis=-1)[:, ::_HOP]
            for start in range(0, n_frames, _FRAMES_AT_ONCE):
                self._count(frames[:, start : start + _FRAMES_AT_ONCE])
            self._n_frames += n_frames

    def level_db(self) -> float:
        """Return the level (RMS, dB) of the samples so far; ``-inf`` for less than a frame."""
        return power_to_db(self._power / max(self._n_frames, 1))

    def _count(self, frames: Float32[np.ndarray, "C N frame"]) -> None:
        spectrum = np.fft.rfft(frames * self._window, axis=-1)[..., : self._n_bins]
        # Bins count twice, because the other half of the spectrum mirrors them.
        energy = 2 * np.square(np.abs(spectrum)).sum(dtype=np.float64)
        self._power += float(energy / (N_FFT * np.square(self._window).sum() * len(frames)))

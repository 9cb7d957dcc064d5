"""Strokes of drums as samples: where they lie in a track, and how alike two of them are."""

import dataclasses

import numpy as np
from jaxtyping import Float, Float32

BEFORE_S = 0.005
"""What a stroke shows before its attack, in seconds."""

AFTER_S = 0.06
"""What it shows after it."""

LAG_S = 0.003
"""How far an attack may lie from where it was found."""


@dataclasses.dataclass(frozen=True, slots=True)
class StrokeGrid:
    """Lengths in samples: before and after an attack, and the largest lag."""

    before: int
    after: int
    lag: int

    @classmethod
    def of_rate(cls, sample_rate: int) -> "StrokeGrid":
        """Return the lengths at a sample rate in Hz."""
        lengths = (int(length_s * sample_rate) for length_s in (BEFORE_S, AFTER_S, LAG_S))
        return cls(*lengths)

    @property
    def length(self) -> int:
        """Samples of a stroke."""
        return self.before + self.after

    def around(self, place: int) -> slice:
        """Return where a stroke may lie whose attack was found at ``place``."""
        return slice(place - self.before - self.lag, place + self.after + self.lag)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Stroke:
    """A stroke as a drum stem has it, with the largest lag at both ends.

    ``place``: sample of the track. ``clean_db``: its energy, relative to all else that sounds.
    """

    place: int
    clean_db: float
    sound: Float32[np.ndarray, "C T"]


def likeness(
    sound: Float32[np.ndarray, "C T"], pattern: Float[np.ndarray, "C L"]
) -> Float[np.ndarray, " lags"]:
    """Return the normalised correlation of a pattern with a sound, at each place of the sound.

    From -1 to 1; both channels count together. A silent sound is like nothing.
    """
    n_samples, length = sound.shape[1], pattern.shape[1]
    n_fft = 1 << (n_samples + length).bit_length()
    spectrum = np.fft.rfft(sound, n_fft) * np.fft.rfft(pattern, n_fft).conj()
    products = np.fft.irfft(spectrum, n_fft).sum(axis=0)[: n_samples - length + 1]
    total = np.concatenate([[0.0], np.cumsum(np.square(sound, dtype=np.float64).sum(axis=0))])
    energies = (total[length:] - total[:-length]) * np.square(pattern, dtype=np.float64).sum()
    alike: np.ndarray = products / np.sqrt(np.maximum(energies, 1e-20))
    return alike

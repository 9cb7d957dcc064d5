"""Fill a missing upper band with copies of the one below: the classical way, and a carrier."""

import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor

STEEPEST = -24.0
"""Largest fall of the level that is continued, in dB per octave."""

PERIOD = 4
"""Bands move by multiples of this many bins, as ``n_fft / hop_length`` of the transform: only
then does a copy advance its phase from frame to frame as a real signal of that band would."""


def first_missing_bin(cutoff_hz: float, width_hz: float, sample_rate: int, n_fft: int) -> int:
    """Return the first bin that is ``width_hz`` below the cut-off or higher."""
    return max(-int(-(cutoff_hz - width_hz) * n_fft // sample_rate), 0)


def replicate(
    spectrum: Complex[Tensor, "B F N"], first_bins: Int[Tensor, " B"]
) -> Complex[Tensor, "B F N"]:
    """Return spectrograms whose bins from ``first_bins`` on are copies of the octave below.

    The octave is repeated up to the last bin. Its level goes on falling with the frequency as it
    falls between the two highest octaves that are there, on average over time and in dB, but
    never rises and falls by 24 dB per octave at most. Items do not influence each other; silence
    stays silence, and the bins below are copied bit for bit.

    Parameters
    ----------
    spectrum
        Of any scale; the hop of its transform is a quarter of the window.
    first_bins
        Of each item, at least 16.

    Raises
    ------
    ValueError
        A first bin is too low to copy anything from below it.

    References
    ----------
    Dietz et al., "Spectral band replication, a novel approach in audio coding", AES 112, 2002;
    without its side information about the envelope, which is guessed here.
    """
    n_bins = spectrum.shape[1]
    filled = []
    for item, first in zip(spectrum, first_bins.tolist(), strict=True):
        if first < 4 * PERIOD:
            raise ValueError(f"the first missing bin is {first}, expected {4 * PERIOD} or more")
        width = first // (2 * PERIOD) * PERIOD
        goals = torch.arange(first, n_bins, device=spectrum.device)
        sources = first - width + (goals - first) % width
        octaves = (goals / sources).log2()
        gains = 10 ** (slope_db(item, first) * octaves / 20)
        filled.append(torch.cat([item[:first], item[sources] * gains[:, None]]))
    return torch.stack(filled)


def slope_db(spectrum: Complex[Tensor, "F N"], first_bin: int) -> Float[Tensor, ""]:
    """Return how the level changes per octave below a bin, in dB; from -24 to 0.

    Between the two highest octaves, as means over time and bins of the levels of the cells that
    are not silent; 0 if one of the octaves is.
    """
    means = []
    for low, high in ((first_bin // 4, first_bin // 2), (first_bin // 2, first_bin)):
        power = spectrum[low:high].abs().square()
        is_heard = power > 0
        levels = torch.where(is_heard, 10 * power.clamp(min=1e-30).log10(), 0.0)
        means.append((levels.sum() / is_heard.sum().clamp(min=1), is_heard.any()))
    (lower, has_lower), (upper, has_upper) = means
    slope = torch.where(has_lower & has_upper, upper - lower, 0.0)
    return slope.clamp(STEEPEST, 0.0)

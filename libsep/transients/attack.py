"""One attack of a drum stem, moved towards the clean sound of its drum."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float32

from libsep.transients.strokes import StrokeGrid, likeness
from libsep.transients.templates import Template, band_mean

MIN_CORRELATION = 0.6
"""Attacks that are less like the clean sound of their drum are left alone."""

LEAKAGE = 1.0
"""Energy of what is expected to be wrong in the drum stem, relative to all else that sounds there:
0.25, 0.5, 1 and 2 gave 0.085, 0.109, 0.134 and 0.157 dB of SDR on thirty seconds of five songs."""

FADE_S = 0.002
"""Fade-in before the attack, in seconds."""

SHORTEST_S = 0.02
LONGEST_S = 0.055
"""How much after the attack is replaced; the second half of it fades out."""

NO_SOUND = 1e-20


def correction(
    drums: Float32[np.ndarray, "2 T"],
    shared: Float32[np.ndarray, "2 T"],
    rest: Float32[np.ndarray, "2 T"],
    templates: Sequence[Template],
    grid: StrokeGrid,
) -> tuple[int, Float32[np.ndarray, "2 L"]] | None:
    """Return what is to be added to an attack, and from which sample of the stretch on.

    The template that is most like the stem gives lag and, by least squares, gain. In each band
    the stem and the template are two witnesses of the same stroke: the stem errs by a share of
    what else sounds there, the template by how little the strokes agree. The attack moves towards
    the template as far as that is the surer one: not at all where nothing else sounds, or where
    strokes differ as noise does; all the way where they are equal and much else sounds.

    Parameters
    ----------
    drums
        The stem around the attack, `StrokeGrid.around` its place.
    shared
        The same of what the correction moves sound between: drums and ``other`` together. What of
        an attack was left in ``other`` counts for its gain.
    rest
        The same of the mixture without the drums.
    templates
        Clean sounds of the kind of hit.
    grid
        Lengths in samples.

    Returns
    -------
    None if no template is like the attack. The change is not faded yet.
    """
    best: tuple[float, int, Template] | None = None
    for template in templates:
        correlations = likeness(drums, template.sound)
        lag = int(correlations.argmax())
        if best is None or correlations[lag] > best[0]:
            best = float(correlations[lag]), lag, template
    if best is None or best[0] < MIN_CORRELATION:
        return None
    _, lag, template = best
    place = slice(lag, lag + grid.length)
    clean, agreement = np.fft.rfft(template.sound), template.agreement
    stem, both = np.fft.rfft(drums[:, place]), np.fft.rfft(shared[:, place])
    energy = float((agreement * np.square(np.abs(clean))).sum())
    gain = float((agreement * (both * clean.conj()).real).sum()) / max(energy, NO_SOUND)
    errors = LEAKAGE * _power(np.fft.rfft(rest[:, place]))
    doubt = (1 - agreement) * _power(stem)
    weight = agreement * errors / (errors + doubt + NO_SOUND)
    change = np.fft.irfft(weight * (gain * clean - stem), grid.length)
    return lag, change.astype(np.float32)


def fade(n_samples: int, grid: StrokeGrid, sample_rate: int) -> Float32[np.ndarray, " L"]:
    """Return the weights of a change of which ``n_samples`` after the attack are kept."""
    n_fade = int(FADE_S * sample_rate)
    rise = np.sin(np.pi / 2 * (np.arange(n_fade) + 0.5) / n_fade) ** 2
    n_kept = grid.before + n_samples
    n_fall = n_samples // 2
    weights = np.zeros(grid.length, np.float32)
    weights[:n_kept] = 1
    weights[:n_fade] = rise
    weights[n_kept - n_fall : n_kept] = np.cos(np.pi / 2 * (np.arange(n_fall) + 0.5) / n_fall) ** 2
    return weights


def _power(spectrum: np.ndarray) -> Float[np.ndarray, " F"]:
    return band_mean(np.square(np.abs(spectrum)).sum(axis=0))

"""The clean sound of a drum: the median of its cleanest strokes, and how far they agree."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float32

from libsep.transients.strokes import Stroke, likeness

MIN_STROKES = 4
"""Strokes that it takes to tell a drum from what else sounds with it."""

MAX_STROKES = 12
"""Strokes that a median is of."""

MAX_TEMPLATES = 4
"""Sounds of one kind of hit: two snares, several toms."""

ALIKE = 0.6
"""Correlation from which on two strokes are the same sound."""

BAND = 1.19
"""Bins from ``f / BAND`` to ``f * BAND`` are averaged: half an octave."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A clean sound of unit energy, and for each bin which share of it all strokes had in common.

    ``agreement`` is one where they are equal, as those of a drum machine are, and zero where they
    have nothing in common, as the noise of cymbals.
    """

    sound: Float32[np.ndarray, "C T"]
    agreement: Float[np.ndarray, " F"]


def make_templates(strokes: Sequence[Stroke], lag: int) -> list[Template]:
    """Return the sounds that strokes of one kind of hit have in common, the cleanest one first.

    The cleanest stroke is the pattern: others that are like it are aligned with it, to the sample,
    and brought to the same energy; the template is their median. What is like no pattern is left.

    Parameters
    ----------
    strokes
        In any order.
    lag
        Samples at both ends of a stroke that are there to be aligned.
    """
    left = sorted(strokes, key=lambda stroke: (-stroke.clean_db, stroke.place))
    templates: list[Template] = []
    while len(left) >= MIN_STROKES and len(templates) < MAX_TEMPLATES:
        pattern = left[0].sound[:, lag : left[0].sound.shape[1] - lag]
        alike: list[np.ndarray] = []
        others: list[Stroke] = []
        for stroke in left:
            correlations = likeness(stroke.sound, pattern)
            best = int(correlations.argmax())
            if correlations[best] < ALIKE:
                others.append(stroke)
                continue
            aligned = stroke.sound[:, best : best + pattern.shape[1]]
            alike.append(aligned / np.sqrt(np.square(aligned).sum()))
        if len(alike) >= MIN_STROKES:
            templates.append(_template(np.stack(alike[:MAX_STROKES])))
        left = others if alike else left[1:]
    return templates


def cleanest_alone(strokes: Sequence[Stroke], lag: int) -> list[Template]:
    """Return the cleanest stroke as a template, as if all others agreed with it.

    It is for those who know better how drums sound than one stroke tells. Where all strokes are
    softer than what else sounds with them there is none.

    Parameters
    ----------
    strokes, lag
        As for `make_templates`.
    """
    loud = [stroke for stroke in strokes if stroke.clean_db > 0]
    if not loud:
        return []
    sound = min(loud, key=lambda stroke: (-stroke.clean_db, stroke.place)).sound
    pattern = sound[:, lag : sound.shape[1] - lag]
    level = max(float(np.sqrt(np.square(pattern).sum())), 1e-10)
    return [Template(pattern / np.float32(level), np.ones(pattern.shape[1] // 2 + 1))]


def band_mean(power: Float[np.ndarray, " F"]) -> Float[np.ndarray, " F"]:
    """Return powers of bins, each averaged over half an octave around it."""
    total = np.concatenate([[0.0], np.cumsum(power)])
    bins = np.arange(len(power))
    first = np.maximum((bins / BAND).astype(int) - 1, 0)
    last = np.minimum((bins * BAND).astype(int) + 2, len(power))
    mean: np.ndarray = (total[last] - total[first]) / (last - first)
    return mean


def _template(alike: Float32[np.ndarray, "N C T"]) -> Template:
    n_strokes = len(alike)
    spectra = np.fft.rfft(alike)
    common = band_mean(np.square(np.abs(spectra.mean(axis=0))).sum(axis=0))
    whole = band_mean(np.square(np.abs(spectra)).mean(axis=0).sum(axis=0))
    # The mean of strokes that have nothing in common has 1 / n of their power.
    share = (common / np.maximum(whole, 1e-20) - 1 / n_strokes) / (1 - 1 / n_strokes)
    return Template(np.median(alike, axis=0).astype(np.float32), share.clip(0, 1))

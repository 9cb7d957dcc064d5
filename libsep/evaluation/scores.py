"""SDR by song and target, and its means."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float32

from libsep.datasets.songs import Song
from libsep.datasets.sums import in_order, targets_of
from libsep.metrics import usdr

Scores = dict[str, dict[str, float]]
"""Song, then target, then SDR in dB."""


def score_song(song: Song, estimates: Mapping[str, Float32[np.ndarray, "2 T"]]) -> dict[str, float]:
    """Return the SDR of each target whose source is known and not silent throughout.

    Against the known sum of several targets stands the sum of their estimates.
    """
    scores: dict[str, float] = {}
    for name in song.known_sources:
        first, *others = (estimates[target] for target in targets_of(name))
        scores[name] = usdr(song.source(name), sum(others, first))
    return {name: value for name, value in scores.items() if not np.isnan(value)}


def mean_by_target(scores: Scores) -> dict[str, float]:
    """Return the mean over songs for each target that was scored, and their ``mean``."""
    means = {
        target: float(np.mean([song[target] for song in scores.values() if target in song]))
        for target in in_order({target for song in scores.values() for target in song})
    }
    return means | ({"mean": float(np.mean(list(means.values())))} if means else {})

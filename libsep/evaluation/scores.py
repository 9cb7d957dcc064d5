"""SDR by song and target, and its means."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float32

from libsep.datasets.songs import Song
from libsep.metrics import usdr
from libsep.track import TARGETS

Scores = dict[str, dict[str, float]]
"""Song, then target, then SDR in dB."""


def score_song(song: Song, estimates: Mapping[str, Float32[np.ndarray, "2 T"]]) -> dict[str, float]:
    """Return the SDR of each target whose source is known and not silent throughout."""
    scores = {name: usdr(song.source(name), estimates[name]) for name in song.scored_targets}
    return {name: value for name, value in scores.items() if not np.isnan(value)}


def mean_by_target(scores: Scores) -> dict[str, float]:
    """Return the mean over songs for each target that was scored, and their ``mean``."""
    means = {
        target: float(np.mean([song[target] for song in scores.values() if target in song]))
        for target in TARGETS
        if any(target in song for song in scores.values())
    }
    return means | ({"mean": float(np.mean(list(means.values())))} if means else {})

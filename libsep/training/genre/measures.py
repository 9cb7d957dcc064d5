"""How right a classifier is, and how well it knows that."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int

_TEMPERATURES = np.geomspace(0.25, 20.0, 200)
_N_BINS = 10
_THRESHOLDS = [percent / 100 for percent in range(30, 100, 5)]


def softmax(
    logits: Float[np.ndarray, "tracks G"], temperature: float = 1.0
) -> Float[np.ndarray, "tracks G"]:
    """Return probabilities; a higher temperature makes them more alike."""
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    shares: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return shares


def best_temperature(
    logits: Float[np.ndarray, "tracks G"], labels: Int[np.ndarray, " tracks"]
) -> float:
    """Return the temperature at which the true genres are likeliest, from 0.25 to 20.

    References
    ----------
    Guo et al., "On calibration of modern neural networks", ICML 2017.
    """
    rows = np.arange(len(labels))
    losses = [-np.log(softmax(logits, t)[rows, labels] + 1e-12).mean() for t in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def calibration_error(
    probabilities: Float[np.ndarray, "tracks G"], labels: Int[np.ndarray, " tracks"]
) -> float:
    """Return the expected distance of the highest probability from how often it is right.

    Of ten equal bins of probability, weighted by the number of tracks in them; 0 to 1.
    """
    highest = probabilities.max(axis=1)
    is_right = probabilities.argmax(axis=1) == labels
    bins = np.minimum((highest * _N_BINS).astype(int), _N_BINS - 1)
    errors = [
        abs(highest[bins == index].mean() - is_right[bins == index].mean()) * (bins == index).mean()
        for index in np.unique(bins)
    ]
    return float(sum(errors))


def best_threshold(
    probabilities: Float[np.ndarray, "tracks G"],
    labels: Int[np.ndarray, " tracks"],
    wanted: float,
) -> float:
    """Return the lowest probability from which on the share ``wanted`` of the tracks is right.

    It is one of 0.3, 0.35 … 0.95; the last one, too, where no track is right often enough.
    """
    highest = probabilities.max(axis=1)
    is_right = probabilities.argmax(axis=1) == labels
    for threshold in _THRESHOLDS[:-1]:
        is_decided = highest >= threshold
        if is_decided.any() and is_right[is_decided].mean() >= wanted:
            return threshold
    return _THRESHOLDS[-1]


def scores(
    probabilities: Float[np.ndarray, "tracks G"],
    labels: Int[np.ndarray, " tracks"],
    threshold: float,
) -> dict[str, float]:
    """Return what is told about a classifier, all shares from 0 to 1.

    ``accuracy`` of all tracks; ``recall``, the mean over genres, which guessing makes one over
    their number; ``largest``, the accuracy of always naming the most frequent genre; ``decided``,
    the share of tracks whose probability reaches ``threshold``, and ``accuracy_decided`` of those
    (not there if there are none); ``calibration_error``.
    """
    is_right = probabilities.argmax(axis=1) == labels
    is_decided = probabilities.max(axis=1) >= threshold
    present = np.unique(labels)
    values = {
        "accuracy": is_right.mean(),
        "recall": np.mean([is_right[labels == label].mean() for label in present]),
        "largest": max((labels == label).mean() for label in present),
        "decided": is_decided.mean(),
        "calibration_error": calibration_error(probabilities, labels),
    }
    if is_decided.any():
        values["accuracy_decided"] = is_right[is_decided].mean()
    return {name: round(float(value), 4) for name, value in values.items()}


def confusion(
    probabilities: Float[np.ndarray, "tracks G"],
    labels: Int[np.ndarray, " tracks"],
    genres: Sequence[str],
) -> Mapping[str, Mapping[str, int]]:
    """Return how many tracks of each genre were taken for which."""
    heard = probabilities.argmax(axis=1)
    return {
        true: {
            name: int(((labels == row) & (heard == column)).sum())
            for column, name in enumerate(genres)
        }
        for row, true in enumerate(genres)
    }

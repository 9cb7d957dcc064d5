"""Hear which genre a track belongs to."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from libsep.errors import ModelError
from libsep.genre.description import ClassifierInfo, StoredClassifier, find_classifier
from libsep.model_folder.description import read_folder
from libsep.model_folder.tensors import fill, read_tensors, write_network
from libsep.nets.genre_cnn import GenreCNN

ARCHITECTURE = "genre_cnn"


class Classifier:
    """A network that hears windows of a track, and says how likely each genre is.

    Parameters
    ----------
    info
        What it was trained to tell apart.
    network
        Gives one logit for each genre of ``info``.
    """

    def __init__(self, info: StoredClassifier, network: GenreCNN) -> None:
        self.info = info
        self._network = network.eval().requires_grad_(requires_grad=False)

    def classify(self, windows: Float32[np.ndarray, "N 2 T"]) -> dict[str, float]:
        """Return how likely each genre is; the probabilities add up to one.

        Parameters
        ----------
        windows
            Stretches of one track at the classifier's rate, as `libsep.genre.windows` cuts them.
            Their level does not matter; of a silent track every genre is as likely as any.
        """
        peak = float(np.abs(windows).max(initial=0.0))
        genres = self.info.genres
        if not peak > 0:
            return dict.fromkeys(genres, 1 / len(genres))
        with torch.inference_mode():
            logits = self._network(torch.from_numpy(windows)).mean(dim=0)
            probabilities = torch.softmax(logits / self.info.temperature, dim=0)
        return dict(zip(genres, probabilities.tolist(), strict=True))


def load_classifier(name_or_path: str | Path) -> Classifier:
    """Return the classifier of this name or in this folder, ready to hear on the CPU.

    Raises
    ------
    ModelError
        There is none, or its description and weights are damaged or do not fit.
    """
    info = find_classifier(name_or_path)
    weights = read_tensors(info.weights_path, info, info.sha256)
    network = _build(info)
    fill(network, weights, info.weights_path)
    return Classifier(info, network)


def save_classifier(folder: Path, info: ClassifierInfo, network: GenreCNN) -> StoredClassifier:
    """Write a model folder of a classifier; matrices and kernels in half precision.

    Raises
    ------
    ModelError
        ``network`` is not what ``info`` describes, or the folder cannot be written.
    """
    write_network(folder, info, network, _build(info))
    return read_folder(StoredClassifier, folder)


def _build(info: ClassifierInfo) -> GenreCNN:
    if info.architecture != ARCHITECTURE:
        message = f"{info.name}: architecture {info.architecture!r}, expected {ARCHITECTURE!r}"
        raise ModelError(message)
    arguments: dict[str, Any] = {"sample_rate": info.sample_rate, **info.arguments}
    try:
        return GenreCNN(n_genres=len(info.genres), **arguments)
    except (TypeError, ValueError) as exc:
        raise ModelError(f"{info.name}: arguments of {info.architecture}: {exc}") from exc

"""Hear which genre a track belongs to."""

from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from libsep.errors import ModelError
from libsep.genre.description import ClassifierInfo, StoredClassifier, find_classifier
from libsep.genre.tag_table import genre_shares, strongest
from libsep.genre.windows import Window, in_phase, without_silence
from libsep.model_folder.description import read_folder
from libsep.model_folder.tensors import filled, made, write_network
from libsep.nets.genre_cnn import GenreCNN
from libsep.nets.level import SILENCE
from libsep.nets.musicnn import HOP_LENGTH, PATCH_FRAMES, MusiCNN
from libsep.track import Heard

Network: TypeAlias = GenreCNN | MusiCNN

NETWORKS: dict[str, type[Network]] = {"genre_cnn": GenreCNN, "musicnn": MusiCNN}
"""The networks by the names that descriptions give them."""

CNN_WINDOW_S = 10.0
N_PATCHES = 1
"""Stretches of three seconds in each window that musicnn hears: two cost twice, and tell little."""

LEVEL = 10 ** (-14 / 20)
"""Root mean square to which musicnn's windows are brought together: that of released music."""


class Classifier:
    """A network that hears windows of a track, and says how likely each genre is.

    Parameters
    ----------
    info
        What it was trained to tell apart.
    network
        Gives one logit for each genre of ``info``, or for each tag and perhaps each genre.
    """

    def __init__(self, info: StoredClassifier, network: Network) -> None:
        self.info = info
        self._network = network.eval().requires_grad_(requires_grad=False)

    @property
    def window(self) -> Window:
        """What the windows have to be."""
        return window_of(self.info.architecture, self.info.sample_rate)

    def classify(self, windows: Float32[np.ndarray, "N 2 T"]) -> Heard:
        """Return how likely each genre is, and the strongest tags if the network knows tags.

        Parameters
        ----------
        windows
            Stretches of one track, as `libsep.genre.windows` cuts them for `window`. Neither level
            nor polarity matters; silent ones are not heard. Of a silent track every genre is as
            likely as any.
        """
        network, genres = self._network, self.info.genres
        windows = in_phase(without_silence(windows))
        # A tagger hears the mean of the channels.
        told = windows if isinstance(network, GenreCNN) else windows.mean(axis=1)
        if not float(np.abs(told).max(initial=0.0)) > SILENCE:  # its squares would be nothing
            return Heard(dict.fromkeys(genres, 1 / len(genres)))
        with torch.inference_mode():
            audio = torch.from_numpy(windows)
            if isinstance(network, GenreCNN):
                return Heard(self._softmax(network(audio).mean(dim=0)))
            return self._by_tags(network, embed(network, audio))

    def _by_tags(self, network: MusiCNN, embedded: Float[Tensor, "N 200"]) -> Heard:
        chances = torch.sigmoid(network.tags(embedded)).mean(dim=0).tolist()
        tags = dict(zip(self.info.tags, chances, strict=True))
        shown = strongest(tags, self.info.table)
        if network.genres is not None:
            return Heard(self._softmax(network.genres(embedded).mean(dim=0)), shown)
        return Heard(genre_shares(tags, self.info.table, self.info.temperature), shown)

    def _softmax(self, logits: Float[Tensor, " G"]) -> dict[str, float]:
        probabilities = torch.softmax(logits / self.info.temperature, dim=0)
        return dict(zip(self.info.genres, probabilities.tolist(), strict=True))


def window_of(architecture: str, sample_rate: int) -> Window:
    """Return the windows that a network hears which expects audio of this rate."""
    if architecture == "genre_cnn":
        return Window(sample_rate, int(CNN_WINDOW_S * sample_rate))
    return Window(sample_rate, (N_PATCHES * PATCH_FRAMES - 1) * HOP_LENGTH)


def embed(network: MusiCNN, windows: Float32[Tensor, "N 2 T"]) -> Float[Tensor, "M 200"]:
    """Return what musicnn makes of the windows of one track: `N_PATCHES` rows for each.

    The windows are brought to a common level together, because the network was trained on released
    music, whose level is alike; they must not be silent.
    """
    level = windows.mean(dim=1).square().mean().sqrt()
    features = network.features(windows * (LEVEL / level))
    patches = features.unfold(1, PATCH_FRAMES, PATCH_FRAMES)  # (N, patch, bands, frame)
    return network.embed(patches.flatten(0, 1).transpose(1, 2))


def load_classifier(name_or_path: str | Path) -> Classifier:
    """Return the classifier of this name or in this folder, ready to hear on the CPU.

    Raises
    ------
    ModelError
        There is none, or its description and weights are damaged or do not fit.
    """
    info = find_classifier(name_or_path)
    return Classifier(info, load_network(info))


def load_network(info: StoredClassifier) -> Network:
    """Return the network of a classifier, with its weights, ready to hear on the CPU.

    Raises
    ------
    ModelError
        They are damaged or do not fit.
    """
    return filled(lambda: _build(info), info, info)


def save_classifier(folder: Path, info: ClassifierInfo, network: Network) -> StoredClassifier:
    """Write a model folder of a classifier; matrices and kernels in half precision.

    Raises
    ------
    ModelError
        ``network`` is not what ``info`` describes, or the folder cannot be written.
    """
    write_network(folder, info, network, _build(info))
    return read_folder(StoredClassifier, folder)


def _build(info: ClassifierInfo) -> Network:
    if info.architecture not in NETWORKS:
        names = ", ".join(NETWORKS)
        raise ModelError(f"{info.name}: architecture {info.architecture!r}, expected {names}")
    arguments = {"sample_rate": info.sample_rate, **info.arguments}
    if info.architecture == "genre_cnn":
        return made(info, GenreCNN, {"n_genres": len(info.genres), **arguments})
    return made(info, MusiCNN, {"n_tags": len(info.tags), **arguments})

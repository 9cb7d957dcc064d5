"""What can learn genres: a table of a tagger's tags, its last layer, or a network from scratch."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Float32, Int
from torch import Tensor

from libsep.config import GenreTrainingConfig
from libsep.errors import ConfigError
from libsep.genre.classifier import Network, embed, load_network, window_of
from libsep.genre.description import StoredClassifier, find_classifier
from libsep.genre.tag_table import weights_of
from libsep.genre.windows import PLACES, Window
from libsep.nets.genre_cnn import GenreCNN
from libsep.nets.musicnn import MusiCNN
from libsep.training.genre.examples import Example
from libsep.training.genre.features import TRAINING_PLACES, Features
from libsep.training.genre.fit import fit, logits_of
from libsep.training.genre.tagger_fit import balanced_weights, fit_head, fit_table

CNN_SAMPLE_RATE = 22050


@runtime_checkable
class Learner(Protocol):
    """Something that has learned genres."""

    @property
    def network(self) -> Network:
        """The network, to be saved."""
        ...

    def fields(self) -> dict[str, Any]:
        """Return what the description of the classifier says about it."""
        ...

    def logits(self, tracks: Sequence[Features]) -> Float32[np.ndarray, "tracks G"]:
        """Return one logit for each track and genre."""
        ...


@runtime_checkable
class Method(Protocol):
    """A way to learn genres."""

    places: tuple[float, ...]
    """Where it listens, as shares of a track."""

    window: Window
    """What it listens to there."""

    key: str
    """Names what its features depend on, for caches."""

    def features(self, windows: Float32[Tensor, "N 2 T"]) -> Tensor:
        """Return what is kept of the windows of one track."""
        ...

    def genres(self, found: Sequence[str]) -> tuple[str, ...]:
        """Return what it tells apart, of a library that has tracks of the genres ``found``."""
        ...

    def fit(
        self, examples: Sequence[Example], tracks: Sequence[Features], genres: Sequence[str]
    ) -> Learner:
        """Return what has learned from these tracks."""
        ...


def method_of(config: GenreTrainingConfig) -> Method:
    """Return the way to learn that a configuration asks for.

    Raises
    ------
    ModelError
        The classifier to start from does not exist or is damaged.
    ConfigError
        It is no tagger.
    """
    if config.learn == "network":
        return _FromScratch(config)
    info = find_classifier(config.start)
    network = load_network(info)
    if not isinstance(network, MusiCNN):
        raise ConfigError(f"start: {info.name} is a {info.architecture}, expected a musicnn")
    if config.learn == "table":
        return _Table(config, info, network)
    return _Head(config, info, network)


class _FromScratch:
    """A small network of our own."""

    places: tuple[float, ...] = TRAINING_PLACES

    def __init__(self, config: GenreTrainingConfig) -> None:
        self._config = config
        self._features = GenreCNN(n_genres=2, sample_rate=CNN_SAMPLE_RATE).features
        self.window = window_of("genre_cnn", CNN_SAMPLE_RATE)
        self.key = ""

    def features(self, windows: Float32[Tensor, "N 2 T"]) -> Tensor:
        made: Tensor = self._features(windows)
        return made

    def genres(self, found: Sequence[str]) -> tuple[str, ...]:
        return tuple(found)

    def fit(
        self, examples: Sequence[Example], tracks: Sequence[Features], genres: Sequence[str]
    ) -> Learner:
        return _Trained(fit(examples, tracks, genres, self._config))


class _Trained:
    def __init__(self, network: GenreCNN) -> None:
        self.network = network

    def fields(self) -> dict[str, Any]:
        return {"architecture": "genre_cnn", "arguments": {}, "sample_rate": CNN_SAMPLE_RATE}

    def logits(self, tracks: Sequence[Features]) -> Float32[np.ndarray, "tracks G"]:
        return logits_of(self.network, tracks)


class _OnTagger:
    """What stands on a tagger that stays as it is: each track is the mean of what it embeds."""

    places: tuple[float, ...] = PLACES
    usual_pull: float

    def __init__(
        self, config: GenreTrainingConfig, info: StoredClassifier, network: MusiCNN
    ) -> None:
        self.info = info
        self.network = network.eval().requires_grad_(requires_grad=False)
        self.window = window_of(info.architecture, info.sample_rate)
        self.key = f"{info.identity} {self.window}"
        self._pull = config.pull or self.usual_pull

    def features(self, windows: Float32[Tensor, "N 2 T"]) -> Tensor:
        return embed(self.network, windows)


class _Table(_OnTagger):
    """The table of a tagger: how much each tag counts for a genre."""

    usual_pull = 0.01

    def genres(self, found: Sequence[str]) -> tuple[str, ...]:
        """Return all genres of the table: those without a track keep the weights they had."""
        del found
        return tuple(self.info.table)

    def fit(
        self, examples: Sequence[Example], tracks: Sequence[Features], genres: Sequence[str]
    ) -> Learner:
        start = weights_of(self.info.table, self.info.tags)
        chances = _chances(self.network, tracks)
        labels, weights = _targets(examples, genres)
        return _Fitted(self, fit_table(chances, labels, weights, start, pull=self._pull))


class _Fitted:
    def __init__(self, method: _Table, weights: Float[np.ndarray, "G tags"]) -> None:
        self.network = method.network
        self._info = method.info
        self._weights = weights

    def fields(self) -> dict[str, Any]:
        rows = zip(self._info.table.items(), self._weights, strict=True)
        place = {tag: index for index, tag in enumerate(self._info.tags)}
        table = {
            genre: {tag: round(float(row[place[tag]]), 3) for tag in weights}
            for (genre, weights), row in rows
        }
        return _tagger_fields(self._info) | {"table": table}

    def logits(self, tracks: Sequence[Features]) -> Float32[np.ndarray, "tracks G"]:
        """Return the logarithms of the sums of the table: a temperature works on them alike."""
        sums = _chances(self.network, tracks) @ self._weights.T
        logits: np.ndarray = np.log(sums).astype(np.float32)
        return logits


class _Head(_OnTagger):
    """A new last layer for a tagger, beside the one that names tags."""

    usual_pull = 0.1

    def genres(self, found: Sequence[str]) -> tuple[str, ...]:
        return tuple(found)

    def fit(
        self, examples: Sequence[Example], tracks: Sequence[Features], genres: Sequence[str]
    ) -> Learner:
        labels, weights = _targets(examples, genres)
        means = np.stack([track.astype(np.float32).mean(axis=0) for track in tracks])
        layer, bias = fit_head(means, labels, weights, len(genres), pull=self._pull)
        network = MusiCNN(
            n_tags=len(self.info.tags), n_genres=len(genres), sample_rate=self.info.sample_rate
        )
        network.load_state_dict(self.network.state_dict(), strict=False)
        assert network.genres is not None
        network.genres.weight.data = torch.from_numpy(layer).float()
        network.genres.bias.data = torch.from_numpy(bias).float()
        return _Headed(self.info, network)


class _Headed:
    def __init__(self, info: StoredClassifier, network: MusiCNN) -> None:
        self.network = network.eval()
        self._info = info

    def fields(self) -> dict[str, Any]:
        assert self.network.genres is not None
        arguments = {"n_genres": self.network.genres.out_features}
        # The table still says which tags are told of a track.
        return _tagger_fields(self._info) | {"arguments": arguments, "table": self._info.table}

    def logits(self, tracks: Sequence[Features]) -> Float32[np.ndarray, "tracks G"]:
        assert self.network.genres is not None
        with torch.inference_mode():
            rows = [self.network.genres(_tensor(track)).mean(dim=0) for track in tracks]
        return torch.stack(rows).numpy()


def _tagger_fields(info: StoredClassifier) -> dict[str, Any]:
    return {
        "architecture": info.architecture,
        "arguments": {},
        "sample_rate": info.sample_rate,
        "tags": info.tags,
    }


def _chances(network: MusiCNN, tracks: Sequence[Features]) -> Float32[np.ndarray, "tracks tags"]:
    with torch.inference_mode():
        rows = [torch.sigmoid(network.tags(_tensor(track))).mean(dim=0) for track in tracks]
    return torch.stack(rows).numpy()


def _tensor(track: Features) -> Float32[Tensor, "N features"]:
    return torch.from_numpy(track.astype(np.float32))


def _targets(
    examples: Sequence[Example], genres: Sequence[str]
) -> tuple[Int[np.ndarray, " tracks"], Float[np.ndarray, " tracks"]]:
    labels = np.array([genres.index(example.genre) for example in examples])
    pairs = [(example.genre, example.artist) for example in examples]
    return labels, balanced_weights(pairs)

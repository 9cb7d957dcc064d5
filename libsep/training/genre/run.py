"""From a library to a classifier: examples, honest measures by artist, and the final network."""

import dataclasses
import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int

from libsep.config import GenreTrainingConfig
from libsep.datasets.audio_cache import save_array
from libsep.errors import ConfigError
from libsep.genre.classifier import save_classifier
from libsep.genre.description import ClassifierInfo, StoredClassifier
from libsep.media.atomic import make_folder
from libsep.model_folder.description import CARD_FILE, described
from libsep.training.genre.card import About, write_card
from libsep.training.genre.examples import Example, counts, find_examples
from libsep.training.genre.features import FeatureCache, Features
from libsep.training.genre.folds import split_by_artist
from libsep.training.genre.measures import (
    best_temperature,
    best_threshold,
    confusion,
    scores,
    softmax,
)
from libsep.training.genre.methods import Learner, Method, method_of

logger = logging.getLogger(__name__)

PROGRESS_TRACKS = 100
"""Decoded tracks between two words about them."""


@dataclasses.dataclass(frozen=True)
class GenreJob:
    """What a training is told, and where its files are.

    ``out`` keeps what each fold said, so that a training that was stopped goes on after the last
    whole one; ``cache`` keeps what was decoded, for other trainings too.
    """

    config: GenreTrainingConfig
    library: Path
    out: Path
    cache: Path
    model: Path
    about: About


@dataclasses.dataclass(frozen=True)
class _Material:
    examples: Sequence[Example]
    windows: Sequence[Features]
    genres: tuple[str, ...]

    @property
    def labels(self) -> Int[np.ndarray, " tracks"]:
        return np.array([self.genres.index(example.genre) for example in self.examples])

    def chosen(self, is_chosen: Sequence[bool]) -> "_Material":
        """Return the examples for which ``is_chosen`` says so."""
        kept = [index for index, chosen in enumerate(is_chosen) if chosen]
        return _Material(
            [self.examples[index] for index in kept],
            [self.windows[index] for index in kept],
            self.genres,
        )

    def fit(self, method: Method) -> Learner:
        return method.fit(self.examples, self.windows, self.genres)


def train_genres(job: GenreJob, say: Callable[[str], None] = logger.info) -> StoredClassifier:
    """Train a classifier on the tags of a library, and write it as a model folder with a card.

    What learns is up to the configuration: see `libsep.training.genre.methods`. The artists are
    divided into folds; each fold is judged by what was trained on the others, which gives the
    measures, the calibration and the threshold. What is kept was trained on all. The same library
    and seed give the same weights on the same machine. ``say`` is told how far it is.

    Raises
    ------
    ConfigError
        The library cannot be walked or tells too little; see `find_examples`. Or what it is to
        start from is no tagger.
    ModelError
        What it is to start from does not exist, or the model folder cannot be written.
    """
    make_folder(job.out)
    method = method_of(job.config)
    material = _material(job, method, say)
    folds = split_by_artist(material.examples, job.config.n_folds, job.config.seed)
    logits = np.zeros((len(folds), len(material.genres)), np.float32)
    for fold in range(job.config.n_folds):
        is_judged = [other == fold for other in folds]
        if any(is_judged):
            say(f"part {fold + 1} of {job.config.n_folds + 1}")
            logits[np.array(is_judged)] = _judged_by_others(job, method, material, is_judged)
    learner = material.fit(method)
    info = _info(job, material, logits, learner)
    say(f"on artists that were not trained on: {dict(info.scores)}")
    model = save_classifier(job.model, info, learner.network)
    found = counts(material.examples)
    write_card(
        job.model / CARD_FILE, info, found, n_folds=job.config.n_folds, notice=job.about.notice
    )
    return model


def _material(job: GenreJob, method: Method, say: Callable[[str], None]) -> _Material:
    """Return the examples that can be decoded, with their features and the genres to tell apart."""
    examples = find_examples(job.config, job.library)
    told = ", ".join(f"{g}: {n} by {a} artists" for g, (n, a) in counts(examples).items())
    say(f"{len(examples)} tracks whose genre is told ({told})")
    cache = FeatureCache(
        job.cache, method.features, window=method.window, places=method.places, key=method.key
    )
    kept: list[Example] = []
    windows: list[Features] = []
    for example, window in cache.load(examples):
        kept.append(example)
        windows.append(window)
        if len(kept) % PROGRESS_TRACKS == 0:
            say(f"{len(kept)} tracks decoded")
    found = tuple(counts(kept))
    if len(found) < 2:
        raise ConfigError(f"{job.library}: {len(kept)} of {len(examples)} tracks can be decoded")
    return _Material(kept, windows, method.genres(found))


def _judged_by_others(
    job: GenreJob, method: Method, material: _Material, is_judged: Sequence[bool]
) -> Float32[np.ndarray, "tracks G"]:
    """Return what a network of the other folds says, which is kept in the run's folder."""
    judged = material.chosen(is_judged)
    others = material.chosen([not here for here in is_judged])
    path = job.out / f"fold-{_identity(job.config, method, material, is_judged)}.npy"
    if path.is_file():
        logger.info("%s is kept from before", path.name)
        kept: np.ndarray = np.load(path)
        return kept
    logits = others.fit(method).logits(judged.windows)
    save_array(path, logits)
    return logits


def _identity(
    config: GenreTrainingConfig, method: Method, material: _Material, is_judged: Sequence[bool]
) -> str:
    """Return what names the training of a fold: its settings and its tracks."""
    tracks = [[str(e.path), e.genre, e.artist] for e in material.examples]
    settings = config.model_dump(
        mode="json", exclude={"library", "scan", "routing", "wanted_accuracy"}
    )
    text = json.dumps([settings, method.key, tracks, list(is_judged)])
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:12]


def _info(
    job: GenreJob,
    material: _Material,
    logits: Float32[np.ndarray, "tracks G"],
    learner: Learner,
) -> ClassifierInfo:
    labels, chosen = material.labels, job.config.routing.threshold
    temperature = best_temperature(logits, labels)
    probabilities = softmax(logits, temperature)
    if chosen is None:
        chosen = best_threshold(probabilities, labels, job.config.wanted_accuracy)
    values = {
        **learner.fields(),
        "genres": material.genres,
        "temperature": round(temperature, 3),
        "threshold": chosen,
        "scores": scores(probabilities, labels, chosen),
        "confusion": confusion(probabilities, labels, material.genres),
        **job.about.model_dump(exclude={"notice"}),
    }
    return described(ClassifierInfo, values, job.model)

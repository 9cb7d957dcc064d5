"""From a library to a classifier: examples, honest measures by artist, and the final network."""

import dataclasses
import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, Int

from libsep.config import GenreTrainingConfig
from libsep.errors import ConfigError
from libsep.genre.classifier import ARCHITECTURE, save_classifier
from libsep.genre.description import ClassifierInfo, StoredClassifier
from libsep.genre.windows import SAMPLE_RATE
from libsep.media.atomic import replacing
from libsep.model_folder.description import CARD_FILE
from libsep.nets.genre_cnn import GenreCNN
from libsep.training.genre.card import About, write_card
from libsep.training.genre.examples import Example, counts, find_examples
from libsep.training.genre.features import FeatureCache, Windows
from libsep.training.genre.fit import fit, logits_of
from libsep.training.genre.folds import split_by_artist
from libsep.training.genre.measures import best_temperature, confusion, scores, softmax

logger = logging.getLogger(__name__)

PROGRESS_TRACKS = 100
"""Decoded tracks between two words about them."""


@dataclasses.dataclass(frozen=True)
class GenreJob:
    """What a training is told, and where its files are.

    ``out`` keeps what each fold said, so that a training that was stopped goes on after the last
    whole one; ``cache`` keeps spectrograms, for other trainings too.
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
    windows: Sequence[Windows]
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

    def fit(self, config: GenreTrainingConfig) -> GenreCNN:
        return fit(self.examples, self.windows, self.genres, config)


def train_genres(job: GenreJob, say: Callable[[str], None] = logger.info) -> StoredClassifier:
    """Train a classifier on the tags of a library, and write it as a model folder with a card.

    The artists are divided into folds; each fold is judged by a network that was trained on the
    others, which gives the measures and the calibration. The network that is kept was trained on
    all. The same library and seed give the same weights on the same machine. ``say`` is told how
    far it is.

    Raises
    ------
    ConfigError
        The library cannot be walked or tells too little; see `find_examples`.
    ModelError
        The model folder cannot be written.
    """
    job.out.mkdir(parents=True, exist_ok=True)
    material = _material(job, say)
    folds = split_by_artist(material.examples, job.config.n_folds, job.config.seed)
    logits = np.zeros((len(folds), len(material.genres)), np.float32)
    for fold in range(job.config.n_folds):
        is_judged = [other == fold for other in folds]
        if any(is_judged):
            say(f"part {fold + 1} of {job.config.n_folds + 1}")
            logits[np.array(is_judged)] = _judged_by_others(job, material, is_judged, fold)
    temperature = best_temperature(logits, material.labels)
    info = _info(job, material, softmax(logits, temperature), temperature)
    say(f"on artists that were not trained on: {dict(info.scores)}; the last part: all artists")
    model = save_classifier(job.model, info, material.fit(job.config))
    found = counts(material.examples)
    write_card(job.model / CARD_FILE, info, found, job.config)
    return model


def _material(job: GenreJob, say: Callable[[str], None]) -> _Material:
    """Return the examples that can be decoded, with their spectrograms and the genres in them."""
    examples = find_examples(job.config, job.library)
    told = ", ".join(f"{g}: {n} by {a} artists" for g, (n, a) in counts(examples).items())
    say(f"{len(examples)} tracks whose genre is told ({told})")
    features = GenreCNN(n_genres=2, sample_rate=SAMPLE_RATE).features
    kept: list[Example] = []
    windows: list[Windows] = []
    for example, window in FeatureCache(job.cache, features).load(examples):
        kept.append(example)
        windows.append(window)
        if len(kept) % PROGRESS_TRACKS == 0:
            say(f"{len(kept)} tracks decoded")
    genres = tuple(counts(kept))
    if len(genres) < 2:
        raise ConfigError(f"{job.library}: {len(kept)} of {len(examples)} tracks can be decoded")
    return _Material(kept, windows, genres)


def _judged_by_others(
    job: GenreJob, material: _Material, is_judged: Sequence[bool], fold: int
) -> Float32[np.ndarray, "tracks G"]:
    """Return what a network of the other folds says, which is kept in the run's folder."""
    judged = material.chosen(is_judged)
    others = material.chosen([not here for here in is_judged])
    path = job.out / f"fold-{fold}-{_identity(job.config, material, is_judged)}.npy"
    if path.is_file():
        logger.info("fold %d is kept from before", fold)
        kept: np.ndarray = np.load(path)
        return kept
    logits = logits_of(others.fit(job.config), judged.windows)
    with replacing(path) as part, part.open("wb") as file:
        np.save(file, logits)
    return logits


def _identity(config: GenreTrainingConfig, material: _Material, is_judged: Sequence[bool]) -> str:
    """Return what names the training of a fold: its settings and its tracks."""
    tracks = [[str(e.path), e.genre, e.artist] for e in material.examples]
    settings = config.model_dump(mode="json", exclude={"library", "scan", "routing"})
    text = json.dumps([settings, tracks, list(is_judged)])
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:12]


def _info(
    job: GenreJob,
    material: _Material,
    probabilities: Float[np.ndarray, "tracks G"],
    temperature: float,
) -> ClassifierInfo:
    labels, threshold = material.labels, job.config.routing.threshold
    values = {
        "architecture": ARCHITECTURE,
        "arguments": {},
        "sample_rate": SAMPLE_RATE,
        "genres": material.genres,
        "temperature": round(temperature, 3),
        "scores": scores(probabilities, labels, threshold),
        "confusion": confusion(probabilities, labels, material.genres),
        **job.about.model_dump(),
    }
    return ClassifierInfo.model_validate(values)

"""A classifier from a library: who is on which side, what is measured, and that it learns."""

import dataclasses
import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from mutagen.flac import FLAC

from libsep.config import GenreTrainingConfig, TrainingConfig, load_training, parse
from libsep.errors import ConfigError
from libsep.genre.classifier import load_classifier
from libsep.genre.description import StoredClassifier, find_classifier
from libsep.genre.windows import read_windows
from libsep.media.tags import Header
from libsep.training.genre.card import About
from libsep.training.genre.examples import Example, artist_of, counts, find_examples
from libsep.training.genre.fit import varied
from libsep.training.genre.folds import split_by_artist
from libsep.training.genre.measures import (
    best_temperature,
    best_threshold,
    calibration_error,
    confusion,
    scores,
    softmax,
)
from libsep.training.genre.run import GenreJob, train_genres

from ...conftest import SAMPLE_RATE, Encode

QUICK = {
    "kind": "genre",
    "learn": "network",
    "min_artists": 2,
    "n_folds": 2,
    "n_steps": 40,
    "n_batch": 4,
}


def config(**values: object) -> GenreTrainingConfig:
    return parse(GenreTrainingConfig, QUICK | values, origin="test")


@pytest.fixture
def library(tmp_path: Path, encode: Encode) -> Path:
    """Return a library of twelve tracks: rock is noise, jazz is tones; three artists each."""
    rng = np.random.default_rng(5)
    time_s = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    folder = tmp_path / "library"
    folder.mkdir()
    for number in range(12):
        genre = "Rock" if number % 2 else "Jazz"
        hertz = 220 * 2 ** rng.uniform(0, 2)
        tone = np.sign(np.sin(2 * np.pi * hertz * time_s)) * (np.sin(9 * time_s) > 0)
        sound = rng.normal(0, 1, len(time_s)) if genre == "Rock" else tone
        path = encode(f"library/{number}.flac", 0.1 * np.stack([sound, sound]))
        tags = FLAC(path)
        tags["genre"] = genre
        tags["artist"] = f"{genre} Player {number % 3} feat. Somebody"
        tags.save()
    return folder


def test_a_file_with_its_kind_trains_a_classifier_and_another_a_separator(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("kind: genre\nn_folds: 3")
    (tmp_path / "b.yaml").write_text("seed: 3")
    found = load_training(tmp_path / "a.yaml")
    assert isinstance(found, GenreTrainingConfig)
    assert found.n_folds == 3
    assert isinstance(load_training(tmp_path / "b.yaml"), TrainingConfig)
    (tmp_path / "b.yaml").write_text("kind: gerne")
    with pytest.raises(ConfigError, match=r"kind: expected one of genre, .*\(found 'gerne'\)"):
        load_training(tmp_path / "b.yaml")


def test_the_artist_is_the_first_without_guests_or_else_the_folder() -> None:
    source = Path("Rock/x.mp3")
    for name in ("Köln", "koln feat. B", "KOLN, B", "Köln x B", "Köln & B", "Köln vs. B"):
        assert artist_of(Header(artist=name), source) == "koln"
    assert artist_of(Header(artist="Exile"), source) == "exile"
    assert artist_of(Header(), source) == "folder Rock"


def test_examples_are_tracks_whose_tags_or_hints_tell(library: Path) -> None:
    assert counts(find_examples(config(), library)) == {"rock": (6, 3), "jazz": (6, 3)}
    for number in (0, 1):
        tags = FLAC(library / f"{number}.flac")
        tags["genre"] = "Podcast"
        tags.save()
    (library / "broken.flac").write_bytes(b"fLaC")
    assert counts(find_examples(config(), library)) == {"rock": (5, 3), "jazz": (5, 3)}
    hinted = config(routing={"folders": {"0.flac": "rock"}})
    assert counts(find_examples(hinted, library)) == {"rock": (6, 4), "jazz": (5, 3)}
    few = config(max_tracks_per_artist=1)
    assert counts(find_examples(few, library)) == {"rock": (3, 3), "jazz": (3, 3)}
    few = config(max_tracks_per_genre=4)
    tracks = {genre: n for genre, (n, _) in counts(find_examples(few, library)).items()}
    assert tracks == {"rock": 4, "jazz": 4}


def test_a_genre_of_too_few_artists_is_left_out(
    library: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tags = FLAC(library / "0.flac")
    tags["genre"] = "Pop"
    tags.save()
    with caplog.at_level(logging.WARNING):
        assert set(counts(find_examples(config(), library))) == {"rock", "jazz"}
    assert "pop: left out: 1 tracks of 1 artists" in caplog.text
    with pytest.raises(ConfigError, match=r"0 genres have 9 artists .*rock: 6 tracks of 3"):
        find_examples(config(min_artists=9), library)


def test_no_artist_is_in_two_folds_and_genres_are_spread() -> None:
    examples = [
        Example(Path(f"{n}"), "rock" if n % 3 else "jazz", f"artist {n // 6}", None)
        for n in range(60)
    ]
    folds = split_by_artist(examples, 2, seed=1)
    artists = [{e.artist for e, fold in zip(examples, folds, strict=True) if fold == k}
               for k in range(2)]  # fmt: skip
    assert not artists[0] & artists[1]
    assert len(artists[0]) == len(artists[1]) == 5
    assert folds == split_by_artist(examples, 2, seed=1)


def test_measures_are_those_worked_out_by_hand() -> None:
    probabilities = np.array([[0.95, 0.05], [0.85, 0.15], [0.55, 0.45], [0.45, 0.55]])
    labels = np.array([0, 0, 1, 1])
    # Bins: 0.95 right, 0.85 right, 0.55 twice, once right.
    assert calibration_error(probabilities, labels) == pytest.approx(
        0.25 * 0.05 + 0.25 * 0.15 + 0.5 * 0.05
    )
    assert scores(probabilities, labels, 0.8) == {
        "accuracy": 0.75,
        "recall": 0.75,
        "largest": 0.5,
        "decided": 0.5,
        "calibration_error": 0.075,
        "accuracy_decided": 1.0,
    }
    assert "accuracy_decided" not in scores(probabilities, labels, 0.99)
    assert confusion(probabilities, labels, ("a", "b")) == {
        "a": {"a": 2, "b": 0},
        "b": {"a": 1, "b": 1},
    }


def test_the_threshold_is_the_lowest_from_which_on_enough_is_right() -> None:
    highest = np.array([0.95, 0.85, 0.75, 0.65, 0.55])
    probabilities = np.stack([highest, 1 - highest], axis=1)
    labels = np.array([0, 0, 1, 0, 1])
    # From 0.6 on three of four are right, from 0.8 on two of two, from the lowest on three of five.
    assert best_threshold(probabilities, labels, 0.75) == 0.6
    assert best_threshold(probabilities, labels, 0.76) == 0.8
    assert best_threshold(probabilities, labels, 0.6) == 0.3
    assert best_threshold(probabilities, 1 - labels, 0.9) == 0.95


def test_the_temperature_makes_probabilities_as_high_as_they_are_right() -> None:
    rng = np.random.default_rng(2)
    true = rng.normal(0, 2, (4000, 3))
    labels = np.array([rng.choice(3, p=row) for row in softmax(true)])
    assert best_temperature(3 * true, labels) == pytest.approx(3.0, rel=0.1)
    assert best_temperature(0.5 * true, labels) == pytest.approx(0.5, rel=0.1)


def test_variation_keeps_the_shape_hides_little_and_changes_nothing_in_place() -> None:
    batch = torch.ones(6, 96, 432)
    changed = varied(batch, np.random.default_rng(3))
    assert changed.shape == batch.shape
    assert (batch == 1).all()
    hidden = (changed == 0).float().mean(dim=(1, 2))
    assert 0 < hidden.max() < 1 - 0.8 * 0.8
    assert not torch.equal(changed[0], changed[1])


@pytest.fixture
def job(tmp_path: Path, library: Path) -> GenreJob:
    return GenreJob(
        config=config(),
        library=library,
        out=tmp_path / "run",
        cache=tmp_path / "cache",
        model=tmp_path / "run" / "model",
        about=About(name="mine", licence="MIT"),
    )


@pytest.mark.slow
def test_it_learns_what_differs_and_writes_a_folder_that_hears_it(
    job: GenreJob, ffmpeg: Path
) -> None:
    model = train_genres(job)
    assert model.genres == ("rock", "jazz")
    assert model.scores["accuracy"] == 1.0
    assert json.loads(json.dumps(model.confusion)) == {
        "rock": {"rock": 6, "jazz": 0},
        "jazz": {"rock": 0, "jazz": 6},
    }
    card = (job.model / "README.md").read_text()
    assert "100 % of 12 tracks are heard right" in card
    assert "| rock | 6 | 3 | 6 | 0 |" in card
    assert "It does not know electronic, hiphop, pop, acoustic, of which" in card
    classifier = load_classifier(job.model)
    rock, jazz = (
        classifier.classify(
            read_windows(job.library / name, ffmpeg=ffmpeg, window=classifier.window)
        ).probabilities
        for name in ("1.flac", "2.flac")
    )
    assert rock["rock"] > 0.8
    assert jazz["jazz"] > rock["jazz"] + 0.2


def test_a_new_last_layer_learns_what_differs_and_still_tells_tags(
    job: GenreJob, ffmpeg: Path
) -> None:
    model = train_genres(dataclasses.replace(job, config=config(learn="head")))
    assert model.genres == ("rock", "jazz")
    assert model.arguments == {"n_genres": 2}
    assert model.scores["accuracy"] == 1.0
    assert model.threshold <= 0.5
    classifier = load_classifier(job.model)
    windows = read_windows(job.library / "2.flac", ffmpeg=ffmpeg, window=classifier.window)
    heard = classifier.classify(windows)
    assert heard.probabilities["jazz"] > 0.6
    assert set(heard.tags) <= set(model.tags)
    assert len(heard.tags) == 3


def test_a_table_learns_and_keeps_genres_that_it_was_not_told(job: GenreJob) -> None:
    model = train_genres(dataclasses.replace(job, config=config(learn="table")))
    before = find_classifier("genre")
    assert model.genres == before.genres
    assert model.sha256 == before.sha256, "the network stays"
    assert model.table["rock"] != before.table["rock"]
    assert model.table["pop"] == before.table["pop"]
    assert model.scores["largest"] == 0.5
    card = (job.model / "README.md").read_text()
    assert "No track of electronic, hiphop, pop, acoustic was there" in card
    assert "| pop | pop × 1, soul × 1," in card


def test_only_a_tagger_can_be_started_from(
    job: GenreJob, tiny_classifier: StoredClassifier
) -> None:
    settings = config(learn="head", start=str(tiny_classifier.folder))
    with pytest.raises(ConfigError, match="start: ear is a genre_cnn, expected a musicnn"):
        train_genres(dataclasses.replace(job, config=settings))


def test_a_training_that_was_stopped_goes_on_after_the_last_fold(
    job: GenreJob, caplog: pytest.LogCaptureFixture
) -> None:
    job = dataclasses.replace(job, config=config(n_steps=3))
    first = train_genres(job)
    for path in sorted(job.out.glob("fold-*.npy"))[1:]:
        path.unlink()
    with caplog.at_level(logging.INFO):
        again = train_genres(job)
    assert caplog.text.count("kept from before") == 1
    assert again == first
    other = dataclasses.replace(job, config=config(n_steps=2))
    caplog.clear()
    with caplog.at_level(logging.INFO):
        train_genres(other)
    assert "kept from before" not in caplog.text

"""A classifier from its folder, and what it says."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from libsep.errors import ModelError
from libsep.genre.classifier import load_classifier, save_classifier
from libsep.genre.description import ClassifierInfo, StoredClassifier, find_classifier
from libsep.nets.genre_cnn import GenreCNN
from libsep.separation.registry import list_models

GENRES = ("electronic", "rock", "jazz")


@pytest.fixture(scope="module")
def network() -> GenreCNN:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20261120)
        made = GenreCNN(n_genres=3)
        made(torch.randn(4, 2, 22050))  # moves the statistics of the normalisations
    return made.eval()


def info(**values: object) -> ClassifierInfo:
    known = {"name": "mine", "architecture": "genre_cnn", "arguments": {}, "sample_rate": 22050}
    return ClassifierInfo.model_validate(known | {"licence": "MIT", "genres": GENRES} | values)


@pytest.fixture
def stored(tmp_path: Path, network: GenreCNN) -> StoredClassifier:
    return save_classifier(tmp_path / "mine", info(temperature=2.0), network)


def windows(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(0, 0.1, (3, 2, 22050)).astype(np.float32)


def test_a_saved_classifier_says_what_its_network_says(
    stored: StoredClassifier, network: GenreCNN, rng: np.random.Generator
) -> None:
    heard = windows(rng)
    said = load_classifier(stored.folder).classify(heard)
    with torch.inference_mode():
        logits = network(torch.from_numpy(heard)).mean(0)
    expected = torch.softmax(logits / 2.0, 0)
    assert tuple(said.probabilities) == GENRES
    np.testing.assert_allclose([*said.probabilities.values()], expected.numpy(), atol=2e-3)
    assert sum(said.probabilities.values()) == pytest.approx(1.0)
    assert said.tags == ()


def test_the_weights_take_half_a_megabyte(stored: StoredClassifier) -> None:
    assert stored.weights_path.stat().st_size < 500_000


def test_silence_and_level_decide_nothing(
    stored: StoredClassifier, rng: np.random.Generator
) -> None:
    classifier = load_classifier(stored.folder)
    silent = classifier.classify(np.zeros((3, 2, 22050), np.float32))
    assert silent.probabilities == dict.fromkeys(GENRES, 1 / 3)
    loud = windows(rng)
    soft = classifier.classify(np.float32(0.01) * loud)
    expected = classifier.classify(loud).probabilities
    assert [*soft.probabilities.values()] == pytest.approx([*expected.values()], abs=1e-3)


def test_polarity_offset_and_silent_windows_decide_nothing(rng: np.random.Generator) -> None:
    shipped = load_classifier("genre")
    n_samples = shipped.window.n_samples
    middle = rng.normal(0, 0.1, (3, 1, n_samples)).cumsum(axis=2).astype(np.float32)
    heard = 0.01 * (middle + rng.normal(0, 0.3, (3, 2, n_samples)).astype(np.float32))
    expected = [*shipped.classify(heard).probabilities.values()]
    assert np.ptp(expected) > 0.1

    def difference(changed: np.ndarray) -> float:
        said = shipped.classify(changed.astype(np.float32)).probabilities
        return float(np.abs(np.array([*said.values()]) - expected).max())

    assert difference(heard * np.array([[1], [-1]])) < 1e-3, "one channel is inverted"
    assert difference(-heard) < 1e-3
    assert difference(heard + np.array([[0.1], [-0.2]])) < 1e-2
    assert difference(np.concatenate([heard, np.zeros_like(heard)])) < 1e-3


def test_a_classifier_is_found_by_name_and_is_no_separator(
    stored: StoredClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIBSEP_MODELS", str(stored.folder.parent))
    assert find_classifier("mine").sha256 == stored.sha256
    assert "mine" not in {model.name for model in list_models()}
    with pytest.raises(
        ModelError, match="no genre classifier is called 'other', there are: genre, mine"
    ):
        find_classifier("other")


def test_damage_is_an_error(stored: StoredClassifier) -> None:
    stored.weights_path.write_bytes(stored.weights_path.read_bytes()[:-1])
    with pytest.raises(ModelError, match="sha256 is"):
        load_classifier(stored.folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"genres": ["rock"]}, "genres: expected 2 or more"),
        ({"genres": ["rock", "polka"]}, "genres.1: expected 'electronic'"),
        ({"genres": ["rock", "jazz"]}, "do not fit the network"),
        (
            {"kind": "separator"},
            "is a model that separates, expected a genre classifier, such as genre",
        ),
        ({"architecture": "vgg"}, "holds .* expected"),
    ],
)
def test_a_description_of_something_else_is_refused(
    stored: StoredClassifier, changes: dict[str, object], message: str
) -> None:
    path = stored.folder / "model.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes))
    with pytest.raises(ModelError, match=message):
        load_classifier(stored.folder)


def test_a_network_that_is_not_what_is_said_is_not_saved(tmp_path: Path, network: GenreCNN) -> None:
    with pytest.raises(ModelError, match="the network is no genre_cnn"):
        save_classifier(tmp_path, info(genres=("rock", "jazz")), network)
    with pytest.raises(ModelError, match="architecture 'vgg', expected genre_cnn, musicnn"):
        save_classifier(tmp_path, info(architecture="vgg"), network)
    with pytest.raises(ModelError, match="arguments of genre_cnn"):
        save_classifier(tmp_path, info(arguments={"depth": 3}), network)

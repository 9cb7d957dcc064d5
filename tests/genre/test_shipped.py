"""The classifier that comes with libsep: what it hears, and what its table must not name."""

import numpy as np
import pytest

from libsep.genre.classifier import Classifier, load_classifier
from libsep.genre.description import find_classifier
from libsep.genre.names import GENRES
from libsep.genre.public import public_tagger
from libsep.model_folder.description import CARD_FILE

SIZE = 1_700_000


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return load_classifier("genre")


def beats(rng: np.random.Generator, classifier: Classifier) -> np.ndarray:
    """Return windows of a kick drum at 125 beats per minute over a bass and a hiss."""
    window = classifier.window
    time_s = np.arange(3 * window.n_samples) / window.sample_rate
    beat_s = time_s % 0.48
    kick = np.exp(-beat_s / 0.08) * np.sin(2 * np.pi * (50 + 90 * np.exp(-beat_s / 0.03)) * beat_s)
    hat = np.exp(-((time_s + 0.24) % 0.48) / 0.02) * rng.normal(0, 0.3, len(time_s))
    bass = 0.3 * np.sign(np.sin(2 * np.pi * 55 * time_s)) * (beat_s > 0.24)
    mono = (0.4 * (kick + hat + bass)).astype(np.float32).reshape(3, 1, -1)
    return np.repeat(mono, 2, axis=1)


def test_a_beat_is_electronic_at_any_level_and_says_by_which_tags(
    classifier: Classifier, rng: np.random.Generator
) -> None:
    windows = beats(rng, classifier)
    loud, soft = classifier.classify(windows), classifier.classify(np.float32(1e-3) * windows)
    assert tuple(loud.probabilities) == GENRES
    assert sum(loud.probabilities.values()) == pytest.approx(1.0)
    assert loud.probabilities["electronic"] > 0.5
    assert "electronic" in loud.tags
    assert len(loud.tags) == 3
    assert [*soft.probabilities.values()] == pytest.approx([*loud.probabilities.values()], abs=1e-3)


def test_silence_says_nothing(classifier: Classifier, rng: np.random.Generator) -> None:
    windows = beats(rng, classifier)
    for silent in (0 * windows, 0 * windows + np.float32(0.1), np.float32(1e-25) * windows):
        heard = classifier.classify(silent)
        assert heard.probabilities == dict.fromkeys(GENRES, 1 / 6)
        assert max(heard.probabilities.values()) < classifier.info.threshold


def test_its_folder_is_small_and_has_the_card_and_the_notice_of_its_authors() -> None:
    info = find_classifier("genre")
    card = (info.folder / CARD_FILE).read_text(encoding="utf-8")
    assert info.weights_path.stat().st_size < SIZE
    assert info.licence == "ISC"
    assert "Universitat Pompeu Fabra 2019" in card
    assert 'THE SOFTWARE IS PROVIDED "AS IS"' in card
    for sha256 in public_tagger().files.values():
        assert sha256 in card
    assert info.tags == public_tagger().tags
    assert {genre: set(row) for genre, row in info.table.items()} == {
        genre: set(row) for genre, row in public_tagger().table.items()
    }


def test_a_changed_table_is_another_classifier() -> None:
    info = find_classifier("genre")
    table = {**info.table, "jazz": {"jazz": 9.0}}
    assert info.model_copy(update={"table": table}).identity != info.identity
    assert info.model_copy(update={"description": "new"}).identity == info.identity
    assert info.model_copy(update={"table": {}}).identity == info.sha256

"""The genre of a track by its sound: three windows of a real file through a real network."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from libsep.config import Config
from libsep.errors import ProbeError
from libsep.genre.description import StoredClassifier
from libsep.library.survey import track_of_file
from libsep.media.decode import hash_audio
from libsep.pipeline.listen import Ear
from libsep.pipeline.single import Converter
from libsep.separation.registry import Model
from libsep.track import Heard, Outcome

KNOWN = Heard({"electronic": 0.25, "rock": 0.25, "jazz": 0.5}, ("jazz", "swing"))


@pytest.fixture
def config(tiny_model: Model, other_model: Model, tiny_classifier: StoredClassifier) -> Config:
    return Config().replaced(
        separation={"model": str(tiny_model.folder), "segment_s": 2.0, "overlap_s": 0.5},
        routing={
            "listen": True,
            "classifier": str(tiny_classifier.folder),
            "threshold": 0.0,
            "models": dict.fromkeys(("electronic", "rock", "jazz"), str(other_model.folder)),
        },
    )


@pytest.fixture
def noise(rng: np.random.Generator) -> np.ndarray:
    return (0.1 * rng.standard_normal((2, 60000))).astype(np.float32)


def row(path: Path, ffmpeg: Path, classifier_sha256: str) -> Outcome:
    """Return a row as if ``path`` had been heard, with other tags, by some classifier."""
    return Outcome(
        source="s",
        output="o",
        status="done",
        audio_sha256=hash_audio(path, ffmpeg=ffmpeg),
        genre_probabilities=KNOWN.probabilities,
        heard_tags=KNOWN.tags,
        classifier_sha256=classifier_sha256,
    )


def test_a_track_is_heard_once_for_each_audio_and_classifier(
    config: Config,
    encode: Callable[..., Path],
    noise: np.ndarray,
    ffmpeg: Path,
    tiny_classifier: StoredClassifier,
) -> None:
    ear = Ear(config)
    path = encode("a.flac", noise)
    track, _ = track_of_file(path)
    heard = ear.hear(track)
    assert set(heard.probabilities) == {"electronic", "rock", "jazz"}
    assert sum(heard.probabilities.values()) == pytest.approx(1.0)
    sha256 = tiny_classifier.sha256
    assert ear.hear(track, row(path, ffmpeg, sha256)) == KNOWN
    assert ear.hear(track, row(path, ffmpeg, "another")) == heard
    other_audio = encode("b.flac", 0.5 * noise)
    assert ear.hear(track, row(other_audio, ffmpeg, sha256)) == heard


def test_what_is_no_audio_cannot_be_heard(config: Config, tmp_path: Path) -> None:
    letter = tmp_path / "letter.mp3"
    letter.write_text("Dear reader, this is no song.")
    track, _ = track_of_file(letter)
    with pytest.raises(ProbeError):
        Ear(config).hear(track)


def test_a_single_file_is_converted_with_the_model_of_what_is_heard(
    config: Config, encode: Callable[..., Path], noise: np.ndarray, tmp_path: Path
) -> None:
    converter = Converter(config)
    outcome = converter.convert(encode("a.flac", noise))
    assert (outcome.status, outcome.model, outcome.genre_source) == ("done", "other", "sound")
    assert outcome.genre_probabilities
    assert converter.describe().startswith("other on")
    letter = tmp_path / "letter.mp3"
    letter.write_text("Dear reader, this is no song.")
    failed = converter.convert(letter)
    assert (failed.status, failed.stage, failed.model) == ("failed", "probe", "tiny")
    assert failed.genre_source == "fallback"


def test_a_single_file_that_could_not_be_heard_for_no_fault_of_its_own_is_heard_the_next_time(
    config: Config, encode: Callable[..., Path], noise: np.ndarray, tmp_path: Path, ffmpeg: Path
) -> None:
    killed = tmp_path / "ffmpeg"
    killed.write_text(
        f'#!/bin/sh\ncase "$*" in *" -ss "*) kill -TERM $$; esac\nexec {ffmpeg} "$@"\n'
    )
    killed.chmod(0o755)
    path = encode("a.flac", noise)
    outcome = Converter(config.replaced(decode={"ffmpeg": str(killed)})).convert(path)
    assert (outcome.status, outcome.model, outcome.classifier_sha256) == ("done", "tiny", "")
    assert "killed by SIGTERM" in outcome.genre_reason
    again = Converter(config).convert(path)
    assert (again.status, again.model, again.genre_source) == ("done", "other", "sound")

"""What the actor that listens takes over from an earlier run."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from libsep.batch.listening import EarActor, Unheard
from libsep.batch.schedule.plan import Attempt
from libsep.config import Config
from libsep.genre.description import StoredClassifier
from libsep.library.survey import track_of_file
from libsep.media.decode import hash_audio
from libsep.pipeline import Settings
from libsep.track import Heard, Move, Outcome

KNOWN = Heard({"electronic": 0.25, "rock": 0.25, "jazz": 0.5}, ("jazz", "swing"))


@pytest.fixture
def actor(tiny_classifier: StoredClassifier, tmp_path: Path) -> Iterator[EarActor]:
    """Return the actor as Ray makes it, but in this process."""
    config = Config().replaced(
        routing={"listen": True, "classifier": str(tiny_classifier.folder), "models": {"rock": "x"}}
    )
    n_threads = torch.get_num_threads()
    yield EarActor(Settings(config=config, models={}, output_root=tmp_path / "stems", run="r"))
    torch.set_num_threads(n_threads)


@pytest.mark.parametrize("has_failed", [False, True])
def test_a_moved_track_is_not_heard_again(
    has_failed: bool,
    actor: EarActor,
    encode: Callable[..., Path],
    rng: np.random.Generator,
    ffmpeg: Path,
    tiny_classifier: StoredClassifier,
) -> None:
    path = encode("new.flac", (0.1 * rng.standard_normal((2, 60000))).astype(np.float32))
    track, _ = track_of_file(path)
    was = Outcome(
        source="old.flac",
        output="old.stem.mp4",
        status="done",
        audio_sha256=hash_audio(path, ffmpeg=ffmpeg),
        genre_probabilities=KNOWN.probabilities,
        heard_tags=KNOWN.tags,
        classifier_sha256=tiny_classifier.sha256,
    )
    failed = Outcome(source="new.flac", output="new.stem.mp4", status="failed")
    move = Move(was=was, library_name=str(path.parent), output_name="new.stem.mp4")
    attempt = Attempt(track, failed if has_failed else None, move=move)
    assert actor.hear(attempt) == KNOWN
    other_audio = dataclasses.replace(move, was=dataclasses.replace(was, audio_sha256="another"))
    assert actor.hear(dataclasses.replace(attempt, move=other_audio)) != KNOWN


def test_only_a_track_whose_file_is_to_blame_is_not_listened_to_again(
    actor: EarActor, encode: Callable[..., Path], rng: np.random.Generator, tmp_path: Path
) -> None:
    letter = tmp_path / "letter.mp3"
    letter.write_text("Dear reader, this is no song.")
    found = actor.hear(Attempt(track_of_file(letter)[0]))
    assert isinstance(found, Unheard)
    assert found.is_settled
    path = encode("a.flac", (0.1 * rng.standard_normal((2, 60000))).astype(np.float32))
    attempt = Attempt(track_of_file(path)[0])
    path.rename(tmp_path / "the disk is away")
    found = actor.hear(attempt)
    assert isinstance(found, Unheard)
    assert not found.is_settled
    (tmp_path / "the disk is away").rename(path)
    assert isinstance(actor.hear(attempt), Heard)

"""Three genres on two logical GPUs: who separates what, and when separators change models."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import ray

from libsep.batch.cluster.connection import embedded_ray
from libsep.batch.driver import Driver, RunResult
from libsep.batch.interrupts import Interrupts
from libsep.batch.run import start_crew
from libsep.batch.schedule.plan import Attempt
from libsep.batch.separators.actors import Stint
from libsep.batch.stops import Stops
from libsep.config import Config
from libsep.genre.description import StoredClassifier
from libsep.ledger import Ledger
from libsep.library.survey import track_of_file
from libsep.pipeline import Assigner, Settings
from libsep.separation.registry import Model

from ..conftest import assignment
from .conftest import Notes

pytestmark = [pytest.mark.ray, pytest.mark.slow]

GENRES = ("electronic", "rock", "jazz")
CONFIG = Config().replaced(
    separation={"segment_s": 2.0, "overlap_s": 0.5, "precision": "float32"},
    encode={"codec": "alac"},
    run={"tracks_in_flight": 4, "min_free_bytes": 0, "separators": 2},
)


@pytest.fixture(scope="module")
def two_gpus() -> Iterator[None]:
    with embedded_ray(n_track_slots=4, object_store_bytes=150_000_000, n_gpus=2):
        yield


@dataclasses.dataclass
class Driven:
    """How a run on two logical GPUs went."""

    result: RunResult
    notes: Notes
    stints: list[list[Stint]]


def drive(
    attempts: Sequence[Attempt],
    models: Sequence[Model],
    stems: Path,
    routing: dict[str, object] | None = None,
) -> Driven:
    """Carry out a run on the Ray that is there; the first model is that of no genre."""
    config = CONFIG.replaced(separation={"model": str(models[0].folder)}, routing=routing or {})
    by_name = {model.name: model for model in models}
    settings = Settings(config=config, models=by_name, output_root=stems, run="test")
    ledger, notes = Ledger(stems / ".libsep"), Notes()
    ledger.begin("test")
    stops = Stops(stems, 0, Interrupts())
    crew = start_crew(attempts, settings, Assigner(config), stops)
    result = Driver(crew, settings, ledger, notes).run()
    actors = crew.separators.of(range(len(crew.separators)))
    stints = [ray.get(actor.stints.remote()) for actor in actors]
    ledger.end()
    for actor in actors:
        ray.kill(actor)
    return Driven(result, notes, stints)


@pytest.fixture
def songs(
    encode: Callable[..., Path], rng: np.random.Generator, genre_models: Sequence[Model]
) -> list[Attempt]:
    """Return six tracks of each genre, mixed, each with the model of its genre."""
    noise = (0.1 * rng.standard_normal((2, 6 * 44100))).astype(np.float32)
    attempts = []
    for index, (genre, model) in itertools.product(
        range(6), zip(GENRES, genre_models, strict=True)
    ):
        track, _ = track_of_file(encode(f"{genre} {index}.wav", noise))
        attempts.append(Attempt(track, assignment=assignment(model, genre)))
    return attempts


def test_both_slots_are_busy_to_the_end_and_change_models_once(
    two_gpus: None, songs: list[Attempt], genre_models: Sequence[Model], tmp_path: Path
) -> None:
    run = drive(songs, genre_models, tmp_path / "stems")
    found = run.notes.by_source()
    assert {row.status for row in found.values()} == {"done"}
    for attempt in songs:
        row = found[str(attempt.track.source)]
        assert attempt.assignment is not None
        assert (row.model, row.genre) == (attempt.assignment.model, attempt.assignment.genre)
    loads = [stint.model for slot in run.stints for stint in slot]
    assert sorted(set(loads)) == ["band", "club", "combo"]
    # Two at the start, the third model, and a few at the end, where a machine with other work
    # stretches some tracks more than others. (Exact, in simulated time: tests/batch/test_slots.py.)
    assert 3 <= len(loads) <= 6
    assert sum(stint.n_segments for slot in run.stints for stint in slot) == 18 * 4
    # A slot has tracks in work until none is left to start. It pauses while they are encoded, so no
    # longer than a track takes, and while it loads; the rest is for a machine with other work.
    last_start_s = max(row.started_at for row in found.values())
    longest_s = 5 * max(row.wall_s for row in found.values()) + 60
    for slot in run.stints:
        for before, after in itertools.pairwise(slot):
            loading_s = after.ready_s - after.began_s
            assert after.first_s - before.last_s < longest_s + loading_s, "no pause in between"
        assert slot[-1].last_s > last_start_s - longest_s


def test_tracks_of_one_model_are_spread_over_both_slots(
    two_gpus: None, songs: list[Attempt], genre_models: Sequence[Model], tmp_path: Path
) -> None:
    club = [each for each in songs if each.model == "club"][:2]
    run = drive(club, genre_models[:1], tmp_path / "stems")
    assert [row.status for row in run.notes.outcomes] == ["done"] * 2
    assert [[stint.model for stint in slot] for slot in run.stints] == [["club"], ["club"]]
    assert all(slot[0].n_segments == 4 for slot in run.stints), "each track uses both"


def test_tracks_without_a_genre_are_heard_and_join_the_queue_of_their_model(
    two_gpus: None,
    songs: list[Attempt],
    genre_models: Sequence[Model],
    tiny_classifier: StoredClassifier,
    tmp_path: Path,
) -> None:
    letter = tmp_path / "letter.mp3"
    letter.write_text("Dear reader, this is no song.")
    unheard = [dataclasses.replace(each, assignment=None) for each in songs[:3]]
    unheard.append(Attempt(track_of_file(letter)[0]))
    routing = {
        "listen": True,
        "classifier": str(tiny_classifier.folder),
        "threshold": 0.0,
        "models": dict.fromkeys(GENRES, str(genre_models[1].folder)),
    }
    run = drive([songs[3], *unheard], genre_models[:2], tmp_path / "stems", routing)
    found = run.notes.by_source()
    assert len(found) == 5
    for attempt in unheard[:3]:
        row = found[str(attempt.track.source)]
        assert (row.status, row.model, row.genre_source) == ("done", "band", "sound")
        assert row.genre in GENRES
        assert sum(row.genre_probabilities.values()) == pytest.approx(1.0)
        assert row.classifier_sha256 == tiny_classifier.sha256
    failed = found["letter.mp3"]
    assert (failed.status, failed.stage, failed.kind) == ("failed", "probe", "file")
    assert (failed.model, failed.genre_source) == ("club", "fallback")

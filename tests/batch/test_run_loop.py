"""The driver: whatever becomes of a track, it has one row, and the run goes on or says why not."""

import dataclasses
import os
import signal
import time
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import ray

from libsep.batch.cluster.connection import embedded_ray
from libsep.batch.cluster.nodes import Nodes
from libsep.batch.driver import RunResult
from libsep.batch.interrupts import Interrupts
from libsep.batch.run import convert_all
from libsep.batch.schedule.plan import Attempt
from libsep.config import Config
from libsep.errors import ClusterError, ModelError
from libsep.ledger import Ledger
from libsep.library.survey import track_of_file
from libsep.pipeline import Assigner, Settings
from libsep.separation.registry import Model
from libsep.track import Outcome, Track

from ..conftest import KEEPER, Programs, assignment, copied
from .conftest import Notes

pytestmark = [pytest.mark.ray, pytest.mark.slow]

CONFIG = Config().replaced(
    separation={"segment_s": 2.0, "overlap_s": 0.5, "precision": "float32", "device": "cpu"},
    run={"separators": 1, "tracks_in_flight": 2, "min_free_bytes": 0},
)


def run_tracks(
    attempts: list[Attempt],
    model: Model,
    stems: Path,
    config: Config,
    interrupts: Interrupts | None = None,
    *others: Model,
) -> tuple[RunResult, Notes]:
    ledger = Ledger(stems / ".libsep")
    ledger.begin("test")
    notes = Notes()
    config = config.replaced(separation={"model": str(model.folder)})
    settings = Settings(
        config=config,
        models={each.name: each for each in (model, *others)},
        output_root=stems,
        run="test",
    )
    assigned = [dataclasses.replace(each, assignment=assignment(model)) for each in attempts]
    result = convert_all(assigned, settings, Assigner(config), ledger, notes, interrupts=interrupts)
    ledger.end()
    assert [row.source for row in ledger.rows()] == [row.source for row in notes.outcomes]
    return result, notes


@pytest.fixture
def songs(encode: Callable[..., Path], rng: np.random.Generator) -> list[Attempt]:
    noise = (0.1 * rng.standard_normal((2, 3 * 44100))).astype(np.float32)
    paths = [encode(f"song {index}.wav", noise) for index in range(3)]
    return [Attempt(track_of_file(path)[0]) for path in paths]


def test_a_full_disk_drains_the_run(
    songs: list[Attempt], tiny_model: Model, tmp_path: Path
) -> None:
    config = CONFIG.replaced(run={"min_free_bytes": 10**18, "tracks_in_flight": 1})
    result, notes = run_tracks(songs, tiny_model, tmp_path / "stems", config)
    assert len(notes.reasons) == 1
    assert "free on the disk of " in notes.reasons[0]
    assert (result.n_left, notes.outcomes) == (3, [])


@pytest.mark.parametrize("keep_awake", [True, False])
def test_an_interrupted_run_does_not_wait_for_separators_that_load(
    songs: list[Attempt], tiny_model: Model, tmp_path: Path, programs: Programs, *, keep_awake: bool
) -> None:
    called = programs(KEEPER, "exec cat")
    interrupts = Interrupts(signal=signal.SIGINT, count=1)
    config = CONFIG.replaced(run={"keep_awake": keep_awake})
    result, notes = run_tracks(songs, tiny_model, tmp_path / "stems", config, interrupts)
    assert (result.interrupted, result.n_left) == (signal.SIGINT, 3)
    assert (notes.descriptions, notes.outcomes) == ([], [])
    assert called.exists() == keep_awake


def test_an_interrupted_run_of_several_models_does_not_wait_until_they_are_checked(
    songs: list[Attempt], tiny_model: Model, tmp_path: Path
) -> None:
    damaged = copied(tiny_model, "damaged", tmp_path)
    damaged.weights_path.write_bytes(b"no weights")
    interrupts = Interrupts(signal=signal.SIGINT, count=1)
    stems = tmp_path / "stems"
    result, notes = run_tracks(songs, tiny_model, stems, CONFIG, interrupts, damaged)
    assert (result.interrupted, result.n_left, notes.outcomes) == (signal.SIGINT, 3, [])
    with pytest.raises(ModelError, match="damaged"):
        run_tracks(songs, tiny_model, tmp_path / "others", CONFIG, None, damaged)


def test_a_track_that_takes_too_long_fails_and_the_others_do_not(
    songs: list[Attempt],
    tiny_model: Model,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The clock stands still until the other tracks have ended, then it is far ahead."""
    ended: list[Outcome] = []
    clock = types.SimpleNamespace(time=time.time, monotonic=lambda: 1e6 * (len(ended) >= 3))
    monkeypatch.setattr("libsep.batch.driver.time", clock)
    note = Notes.track_ended
    monkeypatch.setattr(
        Notes, "track_ended", lambda notes, row: (ended.append(row), note(notes, row))
    )
    slow = tmp_path / "slow.mp3"
    os.mkfifo(slow)
    status = slow.stat()
    hanging = Track(
        path_name=str(slow),
        source_name="slow.mp3",
        output_name="slow.stem.mp4",
        size_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
    )
    _, notes = run_tracks([Attempt(hanging), *songs], tiny_model, tmp_path / "stems", CONFIG)
    found = {outcome.source: outcome for outcome in notes.outcomes}
    assert found.pop("slow.mp3").kind == "timeout"
    assert [outcome.status for outcome in found.values()] == ["done"] * 3


def gone_from(library: Path, n_tracks: int) -> list[Attempt]:
    """Return tracks that were there when the library was scanned."""
    return [
        Attempt(
            Track(
                path_name=str(library / "Inbox" / f"{index}.mp3"),
                source_name=f"Inbox/{index}.mp3",
                output_name=f"Inbox/{index}.stem.mp4",
                size_bytes=1,
                mtime_ns=1,
            )
        )
        for index in range(n_tracks)
    ]


def test_a_run_stops_when_track_after_track_fails_for_no_fault_of_its_own(
    tiny_model: Model, tmp_path: Path
) -> None:
    gone = gone_from(tmp_path / "unplugged", 30)
    result, notes = run_tracks(gone, tiny_model, tmp_path / "stems", CONFIG)
    assert "20 tracks in a row failed" in result.reason
    assert {outcome.kind for outcome in notes.outcomes} == {"fault"}
    assert 20 <= len(notes.outcomes) < 30
    assert result.n_left == 30 - len(notes.outcomes)


def test_a_run_goes_on_when_somebody_moves_the_next_tracks_elsewhere(
    songs: list[Attempt], tiny_model: Model, tmp_path: Path
) -> None:
    library = songs[0].track.path.parent
    edited = [*gone_from(library, 25), *songs]
    result, notes = run_tracks(edited, tiny_model, tmp_path / "stems", CONFIG)
    assert (result.reason, result.n_left) == ("", 0)
    kinds = [outcome.kind or outcome.status for outcome in notes.outcomes]
    assert sorted(kinds) == ["changed"] * 25 + ["done"] * 3


def test_a_track_in_whose_work_three_runs_died_is_given_up_and_a_process_waits_for_the_others(
    songs: list[Attempt], tiny_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is one place for tracks, so that what warms a process up runs before the first one."""
    is_warm = tmp_path / "warm"
    monkeypatch.setattr("libsep.batch.driver.warm_up", lambda: is_warm.touch())
    killer, suspect, innocent = songs
    suspects = [dataclasses.replace(killer, number=4), dataclasses.replace(suspect, number=3)]
    config = CONFIG.replaced(run={"tracks_in_flight": 1})
    _, notes = run_tracks([*suspects, innocent], tiny_model, tmp_path / "stems", config)
    assert is_warm.exists()
    found = {outcome.source: outcome for outcome in notes.outcomes}
    assert found[str(killer.track.source)].message == "was in work when 3 runs died"
    assert [found[str(a.track.source)].status for a in (suspect, innocent)] == ["done", "done"]


def test_a_run_whose_raylet_is_killed_ends_and_says_so(
    songs: list[Attempt], tiny_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run sees it before Ray does, which would end this process without a word."""

    def kill_the_raylet(_notes: Notes, _track: Track) -> None:
        (raylet,) = ray._private.worker._global_node.all_processes["raylet"]
        raylet.process.kill()

    monkeypatch.setattr(Notes, "track_started", kill_the_raylet)
    with pytest.raises(ClusterError, match="Ray has lost this machine"):
        run_tracks(songs, tiny_model, tmp_path / "stems", CONFIG)
    assert not ray.is_initialized()


def test_a_raylet_is_missed_at_once_however_short_ago_it_was_seen() -> None:
    with embedded_ray(n_track_slots=1, object_store_bytes=80_000_000, n_gpus=0):
        nodes = Nodes()
        nodes.watch()
        (raylet,) = ray._private.worker._global_node.all_processes["raylet"]
        raylet.process.kill()
        raylet.process.wait()
        with pytest.raises(ClusterError, match="Ray has lost this machine"):
            nodes.watch()

"""Whole runs that are killed, doubled and disturbed: nothing lost, nothing twice, nothing half."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from libsep.ledger import FOLDER, Ledger
from libsep.track import Outcome

from ..conftest import tone, write_wave
from ..processes import wait_until
from .causes import (
    Order,
    Place,
    contents,
    descendants,
    ended,
    kill,
    small_disk,
    unmount,
    write_faulty_ffmpeg,
)

pytestmark = [pytest.mark.ray, pytest.mark.slow]

TRACKS = {"one.wav", "b/two.flac", "b/three.mp3", "c/four.ogg"}


def stem_files(place: Place) -> dict[str, tuple[int, str]]:
    """Return time and hash of every finished stem file."""
    if not place.stems.exists():
        return {}
    found = contents(place.stems)
    return {name: state for name, state in found.items() if not name.startswith(FOLDER)}


def assert_clean(place: Place) -> None:
    """Check that an audit finds no error."""
    found = place.audit()
    assert found.is_clean, found.findings
    assert found.n_verified == found.n_done


def n_rows(place: Place) -> int:
    """Return how many rows the journal of the run in work holds."""
    return sum(path.read_bytes().count(b"\n") for path in place.stems.glob(f"{FOLDER}/journal/*"))


def killed_run(place: Place, *, after_rows: int, delay_s: float) -> None:
    """Kill the driver some time after so many rows; any point is as good as any other."""
    running = place.start()
    wait_until(lambda: n_rows(place) >= after_rows or running.poll() is not None)
    time.sleep(delay_s)
    running.kill()
    running.communicate()
    place.wait_until_idle()


def test_a_driver_that_is_killed_at_random_points_costs_only_what_was_in_work(
    place: Place,
) -> None:
    """Twice in a row; ``benchmarks/faults.py`` kills it as often as it is told."""
    before = contents(place.library)
    rng = np.random.default_rng(2)
    for _ in range(2):
        killed_run(place, after_rows=int(rng.integers(0, 8)), delay_s=float(rng.uniform(0, 0.5)))
    finished = stem_files(place)
    rest = place.run()
    assert rest.code == 0, rest.err
    assert_clean(place)
    assert contents(place.library) == before
    now = stem_files(place)
    assert len(now) == len(TRACKS)
    whole = {name: state for name, state in finished.items() if ".part-libsep-" not in name}
    assert {name: now[name] for name in whole} == whole, "what was finished is not made again"
    assert rest.json["n_converted"] <= len(TRACKS) - len(whole)


def test_two_runs_that_start_at_once_do_everything_once(place: Place) -> None:
    before = contents(place.library)
    first, second = (ended(process) for process in [place.start(), place.start()])
    assert {first.code, second.code} in ({0}, {0, 2}), first.err + second.err
    refused = [run for run in (first, second) if run.code == 2]
    assert all("in use by run" in run.err for run in refused)
    assert sum(run.json["n_converted"] for run in (first, second) if run.code == 0) == len(TRACKS)
    assert_clean(place)
    assert contents(place.library) == before


def test_a_run_in_which_everything_goes_wrong_loses_only_what_was_hit(place: Place) -> None:
    for name in ("short.wav", "neighbour.wav"):
        write_wave(place.library / name, tone(330, 3))
    held = place.folder / "held.pid"
    orders = [
        Order(do="kill", words=("pipe:0", ".one.stem.mp4"), n_bytes=2_000_000),
        Order(do="short", words=("pipe:0", ".short.stem.mp4"), n_bytes=2_000_000),
        Order(
            do="vanish",
            words=("pipe:0", ".three.stem.mp4"),
            path=str(place.library / "b/three.mp3"),
        ),
        Order(
            do="change", words=("pipe:0", ".four.stem.mp4"), path=str(place.library / "c/four.ogg")
        ),
        Order(do="wait", words=("-f data", "two.flac"), path=str(held)),
    ]
    before = contents(place.library)
    running = place.start(ffmpeg=write_faulty_ffmpeg(place.folder / "bin", orders))
    wait_until(lambda: held.exists() or running.poll() is not None)
    assert running.poll() is None, running.communicate()
    kill(int(held.read_text()))
    (separator,) = wait_until(lambda: descendants(running.pid, "ray::SeparatorActor"))
    kill(separator)
    held.with_suffix(".go").touch()
    first = ended(running)
    assert first.code == 1, first.err
    rows = Ledger(place.stems / FOLDER).latest()
    assert {name: row.status for name, row in rows.items()} == {
        "one.wav": "failed",
        "short.wav": "failed",
        "neighbour.wav": "done",
        "b/two.flac": "done",
        "b/three.mp3": "failed",
        "c/four.ogg": "failed",
    }
    assert rows["b/two.flac"].attempt == 2
    assert {name: row.kind for name, row in rows.items() if row.status == "failed"} == {
        "one.wav": "fault",
        "short.wav": "fault",
        "b/three.mp3": "changed",
        "c/four.ogg": "changed",
    }
    assert_clean(place)
    after = contents(place.library)
    hit = {"b/three.mp3", "c/four.ogg"}
    assert {name: after.get(name) for name in before.keys() - hit} == {
        name: state for name, state in before.items() if name not in hit
    }

    second = place.run()
    assert second.code == 0, second.err
    assert (second.json["n_converted"], second.json["n_up_to_date"]) == (3, 2)
    assert_clean(place)
    assert contents(place.library) == after


def test_nothing_goes_to_where_a_drive_was_that_is_taken_away_during_a_run(place: Place) -> None:
    """The output is the drive itself: its mount point is there afterwards, as an empty folder."""
    for number in range(8):
        write_wave(place.library / f"later {number}.wav", tone(330, 3))
    with small_disk(place.stems, 200_000_000) as is_disk:
        if not is_disk:
            pytest.skip("nothing can be mounted here")
        running = place.start()
        parts = place.stems.glob
        wait_until(lambda: [*parts(".*.part-libsep-*")] or running.poll() is not None)
        assert running.poll() is None, running.communicate()
        unmount(place.stems)
        run = ended(running)
    assert run.code == 1, run.err
    assert [*place.stems.rglob("*")] == []


def outcome(name: str, **fields: object) -> Outcome:
    return Outcome(source=name, output=f"{name}.stem.mp4", **{"status": "done", **fields})


def test_the_last_row_is_the_one_that_was_written_last_whatever_the_clock_said(
    tmp_path: Path, set_clock: Callable[[float], None]
) -> None:
    day_s = 86400.0
    for run, (clock_s, message) in enumerate(
        [(4e9, "in 2096"), (1.7e9, "in 2023"), (0.0, "in 1970"), (1.8e9, "today")]
    ):
        set_clock(clock_s)
        ledger = Ledger(tmp_path)
        ledger.begin(f"{9 - run}-named-backwards")
        ledger.started("a")
        ledger.append(outcome("a", message=message, ended_at=clock_s))
        set_clock(clock_s - day_s)
        ledger.append(outcome("b", message=message, ended_at=clock_s - day_s))
        ledger.end()
        latest = Ledger(tmp_path).latest()
        assert {row.message for row in latest.values()} == {message}
    assert [row.message for row in Ledger(tmp_path).rows()][-1] == "today"
    assert Ledger(tmp_path).crashed() == {}


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return a function that sets the wall clock of this process, in seconds since 1970."""
    return lambda now_s: monkeypatch.setattr("time.time", lambda: now_s)

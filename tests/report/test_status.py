"""What an output folder holds, whatever happened to each track before."""

from pathlib import Path

import pytest

from libsep.ledger import Ledger, RunLock
from libsep.report.status import read_status
from libsep.track import Outcome

DONE = {"status": "done", "action": "convert", "duration_s": 60.0}
RETAGGED = {"status": "done", "action": "retag", "duration_s": 60.0}
SKIPPED = {"status": "skipped", "action": "skip", "duration_s": 60.0}
FAILED = {"status": "failed", "kind": "file"}
GONE = {**FAILED, "action": "gone"}


def ledger_of(folder: Path, *histories: list[dict[str, object]]) -> Ledger:
    """Return a ledger in which each source has a history, one run per outcome."""
    ledger = Ledger(folder)
    for index in range(max(len(history) for history in histories)):
        ledger.begin(f"run{index}")
        for source, history in enumerate(histories):
            if index < len(history):
                ledger.append(Outcome(source=str(source), output="x", **history[index]))
        ledger.end()
    return ledger


@pytest.mark.parametrize(
    "history",
    [
        [DONE],
        [DONE, RETAGGED],
        [FAILED, DONE],
        [DONE, FAILED, SKIPPED],
        [DONE, FAILED, RETAGGED],
        [SKIPPED],
        [FAILED, SKIPPED],
        [DONE, FAILED, GONE],
    ],
)
def test_a_track_whose_stem_file_is_good_counts_as_converted(
    tmp_path: Path, history: list[dict[str, object]]
) -> None:
    status = read_status(ledger_of(tmp_path, history))
    assert (status.summary.n_converted, status.summary.n_failed) == (1, 0)
    assert status.summary.audio_s == 60.0


@pytest.mark.parametrize(
    "history", [[FAILED], [DONE, FAILED], [FAILED, SKIPPED, FAILED], [FAILED, GONE, FAILED]]
)
def test_a_track_that_failed_last_counts_as_failed(
    tmp_path: Path, history: list[dict[str, object]]
) -> None:
    status = read_status(ledger_of(tmp_path, history, [DONE]))
    assert (status.summary.n_converted, status.summary.n_failed) == (1, 1)
    assert status.last_run == f"run{len(history) - 1}"


def test_a_failure_whose_track_is_gone_does_not_count(tmp_path: Path) -> None:
    status = read_status(ledger_of(tmp_path, [FAILED, GONE], [FAILED], [DONE]))
    assert [row.source for row in status.summary.failures] == ["1"]
    assert sorted(row.source for row in status.standing) == ["1", "2"]


def test_a_track_that_was_moved_counts_once_with_what_its_conversion_measured(
    tmp_path: Path,
) -> None:
    converted = {**DONE, "wall_s": 30.0, "separate_s": 20.0, "null_db": -91.0}
    ledger = ledger_of(tmp_path, [converted], [RETAGGED])
    for run, (before, after) in enumerate((("0", "2"), ("2", "3"))):
        ledger.begin(f"later{run}")
        moved = {"action": "move", "moved_from": before, "wall_s": 2.0, "duration_s": 60.0}
        ledger.append(Outcome(source=after, output=f"out{after}", status="done", **moved))
        ledger.end()
    status = read_status(ledger)
    assert (status.summary.n_converted, status.summary.n_moved) == (2, 0)
    (row,) = (each for each in status.standing if each.source == "3")
    assert (row.output, row.wall_s, row.separate_s, row.null_db) == ("out3", 30.0, 20.0, -91.0)
    assert sorted(each.source for each in status.standing) == ["1", "3"]
    assert sorted(ledger.latest()) == ["1", "3"]


def test_a_track_whose_move_failed_stays_beside_what_it_may_be(tmp_path: Path) -> None:
    ledger = ledger_of(tmp_path, [DONE])
    ledger.begin("later")
    failed = Outcome(source="b", output="b", status="failed", action="move", moved_from="0")
    ledger.append(failed)
    ledger.end()
    status = read_status(ledger)
    assert (status.summary.n_converted, status.summary.n_failed) == (1, 1)
    assert sorted(ledger.latest()) == ["0", "b"]


def test_tracks_of_a_run_in_work_are_not_called_interrupted(tmp_path: Path) -> None:
    with RunLock(tmp_path, run="now"):
        ledger = Ledger(tmp_path)
        ledger.begin("now")
        ledger.started("song")
        during = read_status(Ledger(tmp_path))
        ledger.close()
    after = read_status(Ledger(tmp_path))
    assert (during.in_work, during.crashed) == ("now", {})
    assert (after.in_work, after.crashed) == ("", {"song": 1})


def test_a_track_counts_with_the_speed_of_its_conversion_and_the_genre_of_today(
    tmp_path: Path,
) -> None:
    converted = DONE | {"genre": "generic", "model": "m", "wall_s": 30.0}
    noted = SKIPPED | {"genre": "rock", "model": "m", "genre_reason": "a tag"}
    genres = read_status(ledger_of(tmp_path, [converted, noted])).as_json()["genres"]
    assert [(row["genre"], row["n_converted"], row["times_real_time"]) for row in genres] == [
        ("rock", 1, 2.0)
    ]

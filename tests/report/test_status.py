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
    ],
)
def test_a_track_whose_stem_file_is_good_counts_as_converted(
    tmp_path: Path, history: list[dict[str, object]]
) -> None:
    status = read_status(ledger_of(tmp_path, history))
    assert (status.summary.n_converted, status.summary.n_failed) == (1, 0)
    assert status.summary.audio_s == 60.0


@pytest.mark.parametrize("history", [[FAILED], [DONE, FAILED], [FAILED, SKIPPED, FAILED]])
def test_a_track_that_failed_last_counts_as_failed(
    tmp_path: Path, history: list[dict[str, object]]
) -> None:
    status = read_status(ledger_of(tmp_path, history, [DONE]))
    assert (status.summary.n_converted, status.summary.n_failed) == (1, 1)
    assert status.last_run == f"run{len(history) - 1}"


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

"""Reasons to start no further track."""

from pathlib import Path

import pytest

from libsep.batch.interrupts import Interrupts
from libsep.batch.stops import MAX_BUGS, MAX_FAULTS_IN_A_ROW, Stops
from libsep.track import Outcome


def failed(kind: str, message: str = "why") -> Outcome:
    return Outcome(source="x.mp3", output="x.stem.mp4", status="failed", kind=kind, message=message)


@pytest.fixture
def stops(tmp_path: Path) -> Stops:
    return Stops(tmp_path, 0, Interrupts())


def test_many_bugs_stop_a_run_also_where_other_tracks_end_well_between_them(stops: Stops) -> None:
    for _ in range(MAX_BUGS):
        stops.note(failed("bug"))
        stops.note(Outcome(source="y.mp3", output="y.stem.mp4", status="done"))
    assert stops.reason() == ""
    stops.note(failed("bug"))
    assert stops.reason() == f"{MAX_BUGS + 1} unexpected errors"


def test_only_faults_in_a_row_stop_a_run_and_the_last_one_is_told_in_one_line(
    stops: Stops,
) -> None:
    for _ in range(2):
        for _ in range(MAX_FAULTS_IN_A_ROW - 1):
            stops.note(failed("fault"))
        assert stops.reason() == ""
        stops.note(failed("file"))
    for _ in range(MAX_FAULTS_IN_A_ROW):
        stops.note(failed("changed", "somebody edits the library"))
    assert stops.reason() == ""
    for _ in range(MAX_FAULTS_IN_A_ROW):
        stops.note(failed("fault", "no such disk\nand what ffmpeg said"))
    assert stops.reason() == (
        f"{MAX_FAULTS_IN_A_ROW} tracks in a row failed for no fault of theirs, last: no such disk"
    )


def test_an_output_that_is_gone_stops_a_run(tmp_path: Path) -> None:
    gone = tmp_path / "unplugged"
    reason = Stops(gone, 0, Interrupts()).reason()
    assert reason == f"{gone}: its disk is gone: No such file or directory"


def test_an_output_in_whose_place_is_a_folder_of_another_disk_stops_a_run(tmp_path: Path) -> None:
    """So it is where a drive was mounted: tracks would fill the disk of the system."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second disk here")
    output = tmp_path / "stems"
    output.symlink_to(memory)
    stops = Stops(output, 0, Interrupts())
    assert stops.reason() == ""
    output.unlink()
    output.mkdir()
    assert stops.reason() == f"{output}: its disk is gone, or was mounted anew meanwhile"


def test_a_disk_that_is_nearly_full_is_named_by_the_folder_that_is_on_it(tmp_path: Path) -> None:
    """Of an output in a store it is the disk of the ledger, which is no output disk."""
    reason = Stops(tmp_path, 10**18, Interrupts()).reason()
    assert f"free on the disk of {tmp_path} (run.min_free_bytes is " in reason

"""What disks refuse while the ledger is written, read and tidied: one line, and nothing lost."""

import os
from pathlib import Path
from typing import Any

import pytest

from libsep.errors import LedgerError
from libsep.ledger import Ledger, stream, table
from libsep.ledger.journal import Journal

from ..faults.causes import can_mount, read_only
from .conftest import outcome, record


def test_a_disk_that_is_gone_is_an_error_of_the_ledger_and_half_a_row_stays_the_last_one() -> None:
    full = Path("/dev/full")  # nothing can be written there, nor cut off
    journal = Journal(full, os.open(full, os.O_WRONLY))
    for reason in ("No space left on device", "Bad file descriptor"):
        with pytest.raises(LedgerError, match=f"/dev/full: cannot be written: {reason}"):
            journal.append(outcome("x").as_row())
    journal.close()


def test_a_folder_that_goes_while_a_file_is_written_is_an_error_of_the_ledger(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "ledger"
    folder.mkdir()

    def write() -> None:
        with table.writing(folder / "a.parquet", table.SCHEMA):
            folder.rename(tmp_path / "away")
            folder.touch()

    with pytest.raises(LedgerError, match=r"a\.parquet: cannot be written: Not a directory"):
        write()


@pytest.mark.parametrize("error", [LedgerError("no row"), OSError(28, "No space left on device")])
def test_nothing_is_left_of_a_file_that_was_not_finished(tmp_path: Path, error: Exception) -> None:
    message = "no row" if isinstance(error, LedgerError) else "cannot be written: No space left on"
    with (
        pytest.raises(LedgerError, match=message),
        table.writing(tmp_path / "a.parquet", table.SCHEMA),
    ):
        raise error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0 and not can_mount(), reason="cannot make it read-only")
def test_a_journal_that_cannot_be_removed_is_an_error_in_one_line_and_loses_nothing(
    tmp_path: Path,
) -> None:
    ledger = Ledger(tmp_path)
    ledger.begin("r1")
    ledger.append(outcome("x"))
    ledger.close()
    with read_only(tmp_path / "journal"):
        reason = "(Read-only file system|Permission denied)"
        for _ in range(2):
            with pytest.raises(LedgerError, match=rf"r1\.jsonl: cannot be removed: {reason}$"):
                ledger.begin("r2")
        assert [row.source for row in ledger.rows()] == ["x"]
    record(ledger, "r2", outcome("y"))
    assert [row.source for row in ledger.rows()] == ["x", "y"]


def test_a_damaged_journal_that_cannot_be_set_aside_is_an_error_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "r1.jsonl").write_text("no row\n")
    (tmp_path / "damaged").touch()
    with pytest.raises(LedgerError, match=r"r1\.jsonl: damaged, and cannot be set aside: File ex"):
        Ledger(tmp_path).rebuild([], run="r2")


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that fails")
def test_a_disk_that_fails_while_a_journal_is_read_is_an_error_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "r1.jsonl").symlink_to("/proc/self/mem")  # its first byte is not there
    with pytest.raises(LedgerError, match=r"r1\.jsonl: cannot be read: Input/output error$"):
        Ledger(tmp_path).latest()


@pytest.mark.usefixtures("waits_by_fsync")
def test_rows_are_on_the_disk_as_a_file_with_a_name_before_their_journal_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The power may fail at any moment."""
    goal, journal = tmp_path / "ledger" / "r1.parquet", tmp_path / "journal" / "r1.jsonl"
    synced, fsync = [], os.fsync

    def noted(handle: int) -> None:
        fsync(handle)
        synced.append((os.fstat(handle).st_ino, goal.exists(), journal.exists()))

    ledger = Ledger(tmp_path)
    ledger.begin("r1")
    ledger.append(outcome("x"))
    monkeypatch.setattr(os, "fsync", noted)
    ledger.end()
    assert (goal.stat().st_ino, False, True) in synced
    assert (goal.parent.stat().st_ino, True, True) in synced
    assert not journal.exists()


def test_files_that_another_process_merges_while_they_are_listed_are_listed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = Ledger(tmp_path)
    killed.begin("r1")
    killed.append(outcome("x"))
    killed.close()

    def after_a_run(path: Path) -> Any:
        monkeypatch.undo()
        record(Ledger(tmp_path), "r2", outcome("y"))
        assert not path.exists()
        return stream.opened(path)

    monkeypatch.setattr(stream, "opened", after_a_run)
    assert [row.source for row in Ledger(tmp_path).rows()] == ["x", "y"]


def test_files_that_vanish_again_and_again_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "r1.jsonl").symlink_to("nowhere")
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(LedgerError, match="files vanish while the ledger is read"):
        Ledger(tmp_path).latest()


def test_a_journal_that_is_a_folder_or_was_there_before_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "journal" / "r1.jsonl"
    path.mkdir(parents=True)
    with pytest.raises(LedgerError, match=r"r1\.jsonl: cannot be read: Is a directory$"):
        Ledger(tmp_path).latest()
    with pytest.raises(
        LedgerError, match=r"r1\.jsonl: the journal cannot be created: File exists$"
    ):
        Journal.create(path)

"""What disks refuse while the ledger is written, read and tidied: one line, and nothing lost."""

import os
from pathlib import Path

import pytest

from libsep.errors import LedgerError
from libsep.ledger import Ledger, table
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

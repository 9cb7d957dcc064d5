"""Rows of a run that lasts: JSON lines, each on the disk before the next is written."""

import contextlib
import json
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from libsep.errors import LedgerError, reason_of
from libsep.ledger.faults import told
from libsep.ledger.table import DEFAULTS, Row
from libsep.machine import sync, sync_folder

logger = logging.getLogger(__name__)


class Journal:
    """The journal of one run, open for appending.

    Parameters
    ----------
    path
        Where it lies; the name without ``.jsonl`` is the run's.
    handle
        Descriptor of the open file.
    """

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self._handle = handle
        self._size_bytes = 0

    @classmethod
    def create(cls, path: Path) -> "Journal":
        """Create an empty journal.

        Raises
        ------
        LedgerError
            The file exists, or the folder cannot be written.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        try:
            handle = os.open(path, flags, 0o644)
            sync_folder(path.parent)
        except OSError as exc:
            raise LedgerError(f"{path}: the journal cannot be created: {reason_of(exc)}") from exc
        return cls(path, handle)

    def append(self, *rows: Row) -> None:
        """Write rows and wait until they are on the disk; what equals the default is left out.

        Raises
        ------
        LedgerError
            The disk is full or gone. The journal then ends with the row before them, or, if that is
            no longer possible, with half a row, behind which nothing is written any more.
        """
        lines = b"".join(map(_line, rows))
        try:
            rest = memoryview(lines)
            while rest:
                rest = rest[os.write(self._handle, rest) :]
            sync(self._handle)
        except OSError as exc:
            self._take_back()
            raise LedgerError(f"{self.path}: cannot be written: {reason_of(exc)}") from exc
        self._size_bytes += len(lines)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._handle >= 0:
            handle, self._handle = self._handle, -1
            os.close(handle)

    def _take_back(self) -> None:
        """Cut off what was written of a row; where the disk is gone, close the journal."""
        try:
            os.ftruncate(self._handle, self._size_bytes)
        except OSError:
            with contextlib.suppress(OSError):
                self.close()


def read(path: Path) -> Iterator[Row]:
    """Return the rows of a journal; an unfinished last line is no row.

    The line is unfinished if the process was killed while it wrote (no line feed at the end), or if
    the power failed (a tail of zero bytes).

    Raises
    ------
    LedgerError
        A line that was finished is no JSON object: the file was damaged or edited. Or the disk
        fails.
    FileNotFoundError
        The file has gone, which happens while another process compacts.
    """
    with opened(path) as lines:
        yield from rows_of(lines, path)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a journal to read, and close it afterwards; raises as `read`."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise
    except OSError as exc:
        raise LedgerError(f"{path}: cannot be read: {reason_of(exc)}") from exc
    with file:
        yield file


def rows_of(lines: Iterable[bytes], path: Path) -> Iterator[Row]:
    """Return the rows of the lines of the journal ``path``, as `read` does."""
    for number, line in enumerate(_read(lines, path), start=1):
        if not line.endswith(b"\n"):
            if torn := line.rstrip(b"\0"):
                logger.info("%s: left out an unfinished row of %d bytes", path, len(torn))
            return
        row = _parse(line)
        if row is None:
            raise LedgerError(f"{path}: line {number}: expected a row as JSON, found {line[:80]!r}")
        yield row


def _read(lines: Iterable[bytes], path: Path) -> Iterator[bytes]:
    with told(path, "cannot be read"):
        yield from lines


def _line(row: Row) -> bytes:
    stated = {key: value for key, value in row.items() if value != DEFAULTS[key]}
    return json.dumps(stated, separators=(",", ":")).encode("ascii") + b"\n"


def _parse(line: bytes) -> Row | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None

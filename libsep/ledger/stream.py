"""Rows of many files of the ledger in the order of writing, a bounded number in memory."""

import bisect
import contextlib
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from libsep.errors import LedgerError
from libsep.ledger import journal, table
from libsep.ledger.table import Row

BATCH_ROWS = 4096
"""Rows of one file that are in memory at once, some 4 MB."""


class _Cursor:
    """Where the reading of a file stands: the rows in memory, and whether more follow."""

    def __init__(self, batches: Iterable[Any]) -> None:
        self._batches = iter(batches)
        self._rows: Any = next(self._batches, None)
        self._following = next(self._batches, None)

    @property
    def is_at_end(self) -> bool:
        """Whether the rows in memory are the last ones."""
        return self._following is None

    @property
    def has_rows(self) -> bool:
        return self._rows is not None and len(self._rows) > 0

    @property
    def last(self) -> int:
        """Highest sequence number in memory."""
        return int(self._rows["sequence"][-1].as_py())

    def more(self) -> None:
        """Read a batch more."""
        self._rows = pa.concat_tables(
            rows for rows in (self._rows, self._following) if rows is not None
        )
        self._following = next(self._batches, None)

    def taken(self, bound: int | None) -> Any:
        """Take out the rows below a sequence number; all without one."""
        rows = self._rows
        n_taken = len(rows)
        if bound is not None:
            n_taken = bisect.bisect_left(rows["sequence"].to_pylist(), bound)
        self._rows = rows.slice(n_taken)
        if not self.is_at_end and not self.has_rows:
            self.more()
        return rows.slice(0, n_taken)


def merged(files: Iterable[Iterable[Any]]) -> Iterator[Any]:
    """Yield the rows of all files in the order they were written, equal rows once.

    Parameters
    ----------
    files
        Batches of rows of each file (Arrow tables of one schema, with ``sequence`` and ``run``),
        by ascending sequence number.

    Yields
    ------
    Tables of some thousand rows.
    """
    cursors = [_Cursor(batches) for batches in files]
    while live := [cursor for cursor in cursors if cursor.has_rows]:
        # What has this number may go on in the next batch, so that it has to wait for it.
        bound = min((cursor.last for cursor in live if not cursor.is_at_end), default=None)
        rows = table.united([cursor.taken(bound) for cursor in live])
        if len(rows):
            yield rows
        else:
            for cursor in live:
                if not cursor.is_at_end:
                    cursor.more()


def batches_of_rows(rows: Iterable[Row], path: Path) -> Iterator[Any]:
    """Yield rows of a journal as Arrow tables.

    Raises
    ------
    LedgerError
        A line is damaged, or is no row of the ledger; the message names the file.
    """
    remaining = iter(rows)
    try:
        while some := list(itertools.islice(remaining, BATCH_ROWS)):
            yield table.from_rows(some)
    except LedgerError as exc:
        raise exc if str(path) in str(exc) else LedgerError(f"{path}: {exc}") from exc


Batches = Callable[[Sequence[str] | None], Iterator[Any]]
"""Yields the rows of an open file, in the named columns of the ledger or in all."""


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Batches]:
    """Open a journal or Parquet file, yield what reads it once, and close it afterwards.

    Raises
    ------
    LedgerError
        The file is damaged; or, while it is read, one of its rows.
    FileNotFoundError
        The file has gone, which happens while another process compacts.
    """
    with contextlib.ExitStack() as stack:
        if path.suffix == ".jsonl":
            lines = stack.enter_context(journal.opened(path))
            yield functools.partial(_batches_of_journal, lines, path)
        else:
            with table.reading(path):
                file = stack.enter_context(pq.ParquetFile(path))
            yield functools.partial(_batches_of_parquet, file, path)


def _batches_of_journal(
    lines: Iterable[bytes], path: Path, columns: Sequence[str] | None
) -> Iterator[Any]:
    for rows in batches_of_rows(journal.rows_of(lines, path), path):
        yield rows if columns is None else rows.select(columns)


def _batches_of_parquet(
    file: pq.ParquetFile, path: Path, columns: Sequence[str] | None
) -> Iterator[Any]:
    there = set(file.schema_arrow.names)
    wanted = None if columns is None else [name for name in columns if name in there]
    with table.reading(path):
        for batch in file.iter_batches(BATCH_ROWS, columns=wanted):
            yield table.completed(pa.Table.from_batches([batch]), columns)

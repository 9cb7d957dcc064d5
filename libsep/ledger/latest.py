"""The last outcome of each source, kept as Arrow columns: a million fit into a laptop."""

import collections
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from libsep.ledger import table
from libsep.ledger.arrays import bits_of
from libsep.track import Outcome

Batches = Callable[[Sequence[str] | None], Iterator[Any]]
"""Yields all rows of a ledger in the order of writing, in the named columns or in all."""

_DISTINCT = ("source", "output", "message", "audio_sha256", "tags_sha256")
"""Columns whose texts differ from row to row."""

_NAMES = ("sequence", "run", "event", "source", "status", "moved_from")
"""Columns that say which row is the last one of which source."""

_BLOCK_ROWS = 256
"""Rows that are turned into outcomes at once: neighbours by source, as a scan asks for them."""

_MOST_BLOCKS = 64
"""Blocks of outcomes that are remembered."""


class Latest(Mapping[str, Outcome]):
    """Maps each source to its last outcome; in the order of the sources.

    A source that has another name since is not among them.

    An outcome is made of its row when it is asked for, so that a source that is known costs some
    700 bytes. Whoever asks for neighbours one after the other pays little for that.

    Parameters
    ----------
    rows
        The last outcome rows (`libsep.ledger.table.SCHEMA`), sorted by source, each source once.
    """

    def __init__(self, rows: Any) -> None:
        self._rows = rows
        self._numbers = {source: i for i, source in enumerate(rows["source"].to_pylist())}
        self._blocks: collections.OrderedDict[int, list[Outcome]] = collections.OrderedDict()

    @classmethod
    def of(cls, batches: Batches) -> "Latest":
        """Return the last outcomes among the rows of a ledger, which are read twice."""
        last: dict[str, int] = {}
        n_rows = 0
        for rows in map(table.outcome_rows, batches(_NAMES)):
            last.update(
                zip(rows["source"].to_pylist(), range(n_rows, n_rows + len(rows)), strict=True)
            )
            names = zip(rows["moved_from"].to_pylist(), rows["status"].to_pylist(), strict=True)
            for number, (moved_from, status) in enumerate(names, start=n_rows):
                is_moved = moved_from and status == "done"
                if is_moved and last.get(moved_from, number) < number:
                    del last[moved_from]
            n_rows += len(rows)
        is_last = np.zeros(n_rows, dtype=np.bool_)
        is_last[np.fromiter(last.values(), dtype=np.int64, count=len(last))] = True
        del last
        return cls(_sorted_by_source(list(_kept(batches, is_last))))

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __contains__(self, source: object) -> bool:
        return source in self._numbers

    def outputs(self) -> dict[str, str]:
        """Return the stem file of each source; no outcome is made for it."""
        return dict(zip(self._numbers, self._rows["output"].to_pylist(), strict=True))

    def of_files(self, files: Collection[tuple[int, int]]) -> list[Outcome]:
        """Return the outcomes of files of these sizes in bytes and times in nanoseconds."""
        columns = (self._rows[name].to_pylist() for name in ("size_bytes", "mtime_ns"))
        is_such = np.fromiter(
            (file in files for file in zip(*columns, strict=True)),
            dtype=np.bool_,
            count=len(self._rows),
        )
        if not is_such.any():  # of a table without rows, pyarrow makes values by pandas
            return []
        mask = pa.Array.from_buffers(pa.bool_(), len(is_such), [None, bits_of(is_such)])
        return list(table.outcomes(self._rows.filter(mask)))

    def failed(self) -> list[Outcome]:
        """Return the outcomes that are failures; of the others, none is made."""
        rows = self._rows.filter(pc.equal(self._rows["status"], table.text("failed")))
        return list(table.outcomes(rows)) if len(rows) else []  # without rows, it takes pandas

    def __getitem__(self, source: str) -> Outcome:
        number, index = divmod(self._numbers[source], _BLOCK_ROWS)
        block = self._blocks.get(number)
        if block is None:
            rows = self._rows.slice(number * _BLOCK_ROWS, _BLOCK_ROWS)
            block = self._blocks[number] = list(table.outcomes(rows))
            if len(self._blocks) > _MOST_BLOCKS:
                self._blocks.popitem(last=False)
        else:
            self._blocks.move_to_end(number)
        return block[index]


def outputs_of(latest: Mapping[str, Outcome]) -> dict[str, str]:
    """Return the stem file of each source among last outcomes, as texts."""
    if isinstance(latest, Latest):
        return latest.outputs()
    return {source: outcome.output for source, outcome in latest.items()}


def outcomes_of_files(
    latest: Mapping[str, Outcome], files: Collection[tuple[int, int]]
) -> list[Outcome]:
    """Return the last outcomes of files of these sizes in bytes and times in nanoseconds."""
    if isinstance(latest, Latest):
        return latest.of_files(files)
    return [row for row in latest.values() if (row.size_bytes, row.mtime_ns) in files]


def failed_outcomes(latest: Mapping[str, Outcome]) -> list[Outcome]:
    """Return the last outcomes that are failures."""
    if isinstance(latest, Latest):
        return latest.failed()
    return [row for row in latest.values() if row.status == "failed"]


def _kept(batches: Batches, is_last: Any) -> Iterator[Any]:
    """Yield the outcome rows that are the last ones of their sources."""
    n_rows = 0
    for rows in map(table.outcome_rows, batches(None)):
        kept = is_last[n_rows : n_rows + len(rows)]
        n_rows += len(rows)
        is_kept = pa.Array.from_buffers(pa.bool_(), len(kept), [None, bits_of(kept)])
        yield _encoded(rows.slice(0, len(kept)).filter(is_kept))


def _encoded(rows: Any) -> Any:
    """Return ``rows`` with texts that many of them share kept once."""
    columns = [
        column.dictionary_encode()
        if pa.types.is_string(column.type) and name not in _DISTINCT
        else column
        for name, column in zip(rows.column_names, rows.columns, strict=True)
    ]
    return pa.Table.from_arrays(columns, names=rows.column_names)


def _sorted_by_source(tables: list[Any]) -> Any:
    """Return the rows of all tables by source; takes one column more memory than the rows."""
    rows = pa.concat_tables([_encoded(table.empty()), *tables]).unify_dictionaries()
    tables.clear()
    order = pc.sort_indices(rows["source"])
    columns = dict(zip(rows.column_names, rows.columns, strict=True))
    del rows
    for name in columns:
        columns[name] = columns[name].take(order)
    return pa.Table.from_arrays(list(columns.values()), names=list(columns))

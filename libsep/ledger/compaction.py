"""Journals become Parquet files, and many files one, a bounded number of rows in memory."""

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from libsep.ledger import journal, stream, table
from libsep.ledger.table import EVENTS, OUTCOMES, Row

ROW_GROUP_BATCHES = 16
"""Batches of `stream.BATCH_ROWS` that are one row group of a Parquet file."""

_UNSETTLED = ("started", "crashed")

GoalOf = Callable[[str], Path]
"""Gives the Parquet file that takes the rows of a folder (`table.FOLDERS`)."""


def settle(path: Path, goal_of: GoalOf) -> list[Path]:
    """Write the rows of a journal as Parquet, with the last word only on each track that has ended.

    Of a track without an outcome all rows are kept.

    Parameters
    ----------
    path
        The journal, which stays.
    goal_of
        Where outcomes and events go. A file is written for each that has rows, events first.

    Returns
    -------
    The files written.

    Raises
    ------
    LedgerError
        A row is damaged, or the disk cannot be written.
    """
    events: list[Row] = []
    open_tracks: dict[str, list[Row]] = {}

    def outcomes() -> Iterator[Row]:
        for row in journal.read(path):
            event = row.get("event", table.DEFAULTS["event"])
            if event == "outcome":
                open_tracks.pop(row["source"], None)
                yield row
            elif event in _UNSETTLED:
                open_tracks.setdefault(row["source"], []).append(row)
            else:
                events.append(row)

    def events_batches() -> Iterator[Any]:
        if open_tracks:  # one that was handed out once more after its end has ended
            for row in journal.read(path):
                if row.get("event", table.DEFAULTS["event"]) == "outcome":
                    open_tracks.pop(row["source"], None)
        rows = itertools.chain(events, *open_tracks.values())
        ordered = sorted(rows, key=lambda row: int(row.get("sequence", 0)))
        yield from stream.batches_of_rows(ordered, path)

    def outcome_batches() -> Iterator[Any]:
        yield from stream.batches_of_rows(outcomes(), path)
        # The outcomes are not in place yet: of a crash now, readers see nothing or too much.
        written.extend(_write(events_batches(), goal_of(EVENTS), EVENTS))

    written: list[Path] = []
    written.extend(_write(outcome_batches(), goal_of(OUTCOMES), OUTCOMES))
    return written


def merge(paths: Sequence[Path], goal: Path, folder: str) -> None:
    """Write the rows of Parquet files into one file, equal rows once.

    Parameters
    ----------
    paths
        The files, which stay.
    goal
        The file to write; may be one of them.
    folder
        The folder (`table.FOLDERS`) in which they lie.

    Raises
    ------
    LedgerError
        A file is damaged, or the disk cannot be written.
    """
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(stream.opened(path)) for path in paths]
        _write(stream.merged(batches(None) for batches in files), goal, folder)


def highest_sequence(paths: Iterable[Path]) -> int:
    """Return the highest sequence number in some files, 0 without rows; raises as `merge`."""
    highest = 0
    for path in paths:
        with stream.opened(path) as batches:
            for rows in batches(("sequence",)):
                highest = max(highest, pc.max(rows["sequence"]).as_py())
    return highest


def _write(batches: Iterable[Any], goal: Path, folder: str) -> list[Path]:
    """Write batches as one file, if there are any, and return it."""
    remaining = iter(batches)
    first = next(remaining, None)
    if first is None:
        return []
    dropped = ["event"] if folder == OUTCOMES else []
    schema = first.drop_columns(dropped).schema
    with table.writing(goal, schema) as writer:
        group = [first]
        for batch in remaining:
            if len(group) == ROW_GROUP_BATCHES:
                writer.write_table(pa.concat_tables(group).drop_columns(dropped))
                group.clear()
            group.append(batch)
        writer.write_table(pa.concat_tables(group).drop_columns(dropped))
    return [goal]

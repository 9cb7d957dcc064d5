"""Rows of the ledger as an Arrow table and as Parquet files.

Where pandas is installed, pyarrow imports it for `pyarrow.array`, `pyarrow.scalar`, `read_table`
and `sort_by`, which takes longer than all else that ``libsep status`` does: none of them is used.
"""

import contextlib
import dataclasses
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_origin

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from libsep.errors import LedgerError, reason_of
from libsep.ledger.arrays import array_of
from libsep.machine import sync, sync_folder
from libsep.track import Outcome

Row: TypeAlias = dict[str, Any]
"""One row as plain values: ``event``, ``sequence`` and the fields of `Outcome`."""

OUTCOMES, EVENTS = FOLDERS = ("ledger", "events")
"""Folders of Parquet files: rows that say how a track ended, and all others.

The others say that a track was handed out (``started``), that its process has died (``crashed``),
and that the run ended in order (``end``). Readers look into the folders in this order, writers
write in the other one, so that a row that moves meanwhile is seen twice, never missed.
"""


def _arrow_type(annotation: Any) -> Any:
    if get_origin(annotation) is Literal:
        return pa.string()
    types = {
        str: pa.string(),
        int: pa.int64(),
        float: pa.float64(),
        float | None: pa.float64(),
        int | None: pa.int64(),
        tuple[str, ...]: pa.list_(pa.string()),
        tuple[str, ...] | None: pa.list_(pa.string()),
        dict[str, float]: pa.map_(pa.string(), pa.float64()),
    }
    return types[annotation]


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    if field.default is dataclasses.MISSING:
        return ""
    return list(field.default) if isinstance(field.default, tuple) else field.default


_FIELDS = dataclasses.fields(Outcome)

SCHEMA = pa.schema(
    [("event", pa.string()), ("sequence", pa.int64())]
    + [(field.name, _arrow_type(field.type)) for field in _FIELDS]
)
"""Columns of the ledger: ``sequence`` counts the rows of all runs, the rest is `Outcome`."""

DEFAULTS: Mapping[str, Any] = {
    "event": "outcome",
    "sequence": 0,
    **{field.name: _default(field) for field in _FIELDS},
}
"""What a column holds in a row, or in a file of an older version, that does not mention it."""


def valid_text(row: Row) -> Row:
    r"""Return ``row`` with texts that Arrow can store: what is no Unicode becomes ``\udcNN``.

    Such texts come from file names that are not UTF-8, in the messages of errors.
    """

    def valid(value: Any) -> Any:
        if isinstance(value, str):
            return value.encode("utf-8", "backslashreplace").decode("utf-8")
        return [valid(item) for item in value] if isinstance(value, list) else value

    return {key: valid(value) for key, value in row.items()}


def from_rows(rows: Iterable[Row]) -> Any:
    """Return an Arrow table of ``rows``; what a row leaves out has its default, extras are lost.

    Raises
    ------
    LedgerError
        A value is not of the column's type, so the rows were not written by libsep.
    """
    listed = list(rows)
    try:
        return pa.Table.from_arrays(
            [
                array_of(
                    [row.get(column.name, DEFAULTS[column.name]) for row in listed], column.type
                )
                for column in SCHEMA
            ],
            schema=SCHEMA,
        )
    except (TypeError, OverflowError, UnicodeError) as exc:
        raise LedgerError(f"rows of the ledger: {exc}") from exc


def empty() -> Any:
    """Return a table without rows."""
    return pa.Table.from_batches([], schema=SCHEMA)


def outcomes(table: Any) -> Iterator[Outcome]:
    """Return the rows of ``table`` as outcomes, in its order."""
    names = [field.name for field in _FIELDS]
    columns = [_plain_values(table[name]) for name in names]
    for values in zip(*columns, strict=True):
        yield Outcome(**dict(zip(names, values, strict=True)))


def _plain_values(column: Any) -> list[Any]:
    """Return the values of a column; equal texts are one object, which saves much memory."""
    if pa.types.is_map(column.type):
        return [dict(items) for items in column.to_pylist()]
    if pa.types.is_list(column.type):
        return [None if items is None else tuple(items) for items in column.to_pylist()]
    if pa.types.is_string(column.type):
        column = column.dictionary_encode()
    if not pa.types.is_dictionary(column.type):
        return list(column.to_pylist())
    encoded = column.unify_dictionaries().combine_chunks()
    texts = encoded.dictionary.to_pylist()
    if len(texts) < len(column) / 2:  # it will stand in other rows as well
        texts = [sys.intern(text) for text in texts]
    return [texts[index] for index in encoded.indices.to_pylist()]


def outcome_rows(table: Any) -> Any:
    """Return the rows of ``table`` that say how a track ended."""
    return table.filter(_is_outcome(table))


def event_rows(table: Any) -> Any:
    """Return the rows of ``table`` that say something else."""
    return table.filter(pc.invert(_is_outcome(table)))


def _is_outcome(table: Any) -> Any:
    return pc.equal(table["event"], text("outcome"))


def united(tables: Iterable[Any]) -> Any:
    """Return the rows of all ``tables`` in the order they were written, equal rows once.

    A row that stands in a journal and in the Parquet file that was made of it is one row: run and
    sequence number say so. Tables that lack other columns of `SCHEMA` may be united, too.
    """
    table = pa.concat_tables(list(tables) or [empty()])
    if len(table) < 2:
        return table
    order = [("sequence", "ascending"), ("run", "ascending")]
    table = table.take(pc.sort_indices(table, sort_keys=order))
    n_others = len(table) - 1
    is_new = [
        pc.not_equal(table[name].slice(1), table[name].slice(0, n_others)).combine_chunks()
        for name in ("sequence", "run")
    ]
    is_first = pc.is_valid(table["sequence"].slice(0, 1)).combine_chunks()
    kept = pa.concat_arrays([is_first, pc.or_(*is_new)])
    return table if pc.all(kept).as_py() else table.filter(kept)


def _default_scalar(column: Any) -> Any:
    return array_of([DEFAULTS[column.name]], column.type)[0]


def text(value: str) -> Any:
    """Return a text as a scalar of Arrow, which takes pandas for one of Python."""
    return array_of([value], pa.string())[0]


def parts(table: Any) -> Iterator[tuple[str, Any]]:
    """Return the rows of ``table`` by the folder they belong to, if there are any: events first."""
    for folder, rows in (
        (EVENTS, event_rows(table)),
        (OUTCOMES, outcome_rows(table).drop_columns(["event"])),
    ):
        if len(rows):
            yield folder, rows


def has_events(path: Path) -> bool:
    """Return whether a Parquet file may hold other rows than outcomes, as those of 0.1 do.

    Raises
    ------
    LedgerError
        The file is damaged or no ledger.
    """
    with reading(path):
        return "event" in pq.read_schema(path).names


def read(path: Path) -> Any:
    """Return the rows of a Parquet file in the columns of `SCHEMA`.

    A column that the file lacks, because an older version wrote it, has its default.

    Raises
    ------
    LedgerError
        The file is damaged or no ledger.
    FileNotFoundError
        The file has gone, which happens while another process compacts.
    """
    with reading(path), pq.ParquetFile(path) as file:
        return completed(file.read())


def completed(table: Any, columns: Collection[str] | None = None) -> Any:
    """Return ``table`` in the columns of `SCHEMA`, or in those that are named, in its order.

    A column that it lacks, because an older version wrote it, has its default.
    """
    schema = SCHEMA if columns is None else pa.schema([SCHEMA.field(name) for name in columns])
    arrays = [
        table[column.name].cast(column.type)
        if column.name in table.column_names
        else pa.repeat(_default_scalar(column), len(table))
        for column in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Say of what Arrow raises which file is damaged; that it has gone stays what it is."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as exc:
        raise LedgerError(
            f"{path}: expected a Parquet file of the ledger, found damage: {reason_of(exc)}"
        ) from exc


def write(table: Any, path: Path) -> None:
    """Write ``table`` to ``path``, whole or not at all, and wait until it is on the disk.

    Raises
    ------
    LedgerError
        The disk is full, or the folder cannot be written.
    """
    with writing(path, table.schema) as writer:
        writer.write_table(table)


@contextlib.contextmanager
def writing(path: Path, schema: Any) -> Iterator[pq.ParquetWriter]:
    """Write a Parquet file part by part, whole or not at all; at the end it is on the disk.

    Nothing is left of it if the block raises an error of ours.

    Raises
    ------
    LedgerError
        The disk is full, or the folder cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            with pq.ParquetWriter(file, schema, compression="zstd") as writer:
                yield writer
            file.flush()
            sync(file.fileno())
        partial.replace(path)
        sync_folder(path.parent)
    except LedgerError:  # of the rows
        _remove(partial)
        raise
    except OSError as exc:
        _remove(partial)
        raise LedgerError(f"{path}: cannot be written: {reason_of(exc)}") from exc


def _remove(partial: Path) -> None:
    """Remove a file that was not finished, if its disk is still there: why not has been told."""
    with contextlib.suppress(OSError):
        partial.unlink(missing_ok=True)

"""TensorFlow's checkpoints ("tensor bundles"), read without TensorFlow.

Two files: ``.index``, a sorted table of names with type, shape, place and checksum of each tensor,
and ``.data-00000-of-00001``, the numbers. Nothing in them is executed. Written from TensorFlow's
descriptions of the format (tensor_bundle.h, tensor_bundle.proto, tensor_shape.proto, types.proto).
"""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from libsep.errors import ModelError
from libsep.model_folder.sorted_table import Cursor, DamagedError, masked_crc32c, read_table

MAX_INDEX_BYTES = 16 << 20
"""Largest index that is read; one of a thousand tensors has 100 kB."""

MAX_DIMENSIONS = 8
MAX_ELEMENTS = 1 << 40
"""Of a tensor; sizes of zero do not count."""

DTYPES: Mapping[int, str] = {
    1: "<f4", 2: "<f8", 3: "<i4", 4: "|u1", 5: "<i2", 6: "|i1", 9: "<i8", 10: "|b1", 19: "<f2",
}  # fmt: skip
"""Numpy's name of each type of ``types.proto`` that is read."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """Where a tensor lies, in bytes, and what it is."""

    dtype: int
    shape: tuple[int, ...]
    start: int
    n_bytes: int
    crc32c: int
    is_sliced: bool

    @property
    def end(self) -> int:
        return self.start + self.n_bytes


def read_bundle(
    index: Path, data: Path, *, is_wanted: Callable[[str], bool] = lambda _name: True
) -> dict[str, np.ndarray]:
    """Return the tensors of a checkpoint by their names, each in memory of its own.

    Parameters
    ----------
    index, data
        The two files; a checkpoint of several data files is not read.
    is_wanted
        Says of a name whether its tensor is read; what the optimiser kept can be left out. Tensors
        that are left out take no memory, and may be of any type.

    Raises
    ------
    ModelError
        A file cannot be read or is damaged: truncated, compressed, with wrong checksums, with
        tensors that overlap, do not fit their shape or lie outside of the data; or a tensor that
        is wanted is no array of numbers.
    """
    try:
        entries = _read_index(index)
        return dict(_read_data(data, entries, is_wanted))
    except OSError as exc:
        raise ModelError(f"{exc.filename}: cannot be read: {exc.strerror}") from exc


def _read_index(path: Path) -> dict[str, _Entry]:
    """Return the places of all tensors by their names."""
    with path.open("rb") as file:
        content = file.read(MAX_INDEX_BYTES + 1)
    if len(content) > MAX_INDEX_BYTES:
        raise ModelError(f"{path}: longer than {MAX_INDEX_BYTES} bytes (is it the index?)")
    try:
        values = read_table(content)
        _check_header(values.pop(b"", b""))
        return {key.decode(): _parse_entry(key, value) for key, value in values.items()}
    except (DamagedError, UnicodeDecodeError) as exc:
        raise ModelError(f"{path}: no index of a TensorFlow checkpoint: {exc}") from exc


def _check_header(message: bytes) -> None:
    header = _numbers(message)
    if header.get(1) != 1:
        raise DamagedError(f"has {header.get(1, 0)} data files, expected one")
    if header.get(2, 0) != 0:
        raise DamagedError("has big-endian numbers")


def _parse_entry(key: bytes, message: bytes) -> _Entry:
    numbers = {1: 0, 3: 0, 4: 0, 5: 0, 6: 0} | _numbers(message)
    shape: tuple[int, ...] = ()
    is_sliced = False
    for field, value in _fields(message):
        if field == 2 and isinstance(value, bytes):
            shape = _parse_shape(key, value)
        elif field == 7:
            is_sliced = True
    if numbers[3] != 0:
        raise DamagedError(f"puts {key!r} into data file {numbers[3]} of one")
    return _Entry(
        dtype=numbers[1],
        shape=shape,
        start=numbers[4],
        n_bytes=numbers[5],
        crc32c=numbers[6],
        is_sliced=is_sliced,
    )


def _parse_shape(key: bytes, message: bytes) -> tuple[int, ...]:
    sizes: list[int] = []
    for field, dimension in _fields(message):
        if field != 2 or not isinstance(dimension, bytes):
            raise DamagedError(f"does not know the shape of {key!r}")
        # A size of zero is left out; negative ones are numbers above 2⁶³.
        sizes.append(_numbers(dimension).get(1, 0))
        if len(sizes) > MAX_DIMENSIONS or math.prod(max(size, 1) for size in sizes) > MAX_ELEMENTS:
            raise DamagedError(f"gives {key!r} the impossible shape {sizes}")
    return tuple(sizes)


def _numbers(message: bytes) -> dict[int, int]:
    """Return the fields of a message that are numbers; of a repeated one the last."""
    return {field: value for field, value in _fields(message) if isinstance(value, int)}


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and value of each field of a message of Protocol Buffers."""
    cursor = Cursor(message)
    while cursor:
        field, wire_type = divmod(cursor.varint(), 8)
        if wire_type == _VARINT:
            yield field, cursor.varint()
        elif wire_type == _BYTES:
            yield field, cursor.take(cursor.varint())
        elif wire_type in (_FIXED32, _FIXED64):
            yield field, cursor.fixed(4 if wire_type == _FIXED32 else 8)
        else:
            raise DamagedError(f"has a field of the unknown wire type {wire_type}")


def _read_data(
    path: Path, entries: Mapping[str, _Entry], is_wanted: Callable[[str], bool]
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the wanted tensors; nothing is read before every place has been checked."""
    with path.open("rb") as file:
        _check_places(path, entries, file.seek(0, 2))
        for name, entry in entries.items():
            if not is_wanted(name):
                continue
            dtype = _check_type(path, name, entry)
            file.seek(entry.start)
            content = file.read(entry.n_bytes)
            if (found := masked_crc32c(content)) != entry.crc32c:
                raise ModelError(
                    f"{path}: {name} has checksum {found:08x}, expected {entry.crc32c:08x} "
                    "(damaged, or of another checkpoint than its index?)"
                )
            yield name, np.frombuffer(content, dtype).reshape(entry.shape).copy()


def _check_places(path: Path, entries: Mapping[str, _Entry], n_bytes: int) -> None:
    """Refuse tensors that overlap or reach over the end: so all of them are no larger than it."""
    end = 0
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].start, item[1].end)):
        if entry.start < end:
            raise ModelError(f"{path}: {name} at byte {entry.start} overlaps another tensor")
        end = entry.end
    if end > n_bytes:
        raise ModelError(f"{path}: {n_bytes} bytes, expected {end} (truncated?)")


def _check_type(path: Path, name: str, entry: _Entry) -> np.dtype[np.generic]:
    if entry.is_sliced or entry.dtype not in DTYPES:
        what = "in slices" if entry.is_sliced else f"of type {entry.dtype}"
        raise ModelError(f"{path}: {name} is {what}, expected an array of plain numbers")
    dtype = np.dtype(DTYPES[entry.dtype])
    expected = math.prod(entry.shape) * dtype.itemsize
    if expected != entry.n_bytes:
        raise ModelError(
            f"{path}: {name} has {entry.n_bytes} bytes, its shape {entry.shape} needs {expected}"
        )
    return dtype

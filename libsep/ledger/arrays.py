"""Plain values as arrays of Arrow, without the pandas that `pyarrow.array` imports if it can."""

import array
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Bool


def array_of(values: Sequence[Any], kind: Any) -> Any:
    """Return plain values as an array of Arrow.

    Parameters
    ----------
    values
        For each row a text, a number, a list of texts, or a dictionary of texts; None: no value.
    kind
        Their type: ``string``, ``int64``, ``float64``, ``list`` or ``map``.

    Raises
    ------
    TypeError, OverflowError, UnicodeError
        A value is not of this type.
    """
    valid = [value is not None for value in values]
    validity = None if all(valid) else bits_of(valid)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        code, nothing = ("q", 0) if pa.types.is_integer(kind) else ("d", 0.0)
        data = array.array(code, [nothing if value is None else value for value in values])
        return pa.Array.from_buffers(kind, len(values), [validity, pa.py_buffer(data)])
    if pa.types.is_string(kind):
        texts = [b"" if value is None else _checked(value, str).encode() for value in values]
        buffers = [validity, _ends(texts), pa.py_buffer(b"".join(texts))]
        return pa.Array.from_buffers(kind, len(values), buffers)
    shape: type = dict if pa.types.is_map(kind) else list
    rows = [shape() if value is None else _checked(value, shape) for value in values]
    buffers = [validity, _ends(rows)]
    if shape is dict:
        items = [item for row in rows for item in row.items()]
        children = [
            array_of([name for name, _ in items], kind.key_type),
            array_of([value for _, value in items], kind.item_type),
        ]
        entries = pa.StructArray.from_arrays(children, fields=[kind.key_field, kind.item_field])
    else:
        entries = array_of([item for row in rows for item in row], kind.value_type)
    return pa.Array.from_buffers(kind, len(values), buffers, children=[entries])


def _checked(value: Any, shape: type) -> Any:
    if not isinstance(value, shape):
        raise TypeError(f"expected a {shape.__name__}, found {value!r}")
    return value


def _ends(rows: Sequence[Any]) -> Any:
    """Return where each row begins and ends when all are put one behind the other."""
    return pa.py_buffer(array.array("i", itertools.accumulate(map(len, rows), initial=0)))


def bits_of(truths: Sequence[bool] | Bool[np.ndarray, " n"]) -> Any:
    """Return truths as Arrow keeps them, eight in a byte."""
    return pa.py_buffer(
        np.packbits(np.asarray(truths, dtype=np.bool_), bitorder="little").tobytes()
    )

"""Arrays of Arrow from plain values: pyarrow's own way is the other implementation."""

from typing import Any

import pyarrow as pa
import pytest

from libsep.ledger.arrays import array_of

TEXTS, NUMBERS = pa.list_(pa.string()), pa.map_(pa.string(), pa.float64())
VALUES: list[tuple[Any, list[Any]]] = [
    (pa.string(), ["a", None, "", "Träck \\xff"]),
    (pa.int64(), [1, None, -(2**63), 2**63 - 1]),
    (pa.float64(), [0.5, 3, None, -float("inf")]),
    (TEXTS, [["a", ""], [], None, ["ü"] * 9]),
    (NUMBERS, [{"drums": -12.5, "bass": -float("inf")}, {}, None, {"": 1}]),
]


@pytest.mark.parametrize(("kind", "values"), VALUES)
def test_values_become_the_array_that_pyarrow_makes_of_them(kind: Any, values: list[Any]) -> None:
    for some in ([], [None] * 9, values, values * 5):
        array = array_of(some, kind)
        array.validate(full=True)
        assert array.equals(pa.array(some, kind))
        assert [dict(row) if kind == NUMBERS and row else row for row in array.to_pylist()] == [
            value if value or kind != NUMBERS else ([] if value == {} else None) for value in some
        ]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (pa.string(), 1),
        (pa.int64(), "1"),
        (pa.int64(), 1.5),
        (pa.float64(), "1"),
        (TEXTS, "ab"),
        (NUMBERS, [["drums", 1.0]]),
    ],
)
def test_a_value_of_another_type_is_refused(kind: Any, value: Any) -> None:
    with pytest.raises(TypeError):
        array_of([value], kind)

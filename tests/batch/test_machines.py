"""How many separators each machine holds, and whose fault the death of a process is."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libsep.batch.cluster.machines import Machine, Place, Staffing, spread
from libsep.batch.schedule.plan import Attempt
from libsep.batch.verdicts import VERDICT_S, Verdicts

from ..conftest import track_called


def machines(*sizes: tuple[int, int]) -> list[Machine]:
    """Return machines of so many cores and GPUs, called a, b, …."""
    names = "abcdefghij"
    return [
        Machine(node_id=name, n_tracks=n_cores, n_cores=n_cores, n_gpus=n_gpus)
        for name, (n_cores, n_gpus) in zip(names, sizes, strict=False)
    ]


def test_without_a_gpu_there_is_a_separator_per_core_and_none_on_a_head_without_cores() -> None:
    places = Staffing(0, [1.0], "auto").places(machines((0, 0), (4, 0), (2, 0)))
    assert places == {Place("b"): 4, Place("c"): 2}


def test_with_gpus_the_machines_without_one_decode_and_encode_only() -> None:
    places = Staffing(0, [1.0], "auto").places(machines((16, 0), (8, 2), (8, 1)))
    assert places == {Place("b", 1.0): 2, Place("c", 1.0): 1}


def test_the_device_cpu_leaves_gpus_alone() -> None:
    assert Staffing(0, [1.0], "cpu").places(machines((2, 4))) == {Place("a"): 2}


@pytest.mark.parametrize(
    ("n_gpus", "costs", "expected"),
    [
        (2, [1.0], 2),
        (2, [1.0, 1.0, 1.0], 3),
        (2, [1.0] * 7, 4),
        (2, [1.0, 1.0, 40.0], 2),
        (2, [1.0, 1.0, None], 2),
    ],
)
def test_small_models_share_a_gpu_when_there_are_more_than_gpus(
    n_gpus: int, costs: list[float | None], expected: int
) -> None:
    assert Staffing(0, costs, "auto").places(machines((4, n_gpus))).total() == expected
    assert Staffing(5, costs, "auto").places(machines((4, n_gpus))).total() == 5


def test_a_separator_keeps_its_share_of_a_gpu_when_machines_come_and_go() -> None:
    staffing = Staffing(0, [1.0, 1.0, 1.0], "auto")
    assert staffing.places(machines((4, 1), (4, 1))) == {Place("a", 0.5): 2, Place("b", 0.5): 1}
    assert staffing.places(machines((4, 1))) == {Place("a", 0.5): 2}
    grown = staffing.places(machines((4, 1), (4, 1), (4, 2)))
    assert grown == {Place("a", 0.5): 1, Place("b", 0.5): 1, Place("c", 0.5): 2}


def test_when_all_gpus_are_lost_the_cores_take_over_unless_cuda_was_asked_for() -> None:
    for device, expected in (("auto", {Place("a"): 4}), ("cuda", {})):
        staffing = Staffing(0, [1.0], device)
        staffing.places(machines((4, 0), (4, 1)))
        assert staffing.places(machines((4, 0))) == expected
    # Without any GPU from the start, a separator is to say that there is none.
    assert Staffing(0, [1.0], "cuda").places(machines((4, 0))) == {Place("a"): 4}


def test_those_that_are_left_do_not_take_over_all_that_was_configured() -> None:
    staffing = Staffing(8, [1.0], "auto")
    assert staffing.places(machines((4, 0), (4, 0))).total() == 8
    assert staffing.places(machines((4, 0))).total() == 4
    assert staffing.places(machines((4, 0), (4, 0), (4, 0))).total() == 8
    assert staffing.places([]).total() == 0


@given(st.integers(0, 40), st.lists(st.integers(0, 16), max_size=8))
def test_what_is_spread_is_as_even_as_the_weights_allow(count: int, sizes: list[int]) -> None:
    weights = {str(index): size for index, size in enumerate(sizes)}
    shares = spread(count, weights)
    total = sum(weights.values())
    assert sum(shares.values()) == (count if total else 0)
    for node, share in shares.items():
        assert 0 < share <= -(-count // total) * weights[node]


def attempt(name: str) -> Attempt:
    return Attempt(track_called(name))


def test_who_dies_shortly_before_or_after_a_node_is_innocent_and_who_dies_alone_is_not() -> None:
    verdicts = Verdicts()
    early, late = attempt("early"), attempt("late")
    verdicts.add(early, 100.0)
    assert verdicts.settle([], 101.0) == ([], [])
    assert verdicts.settle([100.0 + VERDICT_S / 2], 111.0) == ([early], [])
    verdicts.add(late, 200.0)
    assert verdicts.settle([110.0], 200.0 + VERDICT_S) == ([], [])
    assert verdicts.settle([110.0], 200.1 + VERDICT_S) == ([], [late])
    assert len(verdicts) == 0


def test_a_node_that_has_just_died_clears_who_dies_next() -> None:
    verdicts = Verdicts()
    verdicts.add(dataclasses.replace(attempt("x"), number=2), 50.0)
    innocent, guilty = verdicts.settle([45.0], 50.0)
    assert [each.number for each in innocent] == [2]
    assert guilty == []

"""Which model a device slot holds, in simulated time."""

import dataclasses
import heapq

from hypothesis import given, settings
from hypothesis import strategies as st

from libsep.batch.schedule.costs import Costs
from libsep.batch.schedule.plan import Attempt, Plan
from libsep.batch.schedule.slots import Backlog, Slots
from libsep.track import Assignment

from ..conftest import track_called

LOAD_S = 0.5


def attempt(model: str, index: int, duration_s: float, rank: int = 0) -> Attempt:
    name = f"{model}-{index}.mp3"
    track = track_called(name, duration_s=duration_s)
    assignment = Assignment(
        model=model, model_sha256=model, genre="pop", genre_reason="", genre_source="tag"
    )
    return Attempt(track, assignment=assignment, rank=rank)


@dataclasses.dataclass
class Simulated:
    """What a simulated run did."""

    wall_s: float
    idle_s: float
    switches: list[tuple[float, int, str]]
    waited_s: dict[str, float]
    longest_track_s: float
    started: list[Attempt]


def simulate(
    attempts: list[Attempt], *, n_slots: int, max_in_flight: int, max_wait_s: float
) -> Simulated:
    """Carry out a plan; a slot works on its tracks one after the other, at real time.

    ``idle_s`` counts the seconds in which a slot has nothing while tracks wait that could start and
    that no other slot is about to take.
    """
    models = {a.model for a in attempts}
    slots = Slots(n_slots, max_wait_s=max_wait_s)
    costs = Costs(dict.fromkeys(models, 1.0))
    plan = Plan(attempts, slots, costs, max_in_flight=max_in_flight, max_attempts=3)
    now_s, idle_s = 0.0, 0.0
    events: list[tuple[float, int, str, object]] = []
    free_at = [0.0] * n_slots
    started: list[Attempt] = []
    switches, since, waited = [], dict.fromkeys(models, 0.0), dict.fromkeys(models, 0.0)
    left = {m: sum(a.model == m for a in attempts) for m in models}
    count = 0
    while not plan.is_finished:
        for slot, model in plan.loads(now_s):
            switches.append((now_s, slot, model))
            count += 1
            heapq.heappush(events, (now_s + LOAD_S, count, "loaded", slot))
        while (taken := plan.take()) is not None:
            chosen, its_slots = taken
            assert all(slots[s].model == chosen.model and slots[s].is_open for s in its_slots)
            started.append(chosen)
            left[chosen.model] -= 1
            waited[chosen.model] = max(waited[chosen.model], now_s - since[chosen.model])
            start_s = max(now_s, free_at[its_slots[0]])
            end_s = start_s + chosen.track.expected_s
            for s in its_slots:
                free_at[s] = end_s
            count += 1
            heapq.heappush(events, (end_s, count, "ended", chosen))
        live = slots.live()
        for m in models:
            if m in live or not left[m]:
                since[m] = now_s
        n_idle = sum(not slots[s].n_tracks and not slots[s].is_loading for s in range(n_slots))
        n_loading = slots.n_loading().total()
        could_start = min(plan.n_left - n_loading, max_in_flight - plan.n_in_flight)
        assert events, "the plan is stuck"
        then_s, _, kind, what = heapq.heappop(events)
        then_s = max(then_s, now_s)
        idle_s += min(n_idle, max(could_start, 0)) * (then_s - now_s)
        now_s = then_s
        if kind == "loaded":
            plan.loaded(what)
        else:
            plan.ended(what)
    longest = max((a.track.expected_s for a in attempts), default=0.0)
    return Simulated(now_s, idle_s, switches, waited, longest, started)


@st.composite
def libraries(draw: st.DrawFn) -> tuple[list[tuple[str, float]], int, int]:
    """Return tracks as model and length, how many slots, and how many tracks may run at once."""
    n_models = draw(st.integers(1, 6))
    n_slots = draw(st.integers(1, 5))
    lengths = st.lists(st.floats(20, 900), min_size=1, max_size=25)
    tracks = [(f"m{number}", length) for number in range(n_models) for length in draw(lengths)]
    return draw(st.permutations(tracks)), n_slots, draw(st.integers(n_slots, 3 * n_slots + 2))


@given(libraries())
@settings(max_examples=60, deadline=None)
def test_every_slot_is_busy_while_tracks_wait_and_each_model_is_loaded_few_times(
    library: tuple[list[tuple[str, float]], int, int],
) -> None:
    tracks, n_slots, max_in_flight = library
    attempts = [attempt(model, index, length) for index, (model, length) in enumerate(tracks)]
    found = simulate(attempts, n_slots=n_slots, max_in_flight=max_in_flight, max_wait_s=1e9)
    n_models = len({a.model for a in attempts})
    assert found.idle_s == 0
    assert {model for _, _, model in found.switches} == {a.model for a in attempts}
    assert len(found.switches) <= n_models + n_slots * n_slots


@given(libraries(), st.floats(30, 3000))
@settings(max_examples=60, deadline=None)
def test_no_model_waits_longer_than_it_may_and_the_tracks_in_flight(
    library: tuple[list[tuple[str, float]], int, int], max_wait_s: float
) -> None:
    tracks, n_slots, max_in_flight = library
    attempts = [attempt(model, index, length) for index, (model, length) in enumerate(tracks)]
    found = simulate(attempts, n_slots=n_slots, max_in_flight=max_in_flight, max_wait_s=max_wait_s)
    assert found.idle_s == 0
    # A closing slot still ends what it has: its share of the tracks in flight; each of the models
    # before it in the queue may cost that once.
    n_waiting = max(len({a.model for a in attempts}) - n_slots, 1)
    in_flight_s = (max_in_flight + 1) * found.longest_track_s
    assert max(found.waited_s.values()) <= max_wait_s + n_waiting * (in_flight_s + LOAD_S)


@given(libraries(), st.data())
@settings(max_examples=30, deadline=None)
def test_urgent_tracks_come_first_whatever_their_models_and_cost_few_loads(
    library: tuple[list[tuple[str, float]], int, int], data: st.DataObject
) -> None:
    tracks, n_slots, max_in_flight = library
    ranks = data.draw(st.lists(st.integers(0, 2), min_size=len(tracks), max_size=len(tracks)))
    attempts = [
        attempt(model, index, length, rank)
        for index, ((model, length), rank) in enumerate(zip(tracks, ranks, strict=True))
    ]
    found = simulate(attempts, n_slots=n_slots, max_in_flight=max_in_flight, max_wait_s=1e9)
    n_models = len({model for model, _ in tracks})
    assert len(found.switches) <= 3 * n_models + n_slots * n_slots
    for model in {model for model, _ in tracks}:
        of_one = [each.rank for each in found.started if each.model == model]
        assert of_one == sorted(of_one)
    alone = simulate(attempts, n_slots=1, max_in_flight=1, max_wait_s=1e9)
    assert [each.rank for each in alone.started] == sorted(ranks)


def busy_with_one(slots: Slots, others: dict[str, Backlog]) -> None:
    """Let slot 0 load "one", work on a track of it, and see that others wait from second 1 on."""
    queues = {"one": Backlog(9, 90.0, rank=1)}
    assert slots.assign(queues, 0.0) == [(0, "one")]
    slots.loaded(0)
    slots[0].n_tracks = 1
    assert slots.assign(queues | others, 1.0) == []


def test_slots_that_nobody_waits_for_go_where_each_has_the_most_work() -> None:
    queues = {"much": Backlog(9, 90.0), "little": Backlog(9, 62.0)}
    given_to = [model for _, model in Slots(4, max_wait_s=100.0).assign(queues, 0.0)]
    assert given_to == ["much", "little", "much", "little"]


def test_the_more_urgent_of_two_models_that_wait_gets_the_slot_though_it_came_later() -> None:
    slots = Slots(1, max_wait_s=100.0)
    queues = {"one": Backlog(9, 90.0, rank=1), "two": Backlog(9, 90.0, rank=1)}
    busy_with_one(slots, queues)
    queues["three"] = Backlog(1, 1.0, rank=0)
    assert slots.assign(queues, 2.0) == []
    slots[0].n_tracks = 0
    assert slots.assign(queues, 3.0) == [(0, "three")]


def test_a_model_that_has_waited_keeps_its_slot_for_a_turn_though_another_waits_as_long() -> None:
    slots = Slots(1, max_wait_s=600.0)
    queues = {name: Backlog(9, 90.0, rank=1) for name in ("one", "two", "three")}
    busy_with_one(slots, queues)
    assert slots.assign(queues, 302.0) == []
    slots[0].n_tracks = 0
    assert slots.assign(queues, 303.0) == [(0, "two")]
    slots.loaded(0)
    slots[0].n_tracks = 1
    for now_s, is_open in ((304.0, True), (601.0, True), (602.0, False)):
        assert slots.assign(queues, now_s) == []
        assert slots[0].is_open is is_open


def test_a_slot_that_was_to_be_given_away_takes_tracks_again_once_nobody_waits() -> None:
    slots = Slots(1, max_wait_s=100.0)
    queues = {name: Backlog(9, 90.0, rank=1) for name in ("one", "two")}
    busy_with_one(slots, queues)
    assert slots.assign(queues, 102.0) == []
    assert not slots[0].is_open
    del queues["two"]  # what is left of it would not end in time
    assert slots.assign(queues, 103.0) == []
    assert slots[0].is_open

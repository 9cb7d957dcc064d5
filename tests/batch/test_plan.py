"""The state machine that decides which track runs next."""

import collections
import dataclasses

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from libsep.batch.schedule.costs import Costs
from libsep.batch.schedule.plan import MAX_LOSSES, Attempt, Plan
from libsep.batch.schedule.slots import Slots
from libsep.track import Assignment, Track

from ..conftest import track_called


def assigned(model: str) -> Assignment:
    return Assignment(
        model=model, model_sha256=model, genre="pop", genre_reason="", genre_source="tag"
    )


def attempt(name: str, number: int = 1, model: str | None = "m") -> Attempt:
    track = track_called(name)
    return Attempt(track, number=number, assignment=assigned(model) if model else None)


def plan_of(attempts: list[Attempt], max_in_flight: int, n_slots: int = 1) -> Plan:
    """Return a plan whose separators have loaded what they need first."""
    slots = Slots(n_slots, max_wait_s=1800.0)
    costs = Costs({"m": 1.0, "n": 1.0})
    plan = Plan(attempts, slots, costs, max_in_flight=max_in_flight, max_attempts=3)
    load(plan)
    return plan


def load(plan: Plan) -> None:
    """Let separators load at once what the plan wants."""
    for slot, _ in plan.loads(0.0):
        plan.loaded(slot)


def take(plan: Plan) -> Attempt | None:
    load(plan)
    taken = plan.take()
    return taken[0] if taken else None


def test_no_more_tracks_run_at_once_than_allowed() -> None:
    plan = plan_of([attempt(name) for name in "abc"], max_in_flight=2)
    taken = [take(plan), take(plan)]
    assert take(plan) is None
    assert taken[0] is not None
    plan.ended(taken[0])
    third = take(plan)
    assert third is not None
    assert third.track.path.name == "c"


def test_a_suspect_runs_last_and_alone() -> None:
    plan = plan_of([attempt("bad"), attempt("good")], max_in_flight=2)
    bad, good = take(plan), take(plan)
    assert bad is not None
    assert good is not None
    assert plan.crashed(bad)
    assert take(plan) is None, "a neighbour is still running"
    plan.ended(good)
    again = take(plan)
    assert again == dataclasses.replace(bad, number=2)
    assert take(plan) is None


def test_a_track_that_crashed_in_earlier_runs_starts_with_fewer_tries() -> None:
    plan = plan_of([attempt("bad", number=3)], max_in_flight=2)
    bad = take(plan)
    assert bad is not None
    assert not plan.crashed(bad)
    assert plan.is_finished


def test_a_track_that_lost_its_machine_is_next_and_has_no_strike() -> None:
    plan = plan_of([attempt(name) for name in "abc"], max_in_flight=1)
    first = take(plan)
    assert first is not None
    assert plan.lost(first)
    assert take(plan) == first


def test_a_track_that_loses_one_machine_after_the_other_becomes_a_suspect() -> None:
    plan = plan_of([attempt("a"), attempt("b")], max_in_flight=1)
    for _ in range(MAX_LOSSES + 1):
        unlucky = take(plan)
        assert unlucky is not None
        assert unlucky.track.path.name == "a"
        assert plan.lost(unlucky)
    other = take(plan)
    assert other is not None
    assert other.track.path.name == "b"
    plan.ended(other)
    assert take(plan) == dataclasses.replace(unlucky, number=2)


def test_draining_starts_nothing_and_waits_for_what_runs() -> None:
    plan = plan_of([attempt(name) for name in "abc"], max_in_flight=1)
    running = take(plan)
    assert running is not None
    plan.drain()
    assert take(plan) is None
    assert not plan.is_finished
    plan.ended(running)
    assert plan.is_finished
    assert plan.n_left == 2


def test_ending_a_track_that_does_not_run_is_our_mistake() -> None:
    plan = plan_of([attempt("a")], max_in_flight=1)
    with pytest.raises(KeyError):
        plan.ended(attempt("a"))


def test_tracks_of_the_only_model_use_all_separators_and_keep_them() -> None:
    plan = plan_of([attempt("a"), attempt("b")], max_in_flight=2, n_slots=3)
    taken = [plan.take(), plan.take()]
    assert [slots for _, slots in filter(None, taken)] == [(0, 1, 2)] * 2


def test_with_several_models_each_track_has_separators_that_hold_its_model() -> None:
    attempts = [attempt("a"), attempt("b"), attempt("c", model="n"), attempt("d", model="n")]
    plan = plan_of(attempts, max_in_flight=4, n_slots=2)
    taken = list(filter(None, (plan.take() for _ in range(4))))
    assert {first.model for first, _ in taken[:2]} == {"m", "n"}, "the least busy comes first"
    held = {first.model: slots for first, slots in taken}
    assert sorted(held.values()) == [(0,), (1,)]
    assert all(held[first.model] == slots for first, slots in taken)
    assert plan.take() is None
    for first, _ in taken:
        plan.ended(first)
    assert plan.is_finished


def test_a_track_that_was_heard_joins_the_queue_of_its_model() -> None:
    plan = plan_of([attempt("silent", model=None), attempt("tagged")], max_in_flight=2)
    unheard = plan.next_to_hear()
    assert unheard is not None
    assert unheard.track.path.name == "silent"
    assert plan.next_to_hear() is None
    tagged = take(plan)
    assert tagged is not None
    plan.ended(tagged)
    assert take(plan) is None
    assert (plan.n_left, plan.is_finished) == (1, False)
    plan.heard(unheard.track, assigned("n"))
    heard = take(plan)
    assert heard is not None
    assert heard.model == "n"


def test_draining_waits_for_no_track_that_is_listened_to() -> None:
    plan = plan_of([attempt("silent", model=None)], max_in_flight=2)
    plan.next_to_hear()
    plan.drain()
    assert plan.next_to_hear() is None
    assert plan.is_finished
    assert plan.n_left == 1


class Runs(RuleBasedStateMachine):
    """Random ends, crashes and losses of machines: every track ends once, no innocent is failed."""

    @initialize(
        n_tracks=st.integers(0, 12),
        slots=st.integers(1, 4),
        killers=st.sets(st.integers(0, 11)),
        n_separators=st.integers(1, 3),
        models=st.lists(st.sampled_from("mn"), min_size=12, max_size=12),
        unheard=st.sets(st.integers(0, 11)),
    )
    def begin(
        self,
        n_tracks: int,
        slots: int,
        killers: set[int],
        n_separators: int,
        models: list[str],
        unheard: set[int],
    ) -> None:
        attempts = [
            attempt(str(index), model=None if index in unheard else models[index])
            for index in range(n_tracks)
        ]
        self.listening: list[Attempt] = []
        self.slots = slots
        self.killers = {str(index) for index in killers}
        self.running: list[Attempt] = []
        self.ended: dict[str, str] = {}
        self.n_tracks = n_tracks
        self.separators = list(range(n_separators))
        self.losses: collections.Counter[Track] = collections.Counter()
        self.plan = plan_of(attempts, max_in_flight=slots, n_slots=n_separators)

    @rule()
    def start(self) -> None:
        taken = take(self.plan)
        if taken is not None:
            assert taken.track.path.name not in self.ended
            self.running.append(taken)
            assert self.plan.n_in_flight <= self.slots
            if taken.number > 1:
                assert len(self.running) == 1, "a suspect runs alone"

    @rule()
    def listen(self) -> None:
        if (unheard := self.plan.next_to_hear()) is not None:
            self.listening.append(unheard)

    @precondition(lambda self: self.listening)
    @rule(model=st.sampled_from("mn"))
    def hear(self, model: str) -> None:
        self.plan.heard(self.listening.pop().track, assigned(model))

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 100))
    def end(self, which: int) -> None:
        chosen = self.running.pop(which % len(self.running))
        name = chosen.track.path.name
        if name not in self.killers:
            self.plan.ended(chosen)
            self.ended[name] = "done"
        elif not self.plan.crashed(chosen):
            assert chosen.number == 3
            self.ended[name] = "failed"

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 100))
    def lose(self, which: int) -> None:
        chosen = self.running[which % len(self.running)]
        if self.losses[chosen.track] < MAX_LOSSES:
            self.losses[chosen.track] += 1
            self.running.remove(chosen)
            assert self.plan.lost(chosen), "it starts again"

    @rule(slots=st.integers(1, 4), n_new=st.integers(0, 2))
    def grow(self, slots: int, n_new: int) -> None:
        for _ in range(n_new):
            self.separators.append(self.plan.slots.add())
        self.slots = slots
        self.plan.resize(slots)

    @precondition(lambda self: len(self.separators) > 1)
    @rule(which=st.integers(0, 100), is_dead=st.booleans())
    def shrink(self, which: int, is_dead: bool) -> None:
        slot = self.separators.pop(which % len(self.separators))
        (self.plan.slots.retire if is_dead else self.plan.slots.leave)(slot)

    @invariant()
    def only_slots_that_stay_are_given(self) -> None:
        if not hasattr(self, "plan"):
            return
        assert len(self.plan.slots) == len(self.separators)
        assert set(self.plan.slots.idle()) <= set(self.separators)
        for model in "mn":
            assert set(self.plan.slots.holding(model)) <= set(self.separators)
        for slot in self.plan.slots.left():
            assert not self.plan.slots[slot].n_tracks

    @invariant()
    def nothing_is_lost(self) -> None:
        if not hasattr(self, "plan"):
            return
        assert len(self.running) == self.plan.n_in_flight
        assert len(self.ended) + len(self.running) + self.plan.n_left == self.n_tracks
        assert self.plan.is_finished == (len(self.ended) == self.n_tracks)

    def teardown(self) -> None:
        if not hasattr(self, "plan"):
            return
        for _ in range(200):
            self.listen()
            if self.listening:
                self.hear("m")
            self.start()
            if self.running:
                self.end(0)
        assert self.plan.is_finished
        failed = {name for name, status in self.ended.items() if status == "failed"}
        assert failed == self.killers & set(self.ended)


Runs.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestEveryTrackEndsOnceWhateverCrashes = Runs.TestCase

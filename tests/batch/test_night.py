"""A night in simulated time: no track starts that would not end in it, whatever clocks do."""

import dataclasses
import datetime

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from libsep.batch.schedule.costs import Costs
from libsep.batch.schedule.night import Night
from libsep.batch.schedule.pace import Pace
from libsep.batch.schedule.plan import Attempt, Plan
from libsep.batch.schedule.queue import Queue
from libsep.batch.schedule.slots import Slots
from libsep.batch.schedule.window import Window
from libsep.track import Assignment, Move, Outcome

from ..conftest import track_called

MARGIN = 1.5


def assigned(model: str) -> Assignment:
    return Assignment(
        model=model, model_sha256=model, genre="pop", genre_reason="", genre_source="tag"
    )


def attempt(
    name: str, duration_s: float, *, model: str | None = "m", number: int = 1, rank: int = 0
) -> Attempt:
    track = track_called(name, duration_s=duration_s)
    assignment = assigned(model) if model else None
    return Attempt(track, number=number, assignment=assignment, rank=rank)


class Simulation:
    """A plan with a night of some hours; clocks stand still unless they are told to go."""

    def __init__(self, attempts: list[Attempt], max_hours: float, **limits: int) -> None:
        self.wall_s, self.steady_s = 1.8e9, 100.0
        window = Window(
            until=datetime.time(6, 0),
            max_hours=max_hours,
            wall=lambda: self.wall_s,
            steady=lambda: self.steady_s,
        )
        self.end_s = self.steady_s + window.left_s()
        self.pace = Pace({"m": 1.0, "n": 5.0}, cpu_s_per_audio_s=0.2, crowd=1.0)
        self.night = Night(window, self.pace, margin=MARGIN)
        self.plan = Plan(
            attempts,
            Slots(limits.get("n_slots", 1), max_wait_s=1800.0),
            Costs({"m": 1.0, "n": 5.0}),
            max_in_flight=limits.get("max_in_flight", 1),
            max_attempts=3,
            fits=self.night.fits,
        )

    def expected_s(self, chosen: Attempt) -> float:
        return self.pace.expected_s(chosen.model, chosen.track.expected_s)

    def take(self) -> Attempt | None:
        for slot, _ in self.plan.loads(self.steady_s):
            self.plan.loaded(slot)
        taken = self.plan.take()
        return taken[0] if taken else None

    def take_all(self) -> list[str]:
        """Take tracks, each of which ends at once, until none may start; return their names."""
        names = []
        while (taken := self.take()) is not None:
            names.append(taken.track.path.name)
            self.plan.ended(taken)
        return names


def test_shorter_tracks_overtake_those_that_no_longer_fit() -> None:
    lengths = {"mix": 36_000.0, "song": 200.0, "set": 30_000.0, "intro": 20.0}
    tonight = Simulation([attempt(name, length) for name, length in lengths.items()], max_hours=0.5)
    assert tonight.take_all() == ["song", "intro"]
    assert (tonight.plan.is_out_of_time, tonight.plan.n_left) == (True, 2)
    assert not tonight.plan.is_finished
    assert tonight.night.reason.startswith("window closed: what is left would not end by ")
    tonight.plan.drain()
    assert tonight.plan.is_finished


def test_a_track_that_was_put_aside_starts_when_the_machine_turns_out_to_be_fast_enough() -> None:
    tonight = Simulation([attempt("mix", 4000.0), attempt("song", 300.0)], max_hours=0.5)
    song = tonight.take()
    assert song is not None
    assert song.track.path.name == "song"
    assert tonight.plan.is_out_of_time
    outcome = Outcome(source="", output="", status="done", model="m", duration_s=300.0)
    fast = dataclasses.replace(outcome, separate_s=1.0, wall_s=5.0)
    tonight.night.note(fast, 5.5)
    tonight.plan.ended(song)
    assert not tonight.plan.is_out_of_time
    assert tonight.take_all() == ["mix"]


def test_when_nothing_fits_nothing_starts_and_nothing_is_listened_to() -> None:
    attempts = [
        attempt("song", 200.0),
        attempt("suspect", 200.0, number=2),
        attempt("silent", 200.0, model=None),
    ]
    tonight = Simulation(attempts, max_hours=0.01)
    assert tonight.plan.next_to_hear() is None
    assert tonight.take() is None
    assert tonight.plan.is_out_of_time
    assert (tonight.plan.n_left, tonight.plan.n_unheard) == (3, 0)


def test_a_track_whose_stem_file_goes_with_it_takes_hardly_any_of_the_night() -> None:
    was = Outcome(source="old", output="old", status="done")
    move = Move(was=was, library_name="library", output_name="new")
    moved = dataclasses.replace(attempt("moved", 3000.0), move=move)
    tonight = Simulation([attempt("mix", 3000.0), moved], max_hours=0.5)
    assert tonight.take_all() == ["moved"]
    assert tonight.plan.is_out_of_time


def test_a_suspect_that_no_longer_fits_is_left_for_another_night() -> None:
    tonight = Simulation(
        [attempt("suspect", 9000.0, number=2), attempt("song", 60.0)], max_hours=0.2
    )
    assert tonight.take_all() == ["song"]
    assert tonight.plan.is_out_of_time


def test_a_track_that_was_heard_takes_the_place_of_its_rank() -> None:
    attempts = [
        attempt("new", 60.0, model=None),
        *(attempt(f"old {index}", 60.0, rank=1) for index in range(3)),
    ]
    tonight = Simulation(attempts, max_hours=1.0)
    unheard = tonight.plan.next_to_hear()
    assert unheard is not None
    first = tonight.take()
    assert first is not None
    tonight.plan.heard(unheard.track, assigned("m"))
    tonight.plan.ended(first)
    assert tonight.take_all() == ["new", "old 1", "old 2"]


def test_a_queue_gives_by_rank_then_in_order_and_what_comes_back_is_the_next_of_its_rank() -> None:
    queue = Queue(lambda _: True, length_s=lambda _: 1.0, rank=lambda item: int(item[0]))
    for item in ("1a", "0a", "1b", "0b"):
        queue.add(item)
    first = queue.pop()
    queue.add(first, is_next=True)
    assert (len(queue), queue.audio_s) == (4, 4.0)
    assert [queue.pop() for _ in range(4)] == ["0a", "0b", "1a", "1b"]


class Nights(RuleBasedStateMachine):
    """Random tracks, crashes and clocks: what starts would end in time, and ends once."""

    @initialize(
        lengths=st.lists(st.floats(1, 20_000), max_size=12),
        models=st.lists(st.sampled_from(["m", "n", None]), min_size=12, max_size=12),
        ranks=st.lists(st.integers(0, 2), min_size=12, max_size=12),
        killers=st.sets(st.integers(0, 11)),
        max_hours=st.floats(0.01, 20),
        limits=st.fixed_dictionaries(
            {"n_slots": st.integers(1, 3), "max_in_flight": st.integers(1, 4)}
        ),
    )
    def begin(
        self,
        lengths: list[float],
        models: list[str | None],
        ranks: list[int],
        killers: set[int],
        max_hours: float,
        limits: dict[str, int],
    ) -> None:
        attempts = [
            attempt(str(index), length, model=models[index], rank=ranks[index])
            for index, length in enumerate(lengths)
        ]
        self.tonight = Simulation(attempts, max_hours, **limits)
        self.killers = {str(index) for index in killers}
        self.n_tracks = len(attempts)
        self.running: list[Attempt] = []
        self.listening: list[Attempt] = []
        self.ended: set[str] = set()

    @rule(duration_s=st.floats(0, 20_000))
    def time_passes(self, duration_s: float) -> None:
        self.tonight.wall_s += duration_s
        self.tonight.steady_s += duration_s

    @rule(by_s=st.floats(-1e8, 1e8))
    def the_clock_is_set(self, by_s: float) -> None:
        self.tonight.wall_s += by_s

    @rule()
    def start(self) -> None:
        taken = self.tonight.take()
        if taken is None:
            return
        name = taken.track.path.name
        assert name not in self.ended
        assert name not in {each.track.path.name for each in self.running}
        left_s = self.tonight.end_s - self.tonight.steady_s
        assert 0 < MARGIN * self.tonight.expected_s(taken) <= left_s
        self.running.append(taken)

    @rule()
    def listen(self) -> None:
        if (unheard := self.tonight.plan.next_to_hear()) is not None:
            assert self.tonight.steady_s < self.tonight.end_s
            self.listening.append(unheard)

    @precondition(lambda self: self.listening)
    @rule(model=st.sampled_from("mn"))
    def hear(self, model: str) -> None:
        self.tonight.plan.heard(self.listening.pop().track, assigned(model))

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 100), speed=st.floats(0.1, 50))
    def end(self, which: int, speed: float) -> None:
        chosen = self.running.pop(which % len(self.running))
        name = chosen.track.path.name
        if name in self.killers:
            if not self.tonight.plan.crashed(chosen):
                self.ended.add(name)
            return
        audio_s = chosen.track.expected_s
        outcome = Outcome(source=name, output="", status="done", model=chosen.model)
        wall_s = audio_s / speed
        took = dataclasses.replace(
            outcome, duration_s=audio_s, separate_s=wall_s / 3, wall_s=wall_s
        )
        self.tonight.night.note(took, wall_s + 1)
        self.tonight.plan.ended(chosen)
        self.ended.add(name)

    @invariant()
    def nothing_is_lost(self) -> None:
        if hasattr(self, "tonight"):
            plan = self.tonight.plan
            assert len(self.running) == plan.n_in_flight
            assert len(self.ended) + len(self.running) + plan.n_left == self.n_tracks

    def teardown(self) -> None:
        if not hasattr(self, "tonight"):
            return
        plan = self.tonight.plan
        for _ in range(300):
            if plan.is_out_of_time or plan.is_finished:
                break
            self.listen()
            if self.listening:
                self.hear("n")
            self.start()
            if self.running:
                self.end(0, 1.0)
        assert plan.is_out_of_time or plan.is_finished, "the night does not end"
        plan.drain()
        while self.running:
            self.end(0, 1.0)
        assert plan.is_finished


Nights.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestNothingStartsThatWouldNotEndInTime = Nights.TestCase

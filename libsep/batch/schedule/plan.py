"""Which track runs next, and on which separators: a state machine without clock, Ray or files."""

import collections
import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping

from libsep.batch.schedule.costs import Costs
from libsep.batch.schedule.queue import Queue
from libsep.batch.schedule.slots import Backlog, Slots
from libsep.library.plan import PlannedTrack
from libsep.track import Assignment, Move, Outcome, Track

MOVE_SHARE = 0.15
"""What a track takes whose stem file goes with it, against converting it with its model.

Hash and verification, by the tables of the benchmarks for 240 s of music with `generic`: 3.6 of
24.8 CPU s as ALAC, 2.1 of 33.9 as AAC. The larger share counts: a night is to end in time.
"""

MAX_LOSSES = 5
"""How often a track loses its machine for nothing; after that it is taken for the reason."""


@dataclasses.dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one track; ``previous`` is its last outcome, ``move`` what it may have been.

    ``number`` counts from 1; above that, the track has crashed its process, or was in work when a
    run died. ``assignment`` is the model it is converted with; None until its sound has told.
    ``rank`` is its class of urgency, 0 the most urgent one.
    """

    track: Track
    previous: Outcome | None = None
    number: int = 1
    assignment: Assignment | None = None
    rank: int = 0
    move: Move | None = None

    @classmethod
    def of(cls, planned: PlannedTrack, n_crashes: int) -> "Attempt":
        """Return the next try at a track that has crashed ``n_crashes`` times."""
        return cls(
            planned.track,
            planned.previous,
            number=n_crashes + 1,
            assignment=planned.assignment,
            rank=planned.rank,
            move=planned.move,
        )

    @property
    def model(self) -> str:
        """Name of the model it is converted with; only its sound knows it at first."""
        if self.assignment is None:
            raise ValueError(f"{self.track.source}: has not been listened to yet")
        return self.assignment.model

    @property
    def expected_s(self) -> float:
        """Seconds of audio that it is worth, as far as one knows before its audio is looked at."""
        share = 1.0 if self.move is None else MOVE_SHARE
        return share * self.track.expected_s


class Plan:
    """Hands out tracks, a bounded number at a time, each with the separators that hold its model.

    There is a queue for each model. While only one model has work left, its tracks use all
    separators; with several, a track is bound to few of them, so that one becomes free as soon as
    its queue is dry (`Slots`). A track keeps its separators until it ends.

    A track whose process died, now or in an earlier run, is a suspect: it is tried again after all
    others and alone, so that it cannot take a neighbour down with it; after too many tries it is
    given up. A track whose machine died is innocent, and starts again as if it never had.

    Parameters
    ----------
    attempts
        The tracks to convert, in order as far as they have one rank; those without an assignment
        are listened to first.
    slots
        The separators, none of them in use.
    costs
        What a second of audio costs with each model; may change while the plan is carried out.
    max_in_flight
        How many tracks may run at once.
    max_attempts
        How often a track may kill its process before it is failed.
    max_listening
        How many tracks may be listened to at once.
    fits
        Whether a track that starts now can end in time. One that cannot is put aside, and shorter
        ones overtake it; without a limit of time all fit.
    """

    def __init__(
        self,
        attempts: Iterable[Attempt],
        slots: Slots,
        costs: Costs,
        *,
        max_in_flight: int,
        max_attempts: int,
        max_listening: int = 1,
        fits: Callable[[Attempt], bool] | None = None,
    ) -> None:
        self.slots = slots
        self._costs = costs
        self._fits = fits or _fits_always
        self._queues: dict[str, Queue[Attempt]] = {}
        self._suspects = self._new_queue()
        self._unheard = self._new_queue()
        self._listening: dict[Track, Attempt] = {}
        self._in_flight: dict[Track, tuple[int, ...]] = {}
        self._losses: collections.Counter[Track] = collections.Counter()
        self._alone = False
        self._draining = False
        self._max_in_flight = max_in_flight
        self._max_attempts = max_attempts
        self._max_listening = max_listening
        for attempt in attempts:
            if attempt.assignment is None:
                self._unheard.add(attempt)
            else:
                self._add(attempt)

    @property
    def n_in_flight(self) -> int:
        """How many tracks are running."""
        return len(self._in_flight)

    @property
    def n_left(self) -> int:
        """How many tracks have not been started."""
        return sum(queue.n_left for queue in self._all_queues()) + len(self._listening)

    @property
    def n_unheard(self) -> int:
        """How many tracks have no model yet and may still get one."""
        return len(self._unheard) + len(self._listening)

    @property
    def is_out_of_time(self) -> bool:
        """Whether tracks are left, and none of them could end in time."""
        self._settle()
        return bool(self.n_left) and not self._listening and not any(self._all_queues())

    @property
    def is_finished(self) -> bool:
        """Whether nothing runs and nothing will be started."""
        return not self._in_flight and (self._draining or not self.n_left)

    def next_to_hear(self) -> Attempt | None:
        """Return the next track to listen to now, or None."""
        self._unheard.settle()
        if self._draining or not self._unheard or len(self._listening) >= self._max_listening:
            return None
        attempt = self._unheard.pop()
        self._listening[attempt.track] = attempt
        return attempt

    def heard(self, track: Track, assignment: Assignment) -> None:
        """Put a track that was listened to into the queue of its model."""
        attempt = self._listening.pop(track)
        self._add(dataclasses.replace(attempt, assignment=assignment))

    def loads(self, now_s: float) -> list[tuple[int, str]]:
        """Return which separator has to load which model now; see `Slots.assign`."""
        if self._draining:
            return []
        self._settle()
        backlogs = {
            model: Backlog(len(queue), queue.audio_s * self._costs.of(model), queue.head.rank)
            for model, queue in self._waiting().items()
        }
        given = self.slots.assign(backlogs, now_s)
        if given or not self._may_start_a_suspect():
            return given
        model, idle = self._suspects.head.model, self.slots.idle()
        if model in self.slots.live() or not idle:
            return []
        self.slots.give(idle[0], model, now_s)
        return [(idle[0], model)]

    def loaded(self, slot: int) -> None:
        """Note that a separator has loaded its model."""
        self.slots.loaded(slot)

    def take(self) -> tuple[Attempt, tuple[int, ...]] | None:
        """Return a track to start now and its separators, or None if none may be started."""
        if self._draining or self._alone or self.n_in_flight >= self._max_in_flight:
            return None
        self._settle()
        if self._may_start_a_suspect():
            slots = tuple(self.slots.holding(self._suspects.head.model))
            return self._start(self._suspects.pop(), slots, alone=True) if slots else None
        waiting = self._waiting()
        if len(waiting) == 1 and not self.n_unheard and set(self.slots.live()) == set(waiting):
            (model,) = waiting
            slots = tuple(self.slots.holding(model))
        else:
            model, slots = self._least_busy(waiting)
        return self._start(waiting[model].pop(), slots) if slots else None

    def ended(self, attempt: Attempt) -> None:
        """Note that a track has its outcome."""
        for index in self._in_flight.pop(attempt.track):
            self.slots[index].n_tracks -= 1
        self._alone = False

    def crashed(self, attempt: Attempt) -> bool:
        """Note that a track's process died; return whether the track will be tried again."""
        self.ended(attempt)
        if attempt.number >= self._max_attempts:
            return False
        self._suspects.add(dataclasses.replace(attempt, number=attempt.number + 1))
        return True

    def lost(self, attempt: Attempt) -> bool:
        """Note that a track lost its machine; return whether it will be tried again.

        It is, in the same place and as the same try. Only a track that loses one machine after the
        other, more often than `MAX_LOSSES`, is treated as if it had crashed.
        """
        self._losses[attempt.track] += 1
        if self._losses[attempt.track] > MAX_LOSSES:
            return self.crashed(attempt)
        self.ended(attempt)
        self._add(attempt, is_next=True)
        return True

    def resize(self, max_in_flight: int) -> None:
        """Let this many tracks run at once from now on; those in flight may end."""
        self._max_in_flight = max_in_flight

    def drain(self) -> None:
        """Start no further track; those in flight may end."""
        self._draining = True

    def _add(self, attempt: Attempt, *, is_next: bool = False) -> None:
        """Put a track into the queue of its model, or among the suspects if it has crashed."""
        if attempt.number > 1:
            self._suspects.add(attempt, is_next=is_next)
            return
        if attempt.model not in self._queues:
            self._queues[attempt.model] = self._new_queue()
        self._queues[attempt.model].add(attempt, is_next=is_next)

    def _new_queue(self) -> Queue[Attempt]:
        return Queue(
            self._fits,
            length_s=lambda attempt: attempt.expected_s,
            rank=lambda attempt: attempt.rank,
        )

    def _all_queues(self) -> list[Queue[Attempt]]:
        return [*self._queues.values(), self._suspects, self._unheard]

    def _waiting(self) -> dict[str, Queue[Attempt]]:
        """Return the queues of the models with tracks that may be started."""
        return {model: queue for model, queue in self._queues.items() if queue}

    def _settle(self) -> None:
        for queue in self._all_queues():
            queue.settle()

    def _start(
        self, attempt: Attempt, slots: tuple[int, ...], *, alone: bool = False
    ) -> tuple[Attempt, tuple[int, ...]]:
        self._alone = alone
        self._in_flight[attempt.track] = slots
        for index in slots:
            self.slots[index].n_tracks += 1
        return attempt, slots

    def _may_start_a_suspect(self) -> bool:
        others = self._waiting() or self._in_flight or self.n_unheard
        return bool(self._suspects) and not others

    def _least_busy(self, waiting: Mapping[str, Queue[Attempt]]) -> tuple[str, tuple[int, ...]]:
        """Return the model whose separators have the fewest tracks, and some of these.

        No separator takes so many tracks that none are left for the others, or for one that is just
        loading the model.
        """
        n_useful = sum(slot.n_tracks > 0 or slot.model in waiting for slot in self.slots)
        most = math.ceil(self._max_in_flight / max(n_useful, 1))
        share = max(1, len(self.slots) // max(self._max_in_flight, 1))
        open_slots, n_loading = self.slots.open_slots(), self.slots.n_loading()
        best: tuple[int, str, tuple[int, ...]] | None = None
        for model in waiting:
            if model not in open_slots:
                continue
            slots = self.slots.least_busy(open_slots[model], share)
            if (n_tracks := self.slots[slots[0]].n_tracks) >= most:
                continue
            if n_tracks and len(waiting[model]) <= n_loading[model]:
                continue
            if best is None or n_tracks < best[0]:
                best = n_tracks, model, tuple(slots)
        return ("", ()) if best is None else best[1:]


def _fits_always(_attempt: Attempt) -> bool:
    return True

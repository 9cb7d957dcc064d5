"""Which model each device slot holds, and when it is handed on: no clock, no Ray, no files."""

import dataclasses
import heapq
from collections import Counter
from collections.abc import Iterator, Mapping

LEAST_TURN_S = 1.0
"""Seconds between two slots that are taken from models that still have work."""


@dataclasses.dataclass(frozen=True, slots=True)
class Backlog:
    """Tracks of a model that have not been started: how many, and how much work they are.

    ``rank`` is the class of urgency of the next one, 0 the most urgent one.
    """

    n_tracks: int
    work: float
    rank: int = 0


@dataclasses.dataclass(slots=True)
class Slot:
    """One separator: its model, how many tracks in flight use it, and what becomes of it.

    It loads its model while ``is_loading``; while ``is_closing`` it takes no further track, so that
    a model that waits can have it. While ``is_leaving`` it ends the tracks that it has, because its
    machine is wanted elsewhere; after that, or when its machine dies, it ``is_gone`` for good.
    ``since_s`` is when it was given its model.
    """

    model: str = ""
    n_tracks: int = 0
    is_loading: bool = False
    is_closing: bool = False
    is_leaving: bool = False
    is_gone: bool = False
    since_s: float = 0.0

    @property
    def stays(self) -> bool:
        """Whether it can be given to a model, now or later."""
        return not self.is_leaving and not self.is_gone

    @property
    def is_open(self) -> bool:
        """Whether tracks of its model may start on it."""
        return bool(self.model) and self.stays and not self.is_loading and not self.is_closing


class Slots:
    """Hands device slots to models by the work that is left for each.

    A model keeps its slots until its queue is dry. A slot that is free then goes to the model with
    the most work among those that have no slot, and once all have one, to the one with the most
    work per slot; more urgent work comes first. A model that has waited too long gets a slot from
    one that still has work: the one with the most slots, then the one that was served longest. One
    whose next track is more urgent than those of others does not wait for that.

    Slots are added and retired as machines come and go; the number of a slot is never used again.

    Parameters
    ----------
    n_slots
        How many separators there are at first.
    max_wait_s
        Seconds that a model with work waits for its turn; after that, for the tracks in flight on
        the slot that it is given.
    """

    def __init__(self, n_slots: int, *, max_wait_s: float) -> None:
        self._slots = [Slot() for _ in range(n_slots)]
        self._max_wait_s = max_wait_s
        self._waiting_since_s: dict[str, float] = {}
        self._taken_s = -LEAST_TURN_S

    def __len__(self) -> int:
        """Return how many slots there are, without those that leave or are gone."""
        return sum(slot.stays for slot in self._slots)

    def __getitem__(self, index: int) -> Slot:
        return self._slots[index]

    def __iter__(self) -> Iterator[Slot]:
        """Yield the slots that are there, those that leave among them."""
        return (slot for slot in self._slots if not slot.is_gone)

    def add(self) -> int:
        """Add a slot, and return its number."""
        self._slots.append(Slot())
        return len(self._slots) - 1

    def leave(self, index: int) -> None:
        """Let a slot take no further track; `left` tells when it has ended those that it has."""
        slot = self._slots[index]
        slot.is_leaving, slot.is_closing = True, False

    def left(self) -> list[int]:
        """Retire the slots that were to leave and have no track any more; return which."""
        ready = [
            index
            for index, slot in enumerate(self._slots)
            if slot.is_leaving and not slot.is_gone and not slot.n_tracks
        ]
        for index in ready:
            self.retire(index)
        return ready

    def retire(self, index: int) -> None:
        """Note that a slot is gone at once, whatever it was doing."""
        slot = self._slots[index]
        slot.is_gone, slot.is_loading, slot.is_closing, slot.model = True, False, False, ""

    def live(self) -> dict[str, int]:
        """Return how many slots each model has, in the order of the slots."""
        counts: dict[str, int] = {}
        for slot in self._slots:
            if slot.model and slot.stays:
                counts[slot.model] = counts.get(slot.model, 0) + 1
        return counts

    def holding(self, model: str) -> list[int]:
        """Return the slots on which tracks of ``model`` may start, the least busy first."""
        found = [i for i, slot in enumerate(self._slots) if slot.model == model and slot.is_open]
        return sorted(found, key=lambda index: self._slots[index].n_tracks)

    def open_slots(self) -> dict[str, list[int]]:
        """Return the slots on which tracks may start, by their model: one look at each slot."""
        found: dict[str, list[int]] = {}
        for index, slot in enumerate(self._slots):
            if slot.is_open:
                found.setdefault(slot.model, []).append(index)
        return found

    def least_busy(self, indices: list[int], n: int) -> list[int]:
        """Return the ``n`` of some slots that have the fewest tracks, the least busy first."""
        return heapq.nsmallest(n, indices, key=lambda index: self._slots[index].n_tracks)

    def n_loading(self) -> Counter[str]:
        """Return how many slots are loading each model."""
        return Counter(slot.model for slot in self._slots if slot.is_loading and slot.stays)

    def assign(self, queues: Mapping[str, Backlog], now_s: float) -> list[tuple[int, str]]:
        """Give free slots to models; return which slot has to load which model now.

        Parameters
        ----------
        queues
            Models with tracks that have not been started.
        now_s
            Time of the run, in seconds; never goes back.
        """
        self._note_waiting(queues, now_s)
        self._close_for_the_urgent(queues)
        self._close_one_for_the_waiting(queues, now_s)
        return list(self._give_free_slots(queues, now_s))

    def loaded(self, index: int) -> None:
        """Note that a slot has loaded its model."""
        self._slots[index].is_loading = False

    def idle(self) -> list[int]:
        """Return the slots that stay and on which nothing runs and nothing is loaded."""
        slots = enumerate(self._slots)
        return [i for i, slot in slots if slot.stays and not slot.n_tracks and not slot.is_loading]

    def give(self, index: int, model: str, now_s: float) -> None:
        """Give an idle slot to a model; it loads until `loaded`."""
        slot = self._slots[index]
        if slot.n_tracks or slot.is_loading or not slot.stays:
            raise ValueError(f"slot {index} is in use by {slot.model or 'nobody, it leaves'}")
        self._slots[index] = Slot(model=model, is_loading=True, since_s=now_s)
        self._waiting_since_s.pop(model, None)

    def _note_waiting(self, queues: Mapping[str, Backlog], now_s: float) -> None:
        """Keep since when each model with work has had no slot; if there is none, close no slot."""
        live = self.live()
        since_s = self._waiting_since_s
        self._waiting_since_s = {m: since_s.get(m, now_s) for m in queues if m not in live}
        if not self._waiting_since_s:
            for slot in self._slots:
                slot.is_closing = False

    def _give_free_slots(
        self, queues: Mapping[str, Backlog], now_s: float
    ) -> Iterator[tuple[int, str]]:
        live = Counter(self.live())
        for index in self.idle():
            slot = self._slots[index]
            if slot.model in queues and not slot.is_closing:
                continue
            model = self._next_model(queues, live, leaving=slot)
            if model == slot.model:
                slot.is_closing = False
            else:
                self.give(index, model, now_s)
                live[slot.model] -= 1
                live[model] += 1
                yield index, model

    def _next_model(
        self, queues: Mapping[str, Backlog], live: Mapping[str, int], *, leaving: Slot
    ) -> str:
        """Return the model that a free slot goes to; its own one if no other needs it."""
        waiting = self._waiting_since_s
        if waiting and leaving.is_closing:
            return min(waiting, key=lambda m: (queues[m].rank, waiting[m], -queues[m].work))
        if waiting:
            return max(waiting, key=lambda m: (-queues[m].rank, queues[m].work))
        # A slot changes its model only for a track that would wait otherwise.
        needy = [
            model
            for model, backlog in queues.items()
            if not leaving.model or backlog.n_tracks > self._n_free(model)
        ]
        return max(
            needy,
            key=lambda m: (-queues[m].rank, queues[m].work / (live.get(m, 0) + 1)),
            default=leaving.model,
        )

    def _n_free(self, model: str) -> int:
        """Return how many slots of a model have no track yet."""
        return sum(slot.model == model and slot.stays and not slot.n_tracks for slot in self._slots)

    def _close_for_the_urgent(self, queues: Mapping[str, Backlog]) -> None:
        """Close a slot for each model without one that has more urgent work than those that have.

        It costs little: a slot changes in this way at most once for each model and rank.
        """
        ranks = sorted(queues[model].rank for model in self._waiting_since_s)
        n_closing = sum(slot.is_closing for slot in self._slots)
        for rank in ranks[n_closing:]:
            live = self.live()
            candidates = [
                slot
                for slot in self._slots
                if slot.is_open and slot.model in queues and queues[slot.model].rank > rank
            ]
            if candidates:
                victim = max(
                    candidates, key=lambda slot: (queues[slot.model].rank, live[slot.model])
                )
                victim.is_closing = True

    def _close_one_for_the_waiting(self, queues: Mapping[str, Backlog], now_s: float) -> None:
        """Close a slot for the model that has waited longest, if it is its turn.

        With several models waiting, the turns follow each other so quickly that the last one, too,
        waits no longer than it may.
        """
        n_closing = sum(slot.is_closing for slot in self._slots)
        waiting = sorted(self._waiting_since_s.values())[n_closing:]
        if not waiting:
            return
        turn_s = max(self._max_wait_s / len(waiting), LEAST_TURN_S)
        if now_s - waiting[0] < turn_s or now_s - self._taken_s < turn_s:
            return
        candidates = [slot for slot in self._slots if slot.is_open and slot.model in queues]
        if candidates:
            live = self.live()
            victim = min(candidates, key=lambda slot: (-live[slot.model], slot.since_s))
            victim.is_closing = True
            self._taken_s = now_s

"""The track task: one process takes one track through the pipeline."""

import collections
import dataclasses
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import ray
from jaxtyping import Float32
from ray.actor import ActorHandle

from libsep import log
from libsep.batch.schedule.plan import Attempt
from libsep.errors import DeviceError, LibsepError, SeparationError, SeparatorsLostError
from libsep.pipeline import Settings, process_staged
from libsep.separation.registry import Model
from libsep.track import Outcome

logger = logging.getLogger(__name__)

SEGMENTS_IN_FLIGHT = 2
"""Segments of one track that travel or are separated at once; more would only take memory."""

RETRY_PAUSES_S = (0.5, 2.0, 8.0, 30.0, 60.0, 120.0)
"""Seconds to wait before a segment is sent again whose actor died; it starts again meanwhile, for
which a slow machine with other work takes a minute or two."""


LOOK_S = 30.0
"""Seconds without an answer after which it is seen whether the separator's node still lives."""


@dataclasses.dataclass(frozen=True, slots=True)
class Seat:
    """A separator actor, and the node on which it runs."""

    actor: ActorHandle[Any]
    node_id: str


@dataclasses.dataclass(frozen=True, slots=True)
class _Request:
    """A segment that was sent to a seat, where it is stored, and Ray's reference of the answer."""

    stored: Any
    seat: Seat
    answer: Any


class _NodeDied(Exception):  # noqa: N818 - it says what happened, and nobody else sees it
    """The node of a separator has died, and Ray does not say so of the separator."""


class RemoteSeparator:
    """Sends segments to separator actors in turn, and yields the estimates in order.

    The nearest ones serve the track: those on its own node, or all if there is none. If they are
    lost with their node, the others take over.

    Parameters
    ----------
    path
        The track, for messages.
    model
        What it is separated with.
    seats
        Separators that hold this model, on any node.
    first
        Index of the one that gets the first segment: tracks that start together differ in it.
    cutoff_hz
        Where the track ends, in Hz, if its stems are to be restored above.
    """

    def __init__(
        self,
        path: Path,
        model: Model,
        seats: Sequence[Seat],
        *,
        first: int = 0,
        cutoff_hz: float | None = None,
    ) -> None:
        self._path = path
        self._model = model
        self._seats = list(seats)
        self._next = first
        self._cutoff_hz = cutoff_hz

    def restoring(self, cutoff_hz: float) -> "RemoteSeparator":
        """Return the same for a track that ends at ``cutoff_hz``, in Hz."""
        return RemoteSeparator(
            self._path, self._model, self._seats, first=self._next, cutoff_hz=cutoff_hz
        )

    def map(
        self, segments: Iterator[Float32[np.ndarray, "2 T"]]
    ) -> Iterator[Float32[np.ndarray, "S 2 T"]]:
        """Yield the estimates of each segment, in order, with two segments in flight.

        Raises
        ------
        SeparationError
            The network failed on a segment, or actor after actor died of it.
        SeparatorsLostError
            All separators are gone with their nodes.
        ModelError, ConfigError
            The separator cannot work at all.
        """
        waiting: collections.deque[_Request] = collections.deque()
        for segment in segments:
            waiting.append(self._send(ray.put(segment)))
            if len(waiting) >= SEGMENTS_IN_FLIGHT:
                yield self._receive(waiting.popleft())
        while waiting:
            yield self._receive(waiting.popleft())

    def _send(self, stored: Any) -> _Request:
        here = ray.get_runtime_context().get_node_id()
        nearest = [seat for seat in self._seats if seat.node_id == here] or self._seats
        if not nearest:
            raise SeparatorsLostError(f"{self._path.name}: its separators are gone")
        seat = nearest[self._next % len(nearest)]
        self._next += 1
        answer = seat.actor.separate.remote(stored, self._model, self._cutoff_hz)
        return _Request(stored, seat, answer)

    def _receive(self, request: _Request) -> Float32[np.ndarray, "S 2 T"]:
        for attempt, pause_s in enumerate((*RETRY_PAUSES_S, None), start=1):
            try:
                return self._answer(request)
            except (
                ray.exceptions.RayActorError,
                ray.exceptions.ActorUnschedulableError,
                ray.exceptions.ObjectLostError,
                _NodeDied,
                DeviceError,
            ) as exc:
                logger.warning("separator died (attempt %d): %s", attempt, exc)
                if pause_s is not None:
                    time.sleep(pause_s)
                    self._forget_the_dead(request.seat, exc)
                    request = self._send(request.stored)
            except ray.exceptions.RayTaskError as exc:
                if isinstance(exc.cause, LibsepError):  # model or device: no track would work
                    raise exc.cause from exc
                raise SeparationError(self._path, f"the separator failed: {exc.cause}") from exc
        message = f"{1 + len(RETRY_PAUSES_S)} separators died of one segment (out of memory?)"
        raise SeparationError(self._path, message)

    def _answer(self, request: _Request) -> Float32[np.ndarray, "S 2 T"]:
        """Return the estimates; wait for them as long as the separator's node lives."""
        while True:
            try:
                # Ray's objects have no type.
                return ray.get(request.answer, timeout=LOOK_S)  # type: ignore[no-any-return]
            except ray.exceptions.GetTimeoutError:
                if request.seat.node_id not in _living_nodes():
                    raise _NodeDied(request.seat.node_id) from None

    def _forget_the_dead(self, seat: Seat, exc: Exception) -> None:
        """Send nothing more to separators whose node has died, or that will not start again."""
        living = _living_nodes()
        self._seats = [each for each in self._seats if each.node_id in living]
        if isinstance(exc, ray.exceptions.ActorUnschedulableError) and seat in self._seats:
            self._seats.remove(seat)


def _living_nodes() -> set[str]:
    return {node["NodeID"] for node in ray.nodes() if node["Alive"]}


def warm_up() -> None:
    """Do nothing: a process that is about to has imported all that a track needs."""


def process_attempt(
    attempt: Attempt,
    settings: Settings,
    roster: Mapping[int, Seat],
    slots: Sequence[int],
    first: int,
) -> Outcome:
    """Take one track through the pipeline; runs in a process of its own, on any node.

    Parameters
    ----------
    attempt
        The track, with its model.
    settings
        What all tracks of the run share.
    roster
        All separators of the run, by slot.
    slots
        Those of them that hold the track's model until it ends.
    first
        Which of them gets the first segment; tracks that start together differ in it.
    """
    if settings.log_folder is not None:
        log.setup_worker(settings.log_folder)
    if attempt.assignment is None:
        raise ValueError(f"{attempt.track.source}: has no model yet")
    model = settings.models[attempt.assignment.model]
    seats = [roster[slot] for slot in slots if slot in roster]
    return process_staged(
        attempt.track,
        attempt.previous,
        RemoteSeparator(attempt.track.path, model, seats, first=first),
        settings,
        attempt.assignment,
        attempt=attempt.number,
        move=attempt.move,
    )

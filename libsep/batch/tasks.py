"""The track task: one process takes one track through the pipeline."""

import collections
import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import ray
from jaxtyping import Float32
from ray.actor import ActorHandle

from libsep import log
from libsep.batch.plan import Attempt
from libsep.errors import LibsepError, SeparationError
from libsep.pipeline import Settings, process_staged
from libsep.separation.registry import Model
from libsep.track import Outcome

logger = logging.getLogger(__name__)

SEGMENTS_IN_FLIGHT = 2
"""Segments of one track that travel or are separated at once; more would only take memory."""

RETRY_PAUSES_S = (0.5, 2.0, 8.0, 30.0, 60.0, 120.0)
"""Seconds to wait before a segment is sent again whose actor died; it starts again meanwhile, for
which a slow machine with other work takes a minute or two."""


class RemoteSeparator:
    """Sends segments to the separator actors in turn, and yields the estimates in order.

    Parameters
    ----------
    path
        The track, for messages.
    model
        What it is separated with.
    actors
        Separators that hold this model, on any node.
    first
        Index of the actor that gets the first segment: tracks that start together differ in it.
    """

    def __init__(
        self, path: Path, model: Model, actors: Sequence[ActorHandle[Any]], *, first: int = 0
    ) -> None:
        self._path = path
        self._model = model
        self._actors = actors
        self._next = first

    def map(
        self, segments: Iterator[Float32[np.ndarray, "2 T"]]
    ) -> Iterator[Float32[np.ndarray, "4 2 T"]]:
        """Yield the estimates of each segment, in order, with two segments in flight.

        Raises
        ------
        SeparationError
            The network failed on a segment, or actor after actor died of it.
        ModelError, ConfigError
            The separator cannot work at all.
        """
        waiting: collections.deque[tuple[Any, Any]] = collections.deque()
        for segment in segments:
            stored = ray.put(segment)
            waiting.append((stored, self._send(stored)))
            if len(waiting) >= SEGMENTS_IN_FLIGHT:
                yield self._receive(*waiting.popleft())
        while waiting:
            yield self._receive(*waiting.popleft())

    def _send(self, stored: Any) -> Any:
        actor = self._actors[self._next % len(self._actors)]
        self._next += 1
        return actor.separate.remote(stored, self._model)

    def _receive(self, stored: Any, answer: Any) -> Float32[np.ndarray, "4 2 T"]:
        for attempt, pause_s in enumerate((*RETRY_PAUSES_S, None), start=1):
            try:
                return ray.get(answer)  # type: ignore[no-any-return]  # Ray's objects have no type
            except ray.exceptions.RayActorError as exc:
                logger.warning("separator died (attempt %d): %s", attempt, exc)
                if pause_s is not None:
                    time.sleep(pause_s)
                    answer = self._send(stored)
            except ray.exceptions.RayTaskError as exc:
                if isinstance(exc.cause, LibsepError):  # model or device: no track would work
                    raise exc.cause from exc
                raise SeparationError(self._path, f"the separator failed: {exc.cause}") from exc
        message = f"{1 + len(RETRY_PAUSES_S)} separators died of one segment (out of memory?)"
        raise SeparationError(self._path, message)


def process_attempt(
    attempt: Attempt, settings: Settings, actors: Sequence[ActorHandle[Any]], first: int
) -> Outcome:
    """Take one track through the pipeline; runs in a process of its own, on any node.

    Parameters
    ----------
    attempt
        The track, with its model.
    settings
        What all tracks of the run share.
    actors
        Separators that hold the track's model until it ends.
    first
        Which of them gets the first segment; tracks that start together differ in it.
    """
    if settings.log_folder is not None:
        log.setup_worker(settings.log_folder)
    if attempt.assignment is None:
        raise ValueError(f"{attempt.track.source}: has no model yet")
    model = settings.models[attempt.assignment.model]
    return process_staged(
        attempt.track,
        attempt.previous,
        RemoteSeparator(attempt.track.path, model, actors, first=first),
        settings,
        attempt.assignment,
        attempt=attempt.number,
    )

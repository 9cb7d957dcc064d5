"""Tracks whose genre only their sound tells: one actor listens to many of them at once."""

import dataclasses
import logging
import threading
import time
from typing import Any

import ray
from ray.actor import ActorHandle

from libsep import log
from libsep.batch.schedule.plan import Attempt
from libsep.errors import LibsepError, TrackError
from libsep.machine import n_cores
from libsep.pipeline import Assigner, Settings, staged_source
from libsep.pipeline.process import is_fault_of_the_file
from libsep.track import Assignment, Heard

logger = logging.getLogger(__name__)

LISTEN_TIMEOUT_S = 300.0
"""Seconds after which a track that was not heard is converted as one of unknown genre."""


@dataclasses.dataclass(frozen=True, slots=True)
class Unheard:
    """Why a track could not be listened to; ``is_settled`` says that its file is to blame.

    It is told apart where it happens: errors lose their causes on the way to another process.
    """

    problem: str
    is_settled: bool


class EarActor:
    """The classifier, and the ffmpegs that decode a little of each track for it.

    Parameters
    ----------
    settings
        What all tracks of the run share.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.log_folder is not None:
            log.setup_worker(settings.log_folder)
        # The driver, which hands this class to Ray, does without the seconds that PyTorch takes.
        from libsep.pipeline.listen import Ear
        from libsep.separation.cpu import tune_allocator, use_one_thread

        use_one_thread()
        tune_allocator()
        self._new_ear = Ear
        self._settings = settings
        self._lock = threading.Lock()
        self._ear: Ear | None = None

    def hear(self, attempt: Attempt) -> Heard | Unheard:
        """Return what is heard, or why nothing is; see `libsep.pipeline.listen.Ear.hear`.

        Raises
        ------
        ModelError
            The classifier cannot be loaded. (Ray would not tell why, had `__init__` raised it.)
        TransferError
            The track cannot be fetched.
        """
        with self._lock:
            self._ear = self._ear or self._new_ear(self._settings.config)
        with staged_source(attempt.track, self._settings) as track:
            known = attempt.previous if attempt.move is None else attempt.move.was
            try:
                return self._ear.hear(track, known)
            except TrackError as exc:
                return Unheard(str(exc), is_settled=is_fault_of_the_file(exc, track))


class Listening:
    """Tracks that are being listened to; the actor starts with the first and ends with the last.

    Parameters
    ----------
    settings
        What all tracks of the run share.
    assigner
        Turns what was heard into a model.
    """

    def __init__(self, settings: Settings, assigner: Assigner) -> None:
        self._settings = settings
        self._assigner = assigner
        self._actor: ActorHandle[Any] | None = None
        self._heard_soon: dict[Any, tuple[Attempt, float]] = {}

    @property
    def pending(self) -> list[Any]:
        """Ray's references of what is being heard; `collect` takes them."""
        return list(self._heard_soon)

    def begin(self, attempt: Attempt) -> None:
        """Listen to a track; `collect` tells what was heard."""
        if self._actor is None:
            actor_class = ray.remote(EarActor).options(
                num_cpus=0, max_restarts=-1, max_concurrency=n_listeners()
            )
            self._actor = actor_class.remote(self._settings)
        self._heard_soon[self._actor.hear.remote(attempt)] = attempt, time.monotonic()

    def collect(self, reference: Any) -> tuple[Attempt, Assignment]:
        """Return a track that was listened to, with its model.

        Raises
        ------
        ModelError
            The classifier cannot be loaded: the run has to stop.
        """
        attempt, _ = self._heard_soon.pop(reference)
        try:
            heard: Heard | Unheard = ray.get(reference)
        except ray.exceptions.RayTaskError as exc:
            if isinstance(exc.cause, LibsepError) and not isinstance(exc.cause, TrackError):
                raise exc.cause from None
            is_settled = not isinstance(exc.cause, TrackError)  # a bug would be met again
            return attempt, self._unheard(attempt, str(exc.cause), is_settled=is_settled)
        except ray.exceptions.RayError as exc:
            return attempt, self._unheard(attempt, f"the listener died: {exc}", is_settled=False)
        if isinstance(heard, Unheard):
            return attempt, self._unheard(attempt, heard.problem, is_settled=heard.is_settled)
        return attempt, self._assigner.by_sound(attempt.track, heard)

    def overdue(self) -> list[tuple[Attempt, Assignment]]:
        """Give up tracks that take too long; return them with their model."""
        now_s = time.monotonic()
        since_s = {reference: since for reference, (_, since) in self._heard_soon.items()}
        late = [
            reference for reference, since in since_s.items() if now_s - since > LISTEN_TIMEOUT_S
        ]
        attempts = [self._heard_soon.pop(reference)[0] for reference in late]
        problem = f"not heard after {LISTEN_TIMEOUT_S:.0f} s"
        return [(each, self._unheard(each, problem, is_settled=False)) for each in attempts]

    def end(self) -> None:
        """Give the actor's memory back; nothing more will be listened to."""
        if self._actor is not None:
            ray.kill(self._actor)
            self._actor = None

    def _unheard(self, attempt: Attempt, problem: str, *, is_settled: bool) -> Assignment:
        logger.warning("%s: cannot be listened to: %s", attempt.track.source, problem)
        return self._assigner.unheard(problem, is_settled=is_settled)


def n_listeners() -> int:
    """Return how many tracks are listened to at once: half of the cores go on converting."""
    return max(2, n_cores() // 2)

"""The separators of a run as its driver sees them: which loads what, and what went wrong."""

import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ray
from ray.actor import ActorHandle

from libsep import log
from libsep.batch.cluster.machines import Place
from libsep.batch.separators.actors import start_separator
from libsep.batch.tasks import Seat
from libsep.config import SeparationConfig
from libsep.errors import ClusterError, DeviceError, LibsepError, ModelError
from libsep.restoration.model import RestorationModel
from libsep.separation.registry import Model

logger = logging.getLogger(__name__)

LOAD_TIMEOUT_S = 600.0
"""Seconds in which a separator must have loaded a model."""

RELOAD_PAUSES_S = (1.0, 25.0)
"""Seconds before a model is loaded again when the separator died of it. The last pause is so long
that a node which has died meanwhile is known to be dead."""

CHECK_POLL_S = 0.25
"""How often signals are looked at while the models are checked, in seconds."""

REPORT_TIMEOUT_S = 10.0
"""Seconds that a separator has at the end of a run to tell what it did."""


class Separators:
    """Actors by slot, each with its place and the model that it holds or is loading.

    Parameters
    ----------
    config
        How they run.
    models
        All models of the run, by name.
    log_folder
        Folder that receives their logs.
    restoration_model
        What they restore tracks with that were cut off; None: no track is restored.
    """

    def __init__(
        self,
        config: SeparationConfig,
        models: Mapping[str, Model],
        log_folder: log.Folder | None = None,
        restoration_model: RestorationModel | None = None,
    ) -> None:
        self._config = config
        self._models = models
        self._log_folder = log_folder
        self._restoration_model = restoration_model
        self._seats: dict[int, Seat] = {}
        self._loading: dict[Any, tuple[int, str, int, float]] = {}
        self._again: list[tuple[float, int, str, int]] = []
        self._roster: Any = None
        self.places: dict[int, Place] = {}

    @property
    def pending(self) -> list[Any]:
        """Ray's references of the models that are being loaded; `collect` takes them."""
        return list(self._loading)

    @property
    def is_loading(self) -> bool:
        """Whether a separator is loading, or about to try again."""
        return bool(self._loading or self._again)

    @property
    def roster(self) -> Any:
        """Ray's reference of all seats by slot, for tasks; they look up there those they need."""
        if self._roster is None:
            self._roster = ray.put(dict(self._seats))
        return self._roster

    def __len__(self) -> int:
        return len(self._seats)

    def of(self, slots: Sequence[int]) -> list[ActorHandle[Any]]:
        """Return the actors of these slots."""
        return [self._seats[slot].actor for slot in slots]

    def start(self, slot: int, place: Place) -> None:
        """Start the separator of a slot; it holds no model yet."""
        actor = start_separator(self._config, place, self._log_folder, self._restoration_model)
        self._seats[slot] = Seat(actor, place.node_id)
        self.places[slot] = place
        self._roster = None

    def stop(self, slot: int) -> None:
        """End the separator of a slot, whatever it is doing."""
        seat = self._seats.pop(slot)
        del self.places[slot]
        self._roster = None
        self._loading = {r: load for r, load in self._loading.items() if load[0] != slot}
        self._again = [load for load in self._again if load[1] != slot]
        with contextlib.suppress(ray.exceptions.RayError):
            ray.kill(seat.actor)

    def load(self, slot: int, model: str, *, attempt: int = 1) -> None:
        """Let a separator load a model; `collect` tells when it has."""
        reference = self._seats[slot].actor.load.remote(self._models[model])
        self._loading[reference] = slot, model, attempt, time.monotonic()

    def check(self, is_interrupted: Callable[[], bool]) -> None:
        """Let a separator, if there is one, load each model of the run once.

        Parameters
        ----------
        is_interrupted
            Whether the run is to end: then nothing is waited for.

        Raises
        ------
        ModelError
            One cannot be loaded. It is better to know now than at night.
        """
        for seat in list(self._seats.values())[:1]:
            answer = seat.actor.check.remote(list(self._models.values()))
            limit_s = time.monotonic() + LOAD_TIMEOUT_S
            while not is_interrupted() and time.monotonic() < limit_s:
                if ray.wait([answer], timeout=CHECK_POLL_S)[0]:
                    self._collect_check(answer)
                    return
            logger.warning("models were not checked: no answer until now")

    def _collect_check(self, answer: Any) -> None:
        try:
            ray.get(answer)
        except ray.exceptions.RayTaskError as exc:
            if isinstance(exc.cause, ModelError):
                raise exc.cause from None
            logger.warning("models were not checked: %s", exc.cause)
        except ray.exceptions.RayError as exc:
            logger.warning("models were not checked: %s", exc)

    def slot_of(self, reference: Any) -> int:
        """Return the slot that one of the `pending` references belongs to."""
        return self._loading[reference][0]

    def collect(self, reference: Any) -> str | None:
        """Return the description of a separator that has loaded, or None if it tries again.

        Raises
        ------
        ModelError, ConfigError
            The model cannot be loaded, or the device is not there.
        ClusterError
            The separator died of it several times, or met an error that is none of ours.
        """
        slot, model, attempt, since_s = self._loading.pop(reference)
        try:
            description: str = ray.get(reference)
        except ray.exceptions.RayTaskError as exc:
            if isinstance(exc.cause, LibsepError) and not isinstance(exc.cause, DeviceError):
                raise exc.cause from None
            self._try_again(slot, model, attempt, exc.cause)
            return None
        except ray.exceptions.RayError as exc:
            self._try_again(slot, model, attempt, exc)
            return None
        logger.info("separator %d: %s in %.2f s", slot, description, time.monotonic() - since_s)
        return description

    def try_again(self) -> None:
        """Load again what has waited long enough since the separator died of it."""
        now_s = time.monotonic()
        due = [load for load in self._again if load[0] <= now_s]
        self._again = [load for load in self._again if load[0] > now_s]
        for _, slot, model, attempt in due:
            self.load(slot, model, attempt=attempt)

    def overdue(self) -> dict[int, str]:
        """Return the slots whose separator does not answer any more, and what it should do."""
        now_s = time.monotonic()
        return {
            slot: f"separator {slot} has not loaded {model} after {LOAD_TIMEOUT_S:.0f} s"
            for slot, model, _, since_s in self._loading.values()
            if now_s - since_s > LOAD_TIMEOUT_S
        }

    def log_stints(self) -> None:
        """Write what each separator did with each model into the run's log."""
        answers = {slot: seat.actor.stints.remote() for slot, seat in self._seats.items()}
        if not answers:
            return
        waiting = list(answers.values())
        ready, _ = ray.wait(waiting, num_returns=len(waiting), timeout=REPORT_TIMEOUT_S)
        for slot, answer in answers.items():
            try:
                stints = ray.get(answer) if answer in ready else []
            except ray.exceptions.RayError as exc:
                logger.warning("separator %d is gone: %s", slot, exc)
                continue
            for stint in stints:
                logger.info(
                    "separator %d: %s: %d segments, busy for %.1f of %.1f s, loaded in %.2f s",
                    slot,
                    stint.model,
                    stint.n_segments,
                    stint.busy_s,
                    stint.last_s - stint.first_s,
                    stint.ready_s - stint.began_s,
                )

    def _try_again(self, slot: int, model: str, attempt: int, problem: Exception) -> None:
        if attempt > len(RELOAD_PAUSES_S):
            raise ClusterError(f"the separators do not start: {problem}") from problem
        logger.warning("separator %d died loading %s: %s", slot, model, problem)
        due_s = time.monotonic() + RELOAD_PAUSES_S[attempt - 1]
        self._again.append((due_s, slot, model, attempt + 1))

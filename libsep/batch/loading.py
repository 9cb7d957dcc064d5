"""The separators of a run as its driver sees them: which loads what, and what went wrong."""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

import ray
from ray.actor import ActorHandle

from libsep.errors import ClusterError
from libsep.separation.registry import Model

logger = logging.getLogger(__name__)

LOAD_TIMEOUT_S = 600.0
"""Seconds in which a separator must have loaded a model."""

LOAD_ATTEMPTS = 3
"""How often a model is loaded again when the separator died of it."""

REPORT_TIMEOUT_S = 10.0
"""Seconds that a separator has at the end of a run to tell what it did."""


class Separators:
    """Actors, each with the model that it holds or is loading.

    Parameters
    ----------
    actors
        The actors, by slot.
    models
        All models of the run, by name.
    """

    def __init__(self, actors: Sequence[ActorHandle[Any]], models: Mapping[str, Model]) -> None:
        self._actors = actors
        self._models = models
        self._loading: dict[Any, tuple[int, str, int, float]] = {}

    @property
    def pending(self) -> list[Any]:
        """Ray's references of the models that are being loaded; `collect` takes them."""
        return list(self._loading)

    def __len__(self) -> int:
        return len(self._actors)

    def of(self, slots: Sequence[int]) -> list[ActorHandle[Any]]:
        """Return the actors of these slots."""
        return [self._actors[slot] for slot in slots]

    def load(self, slot: int, model: str, *, attempt: int = 1) -> None:
        """Let a separator load a model; `collect` tells when it has."""
        reference = self._actors[slot].load.remote(self._models[model])
        self._loading[reference] = slot, model, attempt, time.monotonic()

    def collect(self, reference: Any) -> tuple[int, str] | None:
        """Return slot and description of a separator that has loaded, or None if it tries again.

        Raises
        ------
        ModelError, ConfigError
            The model cannot be loaded, or the device is not there.
        ClusterError
            The separator died of it several times.
        """
        slot, model, attempt, since_s = self._loading.pop(reference)
        try:
            description: str = ray.get(reference)
        except ray.exceptions.RayTaskError as exc:
            raise exc.cause from None
        except ray.exceptions.RayError as exc:
            if attempt == LOAD_ATTEMPTS:
                raise ClusterError(f"the separators do not start: {exc}") from exc
            logger.warning("separator %d died loading %s: %s", slot, model, exc)
            self.load(slot, model, attempt=attempt + 1)
            return None
        logger.info("separator %d: %s in %.2f s", slot, description, time.monotonic() - since_s)
        return slot, description

    def check_overdue(self) -> None:
        """Stop the run if a separator does not answer any more.

        Raises
        ------
        ClusterError
            A model is not loaded after `LOAD_TIMEOUT_S`.
        """
        now_s = time.monotonic()
        for slot, model, _, since_s in self._loading.values():
            if now_s - since_s > LOAD_TIMEOUT_S:
                message = f"separator {slot} has not loaded {model} after {LOAD_TIMEOUT_S:.0f} s"
                raise ClusterError(message)

    def log_stints(self) -> None:
        """Write what each separator did with each model into the run's log."""
        answers = [actor.stints.remote() for actor in self._actors]
        ready, _ = ray.wait(answers, num_returns=len(answers), timeout=REPORT_TIMEOUT_S)
        for slot, answer in enumerate(answers):
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

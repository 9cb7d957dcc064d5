"""Separator actors: each holds one model at a time, and separates segments for any track."""

import contextlib
import dataclasses
import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import ray
from jaxtyping import Float32
from ray.actor import ActorHandle
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from libsep import log
from libsep.batch.cluster.machines import Place
from libsep.batch.separators.batching import Batcher
from libsep.config import SeparationConfig
from libsep.errors import DeviceError
from libsep.machine import no_garbage_search
from libsep.restoration.model import RestorationModel
from libsep.separation.registry import Model

if TYPE_CHECKING:
    from libsep.separation.separator import Separator

logger = logging.getLogger(__name__)

GPU_CALLS = 32
"""Segments that an actor on a GPU accepts at once: those of several tracks share a batch."""

EXIT_PAUSE_S = 1.0
"""Seconds that a process lives on whose device is lost, so that its callers are told why."""


@dataclasses.dataclass(slots=True)
class Stint:
    """What a separator did with one model.

    Times are in seconds since 1970: when it began to load, was ready, and took and finished its
    first and last segment; ``busy_s`` is how long it had a segment in work.
    """

    model: str
    began_s: float
    ready_s: float
    first_s: float = 0.0
    last_s: float = 0.0
    busy_s: float = 0.0
    n_segments: int = 0


class SeparatorActor:
    """One device slot; holds the weights of one model, and of the run's restoration, nothing else.

    Parameters
    ----------
    config
        Device and precision.
    log_folder
        Folder that receives a log of this process.
    restoration_model
        What the stems of tracks go through that were cut off; None: no track is restored.
    """

    def __init__(
        self,
        config: SeparationConfig,
        log_folder: log.Folder | None = None,
        restoration_model: RestorationModel | None = None,
    ) -> None:
        if log_folder is not None:
            log.setup_worker(log_folder)
        # The driver, which hands this class to Ray, does without the seconds that PyTorch takes.
        with no_garbage_search():
            from libsep.batch.separators import networks
        networks.set_up_process()
        self._networks = networks
        self._config = config
        self._restoration_model = restoration_model
        self._lock = threading.Lock()
        self._separator: Separator | None = None
        self._batcher: Batcher | None = None
        self._stints: list[Stint] = []

    def load(self, model: Model) -> str:
        """Hold this model from now on; return it, device and precision as one line for people.

        Raises
        ------
        ModelError, ConfigError
            The model cannot be loaded, or the device is not there.
        DeviceError
            The device failed; this process ends.
        """
        with self._lock, self._ending_if_device_is_lost():
            self._load(model)
            assert self._separator is not None
            return self._separator.describe()

    def check(self, models: Sequence[Model]) -> None:
        """Load each of some models once, and keep none of them.

        Raises
        ------
        ModelError
            One cannot be loaded.
        """
        self._networks.check_all(models)

    def process_id(self) -> int:
        """Return the operating system's number of this actor's process."""
        return os.getpid()

    def stints(self) -> list[Stint]:
        """Return what this process has done, model after model."""
        return self._stints

    def separate(
        self, segment: Float32[np.ndarray, "2 T"], model: Model, cutoff_hz: float | None = None
    ) -> Float32[np.ndarray, "S 2 T"]:
        """Return the estimates of one segment; segments of several threads share a batch.

        With a cut-off, in Hz, the estimates are restored above it. An actor that was started again
        after a crash loads the model that is asked for.

        Raises
        ------
        RuntimeError
            It holds another model: the caller's track is one that was given up.
        DeviceError
            The device failed in a way that only a new process gets over, so this one ends; Ray
            starts it again.
        """
        with self._lock, self._ending_if_device_is_lost():
            if self._separator is None:
                self._load(model)
            assert self._separator is not None
            assert self._batcher is not None
            batcher, held, stint = self._batcher, self._separator.model, self._stints[-1]
        if (held.name, held.sha256) != (model.name, model.sha256):
            raise RuntimeError(f"holds {held.name} now, asked for {model.name}")
        start_s = time.time()
        with self._ending_if_device_is_lost():
            estimates = batcher(segment, cutoff_hz)
        end_s = time.time()
        stint.first_s = stint.first_s or start_s
        # Threads that share a batch overlap: no second counts twice.
        stint.busy_s += max(end_s - max(start_s, stint.last_s), 0.0)
        stint.last_s = end_s
        stint.n_segments += 1
        return estimates

    @contextlib.contextmanager
    def _ending_if_device_is_lost(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as exc:
            if not self._networks.is_sticky(exc):
                raise
            logger.exception("the device is lost, this process ends")
            threading.Timer(EXIT_PAUSE_S, os._exit, [1]).start()
            # Not the error itself: it need not survive the way to another process.
            raise DeviceError(f"the device failed: {exc}") from None

    def _load(self, model: Model) -> None:
        began_s = time.time()
        if self._batcher is not None:
            self._batcher.close()
        self._batcher = self._separator = None  # before the next one takes its memory
        self._separator, self._batcher = self._networks.loaded(
            model, self._config, self._restoration_model
        )
        self._stints.append(Stint(model.name, began_s, time.time()))


def start_separator(
    config: SeparationConfig,
    place: Place,
    log_folder: log.Folder | None = None,
    restoration_model: RestorationModel | None = None,
) -> ActorHandle[Any]:
    """Start a separator, which holds no model yet, and lives as long as its node does.

    Parameters
    ----------
    config
        How it runs.
    place
        Where it runs.
    log_folder
        Folder that receives its log.
    restoration_model
        What it restores tracks with that were cut off.
    """
    # An actor on the CPU asks Ray for nothing: the operating system shares the cores between
    # separators and encoders better than slots would.
    actor_class = ray.remote(SeparatorActor).options(
        num_cpus=0,
        num_gpus=place.gpu_share,
        max_restarts=-1,
        max_concurrency=GPU_CALLS if place.gpu_share else 1,
        scheduling_strategy=NodeAffinitySchedulingStrategy(place.node_id, soft=False),
    )
    return actor_class.remote(config, log_folder, restoration_model)

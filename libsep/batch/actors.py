"""Separator actors: each holds one model at a time, and separates segments for any track."""

import dataclasses
import math
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import ray
from jaxtyping import Float32
from ray.actor import ActorHandle

from libsep import log
from libsep.batch.batching import Batcher
from libsep.config import SeparationConfig
from libsep.machine import n_cores
from libsep.separation.cpu import tune_allocator, use_one_thread
from libsep.separation.registry import Model
from libsep.separation.separator import Separator

GPU_CALLS = 32
"""Segments that an actor on a GPU accepts at once: those of several tracks share a batch."""

SMALL_COST = 4.0
"""Cost, as a multiple of the generic model's, up to which two models share a GPU."""


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
    """One device slot; holds the weights of one model and nothing else.

    Parameters
    ----------
    config
        Device and precision.
    log_folder
        Folder that receives a log of this process.
    """

    def __init__(self, config: SeparationConfig, log_folder: Path | None = None) -> None:
        if log_folder is not None:
            log.setup_worker(log_folder)
        use_one_thread()
        tune_allocator()
        self._config = config
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
        """
        with self._lock:
            self._load(model)
            assert self._separator is not None
            return self._separator.describe()

    def process_id(self) -> int:
        """Return the operating system's number of this actor's process."""
        return os.getpid()

    def stints(self) -> list[Stint]:
        """Return what this process has done, model after model."""
        return self._stints

    def separate(
        self, segment: Float32[np.ndarray, "2 T"], model: Model
    ) -> Float32[np.ndarray, "4 2 T"]:
        """Return the estimates of one segment; segments of several threads share a batch.

        An actor that was started again after a crash loads the model that is asked for.

        Raises
        ------
        RuntimeError
            It holds another model: the caller's track is one that was given up.
        """
        with self._lock:
            if self._separator is None:
                self._load(model)
            assert self._separator is not None
            assert self._batcher is not None
            batcher, held, stint = self._batcher, self._separator.model, self._stints[-1]
        if (held.name, held.sha256) != (model.name, model.sha256):
            raise RuntimeError(f"holds {held.name} now, asked for {model.name}")
        start_s = time.time()
        estimates = batcher(segment)
        end_s = time.time()
        stint.first_s = stint.first_s or start_s
        # Threads that share a batch overlap: no second counts twice.
        stint.busy_s += max(end_s - max(start_s, stint.last_s), 0.0)
        stint.last_s = end_s
        stint.n_segments += 1
        return estimates

    def _load(self, model: Model) -> None:
        began_s = time.time()
        if self._batcher is not None:
            self._batcher.close()
        self._batcher = self._separator = None  # before the next one takes its memory
        self._separator = Separator(
            model, device=self._config.device, precision=self._config.precision
        )
        self._batcher = Batcher(self._separator.separate, self._separator.segments_per_batch)
        self._stints.append(Stint(model.name, began_s, time.time()))


def count_separators(config_separators: int, models: Mapping[str, Model], n_gpus: int) -> int:
    """Return how many separators a run starts.

    Parameters
    ----------
    config_separators
        What the configuration says; 0 means one per GPU, or one per CPU core where there is none.
    models
        The models of the run. Two small ones share a GPU if there are more models than GPUs.
    n_gpus
        GPUs of the cluster.
    """
    if config_separators or not n_gpus:
        return config_separators or n_cores()
    costs = [model.cost for model in models.values()]
    if any(cost is None or cost > SMALL_COST for cost in costs):
        return n_gpus
    return min(max(len(models), n_gpus), 2 * n_gpus)


def start_separators(
    config: SeparationConfig, *, n_separators: int, n_gpus: int, log_folder: Path | None = None
) -> list[ActorHandle[Any]]:
    """Start the separators of a run; they hold no model yet.

    Parameters
    ----------
    config
        Where and how they run.
    n_separators
        How many.
    n_gpus
        GPUs of the cluster, among which the actors are spread; 0 puts them on the CPU.
    log_folder
        Folder that receives a log of each actor.
    """
    # Two actors on a GPU each ask for a half. An actor on the CPU asks Ray for nothing: the
    # operating system shares the cores between separators and encoders better than slots would.
    gpu_share = 1 / math.ceil(n_separators / n_gpus) if n_gpus else 0
    actor_class = ray.remote(SeparatorActor).options(
        num_cpus=0,
        num_gpus=gpu_share,
        max_restarts=-1,
        max_concurrency=GPU_CALLS if n_gpus else 1,
    )
    return [actor_class.remote(config, log_folder) for _ in range(n_separators)]

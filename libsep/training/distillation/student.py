"""The student's training: how long a step takes, and how many of them there is time for."""

import logging
import time
from pathlib import Path

import torch

from libsep.config import TrainingConfig, load
from libsep.errors import ConfigError, reason_of
from libsep.machine import n_cores
from libsep.media.decode import SAMPLE_RATE
from libsep.separation.cpu import tune_allocator
from libsep.track import TARGETS
from libsep.training.distillation.job import RANDOM, DistillationJob
from libsep.training.job import BEST, CHECKPOINT, CONFIG, Job
from libsep.training.stage import uses_bfloat16
from libsep.training.start import begin
from libsep.training.step import merged, train_step
from libsep.training.vocals_stage import VOCALS
from libsep.training.weights.checkpoint import READ_ERRORS
from libsep.units import seconds_to_samples

logger = logging.getLogger(__name__)

MAX_WORKERS = 8
"""Processes that train on a CPU, if the configuration does not say how many."""

N_TIMED = 2
"""Steps of which the fastest counts; the first one also reserves memory."""


def student_config(job: DistillationJob) -> TrainingConfig:
    """Return how the student is trained, with as many steps as it may take.

    A student that has begun goes on as it began. Behind a vocals stage it has no vocals. Where
    nothing is said about it, it learns on the GPU if there is one, and else with a worker for each
    core.

    Raises
    ------
    ConfigError
        The configuration of the student that has begun is damaged, or it was begun behind
        something else.
    """
    config = job.config.training
    if config.material.vocals_stage is not None:
        raise ConfigError("training.material.vocals_stage: expected --behind, which says it")
    if (job.run / CHECKPOINT).is_file():
        return _begun_config(job)
    changes: dict[str, object] = {}
    if job.behind is not None:
        targets = tuple(target for target in TARGETS if target != VOCALS)
        changes["network"] = config.network.model_copy(update={"targets": targets})
        stage = {"vocals_stage": job.behind.name}
        changes["material"] = config.material.model_copy(update=stage)
    if job.start == RANDOM:
        changes["start_shares"] = ()
    if "device" not in config.model_fields_set and job.config.separation.device != "cpu":
        changes["device"] = "cuda" if torch.cuda.is_available() else "cpu"
    is_cuda = changes.get("device", config.device) == "cuda"
    if is_cuda:
        changes["workers"] = 1
    elif "workers" not in config.model_fields_set:
        changes["workers"] = min(n_cores(), MAX_WORKERS)
    return config.model_copy(update=changes)


def _begun_config(job: DistillationJob) -> TrainingConfig:
    config = load(TrainingConfig, job.run / CONFIG)
    stage = config.material.vocals_stage
    if stage != (job.behind.name if job.behind else None):
        begun = f"behind {stage}" if stage else "with all targets"
        raise ConfigError(f"{job.run}: this student was begun {begun}, expected the same --behind")
    return config


def begun_steps(job: DistillationJob) -> int:
    """Return how many steps the student has taken in earlier calls.

    Raises
    ------
    ConfigError
        Its checkpoint is damaged.
    """
    path = job.run / CHECKPOINT
    return _step_of(path) if path.is_file() else 0


def best_step(job: DistillationJob) -> int:
    """Return the step of the student's best checkpoint; 0 is what it began with.

    Raises
    ------
    ConfigError
        It is damaged.
    """
    return _step_of(job.run / BEST)


def _step_of(path: Path) -> int:
    try:
        return int(torch.load(path, map_location="cpu", weights_only=True)["step"])
    except READ_ERRORS as exc:
        raise ConfigError(f"{path}: cannot be resumed from (damaged?): {reason_of(exc)}") from exc


def with_steps(config: TrainingConfig, n_steps: int) -> TrainingConfig:
    """Return the training with another length; its learning rate falls until then."""
    warmup = min(config.optimiser.n_warmup_steps, n_steps // 4)
    optimiser = config.optimiser.model_copy(update={"n_steps": n_steps, "n_warmup_steps": warmup})
    return config.model_copy(update={"optimiser": optimiser})


def measured_step_s(job: DistillationJob, config: TrainingConfig) -> float:
    """Return how long a step of the student takes here, in seconds, without its examples.

    A sampler that shares the cores with the student makes it longer.

    Raises
    ------
    ConfigError
        The student cannot begin with the weights that it is to begin with.
    """
    if job.behind is None and config.network.targets != TARGETS:
        raise ConfigError(f"training.network.targets: a student has all of {', '.join(TARGETS)}")
    if config.device == "cpu":
        tune_allocator()
    n_threads = torch.get_num_threads()
    start = None if job.start == RANDOM else job.start
    torch.set_num_threads(1)
    try:
        state = begin(Job(config, (), (), job.run, job.out, start=start))
        n_samples = seconds_to_samples(config.material.segment_s, SAMPLE_RATE)
        shape = (config.optimiser.n_batch, len(TARGETS), 2, n_samples)
        sources = merged(0.1 * torch.randn(shape, device=config.device), config.network.targets)
        durations_s = []
        for _ in range(N_TIMED):
            began_s = time.perf_counter()
            train_step(
                state,
                sources,
                config.loss,
                config.optimiser,
                is_bfloat16=uses_bfloat16(config),
            )
            durations_s.append(time.perf_counter() - began_s)
    finally:
        torch.set_num_threads(n_threads)
    is_rendering = job.training(config, job.labels, job.labels).render_plan is not None
    return min(durations_s) * (crowding(config, n_cores()) if is_rendering else 1.0)


def crowding(config: TrainingConfig, n_cores: int) -> float:
    """Return how many times longer a step takes where the sampler renders meanwhile; at least 1."""
    n_workers = config.workers if config.device == "cpu" else 0
    return max((n_workers + config.material.n_render_workers) / n_cores, 1.0)

"""Train on a cluster: Ray Train starts the workers, stores the checkpoints, and restarts a loss."""

import contextlib
import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ray.train
import ray.train.torch
from ray.train import Checkpoint

from libsep.batch.cluster.connection import cluster_or_embedded_ray
from libsep.errors import ClusterError, ConfigError
from libsep.ledger.lock import RunLock
from libsep.machine import temporary_folder
from libsep.training import distributed
from libsep.training.check import check_job
from libsep.training.job import BEST, CHECKPOINT, Job
from libsep.training.state import State
from libsep.training.synthesis.rendering import rendering
from libsep.training.weights.checkpoint import load_checkpoint
from libsep.training.weights.export import describe, export_model
from libsep.training.worker import RunFolder, work

MAX_LOSSES = 10
"""How often a training goes on after it lost a worker; a node that is given back does not count."""

CHECKPOINTS_KEPT = 2
"""In the storage; the newest is resumed from."""

STORE_BYTES = 100_000_000
"""Shared memory of a Ray on this machine; training passes nothing through it."""

NOT_STORED = ("renders", "lock", "*.partial")
"""What a node keeps to itself of its copy of the run folder."""


def train_on_cluster(job: Job, storage: str, name: str, *, min_workers: int) -> Checkpoint:
    """Train on the cluster that this process is connected to, until the last step.

    There are ``job.config.workers`` workers, one per GPU if ``device`` is cuda, else one per CPU;
    each has its own examples, and gradients are averaged over all (NCCL or Gloo). When a worker or
    its node is lost, all start again from the newest checkpoint in the storage, with as many as
    the cluster then bears, if that is at least ``min_workers``. A run of the same storage and name
    is resumed.

    Parameters
    ----------
    job
        ``data``, ``validation``, ``unpaired`` and ``start`` must be where every node sees them,
        this one too; ``cache`` and ``out`` may be on the node's own disk.
    storage
        Folder that all nodes share, or a URI that Ray can write (``s3://…``). Below it, ``name``
        receives the checkpoints, each a copy of the run folder: weights, curve, TensorBoard.
    name
        Of the run.
    min_workers
        Fewest workers with which the training goes on.

    Returns
    -------
    The last checkpoint; `libsep.training.weights.export.export_model` makes a model of it.

    Raises
    ------
    ConfigError
        The job cannot work, or a worker could not use its material or the checkpoint.
    ClusterError
        Workers were lost `MAX_LOSSES` times, or do not start.
    LedgerError
        Another training writes to the same folder (not found out where ``storage`` is a URI).
    """
    check_job(job)
    trainer = _trainer(job, storage, name, min_workers)
    with _locked(storage, name):
        try:
            result = trainer.fit()
        except ray.train.TrainingFailedError as exc:
            raise ClusterError(f"{storage}/{name}: the training stopped: {exc}") from exc
    if isinstance(result.return_value, ConfigError):
        raise result.return_value
    if result.checkpoint is None:
        raise ClusterError(f"{storage}/{name}: the training ended without a checkpoint")
    return result.checkpoint


def _trainer(job: Job, storage: str, name: str, min_workers: int) -> ray.train.torch.TorchTrainer:
    config = job.config
    is_cuda = config.device == "cuda"
    is_elastic = min_workers < config.workers
    return ray.train.torch.TorchTrainer(
        _work,
        train_loop_config={"job": _absolute(job)},
        torch_config=ray.train.torch.TorchConfig("cpu:gloo,cuda:nccl" if is_cuda else "gloo"),
        scaling_config=ray.train.ScalingConfig(
            num_workers=(min_workers, config.workers) if is_elastic else config.workers,
            use_gpu=is_cuda,
        ),
        run_config=ray.train.RunConfig(
            name=name,
            storage_path=storage if "://" in storage else str(Path(storage).absolute()),
            failure_config=ray.train.FailureConfig(max_failures=MAX_LOSSES),
            checkpoint_config=ray.train.CheckpointConfig(num_to_keep=CHECKPOINTS_KEPT),
        ),
    )


def train_and_export(
    job: Job,
    storage: str,
    name: str,
    *,
    min_workers: int,
    model: Path | None,
    about: Path | None,
) -> str:
    """Do all of a job: `train_on_cluster` on the cluster of ``RAY_ADDRESS``, then the model.

    Parameters
    ----------
    job, storage, name, min_workers
        As in `train_on_cluster`. Without ``RAY_ADDRESS`` Ray runs on this machine.
    model, about
        Model folder that is written, and its description; both or neither.

    Returns
    -------
    Where the model is, or else the last checkpoint.

    Raises
    ------
    ConfigError, ClusterError, LedgerError
        As in `train_on_cluster`; the description is checked first.
    ModelError
        The model cannot be written.
    """
    if (model is None) != (about is None):
        raise ConfigError("--model and --about belong together")
    if about is not None:
        describe(job.config, about)
    with cluster_or_embedded_ray(n_cpus=job.config.workers, object_store_bytes=STORE_BYTES):
        checkpoint = train_on_cluster(job, storage, name, min_workers=min_workers)
    if model is None or about is None:
        return str(checkpoint.path)
    with checkpoint.as_directory() as run:
        export_model(Path(run), BEST if job.validation else CHECKPOINT, about, model)
    return str(model)


class StoredRun(RunFolder):
    """The run folder as one node has it; Ray stores a copy with every checkpoint."""

    def __init__(self, folder: Path, job: Job) -> None:
        super().__init__(folder)
        self._job = job

    def resume(self, state: State) -> None:
        """Take over the newest checkpoint of the storage, and its curve in the first worker."""
        is_first = distributed.worker() == 0
        self.folder.mkdir(parents=True, exist_ok=True)
        if is_first:
            _empty(self.folder)
            self.describe(self._job)
        checkpoint = ray.train.get_checkpoint()
        if checkpoint is None:
            return
        with checkpoint.as_directory() as stored:
            load_checkpoint(Path(stored, CHECKPOINT), state)
            if is_first:
                shutil.copytree(stored, self.folder, dirs_exist_ok=True)
                self.describe(self._job)

    def save(self, state: State, name: str) -> None:
        """Write a checkpoint; the newest goes to the storage, with all that belongs to it."""
        super().save(state, name)
        if name != CHECKPOINT:
            return
        metrics = {"step": state.step}
        if distributed.worker():
            ray.train.report(metrics)
            return
        with temporary_folder() as copy:
            ignored = shutil.ignore_patterns(*NOT_STORED)
            shutil.copytree(self.folder, copy, ignore=ignored, dirs_exist_ok=True)
            ray.train.report(metrics, checkpoint=Checkpoint.from_directory(copy))


def _work(values: dict[str, Any]) -> ConfigError | None:
    """Train as one worker of Ray's; the first one of each node runs the sampler.

    What another try cannot mend is returned: an error that is raised starts all workers again.
    """
    job: Job = values["job"]
    is_first_of_node = ray.train.get_context().get_local_rank() == 0
    try:
        with rendering(job.render_plan if is_first_of_node else None):
            distributed.gathered({})  # wait until every node has its pool of renders
            work(job, StoredRun(job.out, job))
    except ConfigError as exc:
        return exc
    return None


def _absolute(job: Job) -> Job:
    """Return a job whose paths do not depend on the working folder: Ray changes it."""
    return dataclasses.replace(
        job,
        data=tuple(path.absolute() for path in job.data),
        validation=tuple(path.absolute() for path in job.validation),
        unpaired=tuple(path.absolute() for path in job.unpaired),
        out=job.out.absolute(),
        cache=job.cache.absolute(),
        start=str(Path(job.start).absolute()) if job.start and "/" in job.start else job.start,
    )


def _empty(folder: Path) -> None:
    """Remove what an earlier training of this name left on this node, apart from its renders."""
    for path in folder.iterdir():
        if path.is_dir() and path.name not in NOT_STORED:
            shutil.rmtree(path)
        elif path.is_file():
            path.unlink()


@contextlib.contextmanager
def _locked(storage: str, name: str) -> Iterator[None]:
    if "://" in storage:
        yield
        return
    with RunLock(Path(storage) / name, run=name):
        yield

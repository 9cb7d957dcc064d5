"""Train on one machine: a process for each worker, which meet over a file."""

import contextlib
import logging
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import torch.distributed as dist
from torch.multiprocessing.spawn import ProcessException, spawn

from libsep.datasets.unpaired import load_unpaired
from libsep.errors import ConfigError
from libsep.ledger.lock import RunLock
from libsep.machine import temporary_folder
from libsep.media import atomic
from libsep.training.check import check_device, check_job, warn_of_unused
from libsep.training.job import Job
from libsep.training.material.data import load_material
from libsep.training.material.inputs import open_cache, open_material, open_validation
from libsep.training.start import begin
from libsep.training.synthesis.rendering import rendering
from libsep.training.worker import RunFolder, work

logger = logging.getLogger(__name__)

PROBLEM = "problem-"
"""What stands before the number of a worker in the name of the file that says why it stopped."""


def train(job: Job) -> None:
    """Train until the last step; a checkpoint in the output folder is resumed from.

    The output folder receives ``config.yaml``, ``checkpoint.pt`` (the newest), ``best.pt`` (the
    best on the validation), ``curve.jsonl`` (one line per log interval, per validation, and when
    the sampler stops), the same as ``curve.png`` and for TensorBoard, and the sampler's songs.

    Raises
    ------
    ConfigError
        The job cannot work (`libsep.training.check`), the checkpoint belongs to another network,
        or material is damaged; only the last takes time to find out.
    LedgerError
        Another training writes to the output folder.
    """
    check_device(job.config)
    check_job(job)
    with RunLock(job.out, run=job.out.name), _unwinding():
        run = RunFolder(job.out)
        run.resume(begin(job))
        run.describe(job)
        _load_once(job)
        with rendering(job.render_plan):
            _run_workers(job, run)


def _load_once(job: Job) -> None:
    """Decode all material, which the workers then find in the cache."""
    cache = open_cache(job)
    material = load_material(job.data, cache, ())
    warn_of_unused(job.config.material, material)
    logger.info("training: %.1f h of songs and recordings", material.duration_s / 3600)
    open_validation(job)
    if job.config.material.vocals_stage is not None:
        open_material(job)
    load_unpaired(job.unpaired, cache)


def _run_workers(job: Job, run: RunFolder) -> None:
    if job.config.workers == 1:
        work(job, run)
        return
    with temporary_folder() as folder:
        arguments = (job, run, folder)
        workers = spawn(_join_and_work, arguments, job.config.workers, join=False)  # type: ignore[no-untyped-call] # torch's
        try:
            while not workers.join():
                pass
        except ProcessException as exc:
            told = sorted(folder.glob(f"{PROBLEM}*"))
            if not told:
                raise
            raise ConfigError(told[0].read_text(encoding="utf-8")) from exc
        finally:
            for process in workers.processes:
                process.terminate()


def _join_and_work(worker: int, job: Job, run: RunFolder, folder: Path) -> None:
    """Meet the other workers, who are given the same fresh folder, and train with them.

    What cannot go on is told in a file, because no error of one process is raised in another.
    """
    meeting = (folder / "meeting").as_uri()
    dist.init_process_group("gloo", init_method=meeting, rank=worker, world_size=job.config.workers)
    try:
        work(job, run)
    except ConfigError as exc:
        text = str(exc).encode(errors="backslashreplace").decode()
        atomic.write_text(folder / f"{PROBLEM}{worker}", text)
        raise SystemExit(1) from exc
    finally:
        dist.destroy_process_group()


@contextlib.contextmanager
def _unwinding() -> Iterator[None]:
    """Let SIGTERM unwind the stack, so that no worker outlives its parent."""

    def stop(number: int, frame: object) -> NoReturn:
        raise SystemExit(128 + number)

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)

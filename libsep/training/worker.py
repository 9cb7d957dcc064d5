"""One worker of a training, whoever started it."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import torch
import yaml

from libsep.datasets.songs import Song
from libsep.errors import ConfigError
from libsep.media.atomic import write_text
from libsep.separation.cpu import tune_allocator
from libsep.training import distributed
from libsep.training.job import CHECKPOINT, CONFIG, Job
from libsep.training.loop import Loop
from libsep.training.material.inputs import open_validation
from libsep.training.records.display import TrainingDisplay
from libsep.training.records.journal import Journal
from libsep.training.stage import Stage
from libsep.training.start import begin, open_stage
from libsep.training.state import State
from libsep.training.weights.checkpoint import load_checkpoint, save_checkpoint


class RunFolder:
    """Where the checkpoints of a run are: a folder that all its workers see."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def describe(self, job: Job) -> None:
        """Write ``config.yaml``: what `libsep.training.weights.export` needs to know of a run."""
        values = job.config.model_dump(mode="json")
        write_text(self.folder / CONFIG, yaml.safe_dump(values, sort_keys=False))

    def resume(self, state: State) -> None:
        """Give a fresh state the values of the newest checkpoint, if there is one.

        Raises
        ------
        ConfigError
            The checkpoint is damaged or belongs to another network.
        """
        if (self.folder / CHECKPOINT).is_file():
            load_checkpoint(self.folder / CHECKPOINT, state)

    def save(self, state: State, name: str) -> None:
        """Write a checkpoint. All workers call this at the same step; the first one writes."""
        if distributed.worker() == 0:
            save_checkpoint(self.folder / name, state)


def work(job: Job, run: RunFolder) -> None:
    """Train as one of the workers of the process group, or alone where there is none.

    Raises
    ------
    ConfigError
        Material is missing or damaged, or the checkpoint belongs to another network, for this
        worker or another one: it is raised in all of them, so none waits for the others.
    """
    if job.config.device == "cpu":
        tune_allocator()
        torch.set_num_threads(1)
    opened, problem = None, ""
    try:
        opened = _opened(job, run)
    except ConfigError as exc:
        problem = str(exc)
    problems = distributed.gathered({str(distributed.worker()): problem})
    if opened is None or any(problems.values()):
        raise ConfigError(problem or next(filter(None, problems.values())))
    stage, songs = opened
    if distributed.worker():
        Loop(job.config, stage, songs, journal=None, save=run.save).run()
        return
    with contextlib.closing(_journal(job, run, stage.state, songs)) as journal:
        Loop(job.config, stage, songs, journal=journal, save=run.save).run()


def _opened(job: Job, run: RunFolder) -> tuple[Stage, list[Song]]:
    state = begin(job)
    run.resume(state)
    return open_stage(job, state), open_validation(job)


def _journal(job: Job, run: RunFolder, state: State, songs: Sequence[Song]) -> Journal:
    display = None
    if job.is_watched:
        n_steps = job.config.optimiser.n_steps
        display = TrainingDisplay(state.step, n_steps, state.best_sdr_db)
    pool = job.render_plan.pool() if job.render_plan else None
    return Journal(run.folder, step=state.step, songs=songs, display=display, pool=pool)

"""All of a distillation: tracks, labels, student, judgement, and its place among the models."""

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from libsep import log
from libsep.batch.cluster.connection import cluster_or_embedded_ray, is_cluster_named
from libsep.batch.distillation.labelling import Labelling, Teachers
from libsep.batch.distillation.selection import select_tracks
from libsep.batch.interrupts import Interrupts, caught_interrupts
from libsep.config import TrainingConfig
from libsep.datasets.audio_cache import AudioCache
from libsep.errors import ConfigError
from libsep.genre.names import GENERIC
from libsep.ledger.lock import RunLock
from libsep.machine import n_cores
from libsep.media.atomic import make_folder
from libsep.media.awake import kept_awake
from libsep.media.decode import SAMPLE_RATE
from libsep.separation.registry import Model, find_model
from libsep.training.distillation.blocks import Block, plan_blocks
from libsep.training.distillation.check import check_exam, check_stage
from libsep.training.distillation.install import Taught, install_student, installed, write_student
from libsep.training.distillation.job import STUDENT, DistillationJob
from libsep.training.distillation.judgement import Exam, Judgement, judge, load_exam, marks_of
from libsep.training.distillation.labels import LabelStore
from libsep.training.distillation.price import LABEL_SHARE, Price, steps_in
from libsep.training.distillation.student import (
    begun_steps,
    best_step,
    measured_step_s,
    student_config,
    with_steps,
)
from libsep.training.distillation.teacher import check_teacher, sources_of
from libsep.training.job import CHECKPOINT
from libsep.training.local import train

BYTES_PER_BLOCK = 40_000_000
"""Shared memory for one block in flight: its segments, their estimates, and its label."""


@runtime_checkable
class Audience(Protocol):
    """Who is told how a distillation goes, and asked whether it may begin."""

    def say(self, message: str) -> None:
        """Show a sentence."""

    def agrees(self, price: Price) -> bool:
        """Show what it will cost; return whether it is to go on."""

    def labelled(self, n_done: int, n_blocks: int) -> None:
        """Take note of how many blocks have their label."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """How a distillation ended.

    ``judgement`` is None if there was none: it was not begun, or interrupted by a signal, whose
    number ``interrupted`` is. ``installed`` is where the student lies now, if it was.
    """

    judgement: Judgement | None = None
    interrupted: int | None = None
    installed: Path | None = None


@dataclasses.dataclass(frozen=True)
class Student:
    """How the student will be trained, and how long a step takes here."""

    config: TrainingConfig
    step_s: float
    n_steps_begun: int = 0


def distil(job: DistillationJob, audience: Audience, *, is_insecure: bool = False) -> Result:
    """Do all of a job; what an earlier call has done is not done again.

    Raises
    ------
    ConfigError, ModelError
        The job cannot work; most of it is found out before anything is labelled.
    LedgerError
        Another distillation writes to the same folder, or the disk is full.
    ClusterError
        Ray does not start, or loses its machines.
    """
    _check(job)
    began_s = time.monotonic()
    with RunLock(job.out, run=job.out.name):
        config = student_config(job)
        step_s = measured_step_s(job, config)
        store = LabelStore(job.labels, job.teacher, job.config.labels.max_gb * 1e9)
        with _ray(job, is_insecure=is_insecure) as interrupts:
            taught = teach(
                job, store, audience, interrupts, Student(config, step_s, begun_steps(job))
            )
        if taught is None or interrupts.signal is not None:
            return Result(interrupted=interrupts.signal)
        if not (job.run / CHECKPOINT).is_file():
            left_s = 3600 * job.max_hours - (time.monotonic() - began_s)
            config = with_steps(config, min(config.optimiser.n_steps, steps_in(left_s, step_s)))
        return learn(job, config, store, taught, audience)


def teach(
    job: DistillationJob,
    store: LabelStore,
    audience: Audience,
    interrupts: Interrupts,
    student: Student,
) -> Taught | None:
    """Label what is to be labelled, on the Ray that this process is connected to.

    One block is labelled before the audience is asked, to know how long the others take.

    Returns
    -------
    What the student can learn from; None if the audience does not agree, or after a signal.

    Raises
    ------
    ConfigError
        There is nothing to learn from, or nothing that judges.
    """
    tracks = select_tracks(job, lambda: _interruption(interrupts), audience.say)
    n_sources = len(sources_of(job.teacher.targets))
    blocks = plan_blocks(tracks, job.config.labels, n_sources)
    if n_deleted := store.expect(blocks, n_sources):
        audience.say(f"{n_deleted} labels of other music or teachers made room")

    def on_label(_: Block) -> None:
        audience.labelled(sum(map(store.has, blocks)), len(blocks))

    with Teachers(job.teacher, job.config.separation, begun_logs(job.out)) as teachers:
        labelling = Labelling(teachers, store, on_label)
        block_s = _timed(labelling, [block for block in blocks if not store.has(block)])
        price = Price(
            n_tracks=len(tracks),
            blocks=blocks,
            n_left=len(blocks) - sum(map(store.has, blocks)),
            n_sources=n_sources,
            block_s=block_s,
            n_at_once=len(teachers),
            step_s=student.step_s,
            n_steps_begun=student.n_steps_begun,
            max_steps=student.config.optimiser.n_steps,
            max_hours=job.max_hours,
        )
        if not audience.agrees(price):
            return None
        deadline_s = time.monotonic() + LABEL_SHARE * 3600 * job.max_hours

        def stop() -> str:
            is_late = time.monotonic() > deadline_s
            return _interruption(interrupts) or ("half of the time is over" if is_late else "")

        if reason := labelling.run(blocks, stop):
            audience.say(f"labels end early: {reason}")
        if interrupts.signal is not None:
            return None
    for problem in labelling.problems:
        audience.say(f"no label: {problem}")
    return _taught(store, blocks, audience)


def learn(
    job: DistillationJob,
    config: TrainingConfig,
    store: LabelStore,
    taught: Taught,
    audience: Audience,
) -> Result:
    """Train the student on the labels that are there, judge it, and install it if it passes.

    Raises
    ------
    ConfigError, ModelError
        Material is missing or damaged, or a model cannot be loaded or written.
    LedgerError
        Another training writes to the student's folder.
    """
    train(job.training(config, store.train, store.held_back))
    if best_step(job) == 0:
        audience.say("no step was better than the weights that the student began with")
    audience.say("judging the student on music that it has not seen")
    exam = load_exam(store.held_back, job.validation, AudioCache(job.out / "cache", SAMPLE_RATE))
    student = write_student(job, taught, exam, None)
    judgement = _judged(job, student, exam)
    student = write_student(job, taught, exam, judgement)
    place = install_student(job, student) if judgement.is_passed else None
    return Result(judgement=judgement, installed=place)


def _judged(job: DistillationJob, student: Model, exam: Exam) -> Judgement:
    before = [find_model(GENERIC)]
    if job.genre is not None and (found := installed(job.genre)) is not None:
        before.append(found)
    models = {model.name: model for model in before}
    # Another model may have its name: an earlier student is called as the new one is.
    taken = {STUDENT: job.model} | {name: model.folder for name, model in models.items()}
    is_alone = taken.get(job.teacher.name, job.teacher.folder) == job.teacher.folder
    teacher = job.teacher.name if is_alone else str(job.teacher.folder)
    models |= {teacher: job.teacher, STUDENT: student}
    config = job.config.separation
    marks = {
        name: marks_of(model, exam, config, is_teacher=name == teacher)
        for name, model in models.items()
    }
    return judge(
        marks,
        teacher=teacher,
        before=[model.name for model in before],
        gain_db=job.config.min_gain_db,
    )


def _check(job: DistillationJob) -> None:
    """Refuse what cannot work, before anything is written."""
    check_teacher(job.teacher)
    if not job.library.is_dir():
        raise ConfigError(f"{job.library}: no folder of music")
    for path in job.data:
        if not path.exists():
            raise ConfigError(f"--data: {path}: not found")
    check_exam(job)
    check_stage(job)


@contextlib.contextmanager
def _ray(job: DistillationJob, *, is_insecure: bool) -> Iterator[Interrupts]:
    n_tasks = n_cores() + 1
    with contextlib.ExitStack() as stack:
        ray_context = cluster_or_embedded_ray(
            n_cpus=n_tasks,
            object_store_bytes=max(150_000_000, n_tasks * BYTES_PER_BLOCK),
            n_gpus=None if job.config.separation.device != "cpu" else 0,
            is_insecure=is_insecure,
        )
        stack.enter_context(kept_awake())
        stack.enter_context(ray_context)
        # After Ray has started, because it takes over SIGTERM itself.
        yield stack.enter_context(caught_interrupts())


def begun_logs(out: Path) -> log.Folder:
    """Make the folder of the logs of a distillation, with the driver's mark.

    On this machine alone, its processes know by it when the drive of ``out`` has gone.
    """
    folder = log.Folder(out / "logs", is_shared=not is_cluster_named())
    make_folder(folder.path)
    (folder.path / log.DRIVER).touch()
    return folder


def _interruption(interrupts: Interrupts) -> str:
    return "interrupted" if interrupts.signal is not None else ""


def _timed(labelling: Labelling, blocks: Sequence[Block]) -> float:
    """Label the first block that can be; return how long its process took, in seconds."""
    for block in blocks:
        labelling.run([block], lambda: "")
        if labelling.last_s:
            break
    return labelling.last_s


def _taught(store: LabelStore, blocks: Sequence[Block], audience: Audience) -> Taught:
    if n_deleted := store.keep_apart():
        audience.say(f"{n_deleted} labels of tracks that judge now were deleted: none may teach")
    there = [block for block in blocks if store.has(block)]
    learned = [block for block in there if not block.is_held_back]
    if not learned or len(learned) == len(there):
        kind = "to learn from" if not learned else "that judge"
        raise ConfigError(f"{store.folder}: there are no labels {kind}")
    return Taught(n_blocks=len(learned), hours=sum(b.duration_s for b in learned) / 3600)

"""The student as a model: its description, its card, and its place among the models."""

import dataclasses
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from libsep.errors import ModelError, reason_of
from libsep.model_folder.description import CARD_FILE, DESCRIPTION_FILE, pulled_folder
from libsep.model_folder.tensors import write_file
from libsep.separation.card import scores_table
from libsep.separation.cascade import chain, redescribed
from libsep.separation.model import MASKING_ARCHITECTURES, Model, Score
from libsep.separation.registry import VOCALS, find_model, networks_of, read_model
from libsep.track import TARGETS
from libsep.training.distillation.job import RANDOM, STUDENT, DistillationJob
from libsep.training.distillation.judgement import Exam, Judgement, Marks
from libsep.training.job import BEST
from libsep.training.weights.export import export_model

MEASURE = "SDR of whole songs and blocks, mean over them"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Taught:
    """How much the teacher has said: blocks and hours of music that were trained on."""

    n_blocks: int
    hours: float


def licences_of(job: DistillationJob) -> tuple[str, ...]:
    """Return who made the weights that a student comes of, and what their licences ask.

    One line for each network of the teacher, one for what the student begins with, then notices.

    Raises
    ------
    ModelError
        One of these models is not on this machine.
    """
    parts = (*networks_of(job.teacher), *_origins(job)[1:])
    lines = [f"{part.name}: {part.licence}" for part in parts]
    notices = [origin.notice for origin in _origins(job) if origin.notice]
    return tuple(dict.fromkeys((*lines, *notices)))


def _origins(job: DistillationJob) -> list[Model]:
    """Return the models whose weights a student comes of: the teacher, and what it begins with."""
    is_model = job.start != RANDOM and not job.start.endswith(".pt")
    return [job.teacher, *([find_model(job.start)] if is_model else [])]


def write_student(
    job: DistillationJob, taught: Taught, exam: Exam, judgement: Judgement | None
) -> Model:
    """Write the student's best weights as a model into the folder of the distillation.

    Where it is a second stage, the model is the cascade, and its network lies beside it.

    Parameters
    ----------
    job, taught
        What its description tells of.
    exam, judgement
        What it was held against, and how it did; None before that.

    Raises
    ------
    ConfigError, ModelError
        The training's files cannot be read, or the model cannot be written.
    """
    about = job.out / "about.yaml"
    values = _about(job, taught)
    scores = _scores(job, exam, judgement) if judgement is not None else []
    if job.behind is None:
        values["scores"] = [score.model_dump(mode="json") for score in scores]
    write_file(about, yaml.safe_dump(values, sort_keys=False, allow_unicode=True).encode())
    goal = job.model if job.behind is None else job.second_stage
    model = network = export_model(job.run, BEST, about, goal)
    if job.behind is not None:
        described = {"name": job.name, "description": _sentence(job), "scores": tuple(scores)}
        model = redescribed(chain(job.model, job.behind.name, network.name), **described)
        network_card = f"# {network.name}\n\n{network.description} See `{job.model.name}`.\n"
        write_file(network.folder / CARD_FILE, network_card.encode())
    write_file(job.model / CARD_FILE, _card(model, network, judgement).encode())
    return model


def install_student(job: DistillationJob, student: Model) -> Path | None:
    """Put a student where routing finds it, and its network with it; return where it lies now.

    None if it is for no genre.

    Raises
    ------
    ModelError
        A folder cannot be written.
    """
    if job.genre is None:
        return None
    if job.behind is not None:
        install(read_model(job.second_stage), job.second_stage.name)
    return install(student, job.genre)


def install(model: Model, name: str) -> Path:
    """Put a model among those that were pulled, where routing finds the one of a genre's name.

    A model of this name that lies there is replaced; a crash leaves the one or the other, or both
    hidden beside their place.

    Raises
    ------
    ModelError
        The folder cannot be written.
    """
    goal = pulled_folder() / name
    fresh, former = (goal.with_name(f".{name}.{word}-{os.getpid()}") for word in ("new", "old"))
    try:
        goal.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(model.folder, fresh)
        if goal.exists():
            goal.rename(former)
        fresh.rename(goal)
        shutil.rmtree(former, ignore_errors=True)
    except OSError as exc:
        raise ModelError(f"{goal}: the model cannot be installed: {reason_of(exc)}") from exc
    return goal


def installed(name: str) -> Model | None:
    """Return the model that lies there already under this name, if there is one.

    Raises
    ------
    ModelError
        Its description is damaged.
    """
    folder = pulled_folder() / name
    return read_model(folder) if (folder / DESCRIPTION_FILE).is_file() else None


def _music(job: DistillationJob) -> str:
    return f"{job.genre} of the user's own library" if job.genre else "the user's own library"


def _sentence(job: DistillationJob) -> str:
    first = f"; {job.behind.name} takes the vocals off first" if job.behind is not None else ""
    return f"Learned from {job.teacher.name} on {_music(job)}{first}."


def _about(job: DistillationJob, taught: Taught) -> dict[str, Any]:
    teacher, config = job.teacher, job.config.training
    music = f"{taught.n_blocks} blocks ({taught.hours:.1f} h) of {_music(job)}"
    labels = f"{music}, labelled by {teacher.name} ({teacher.licence})"
    origins = _origins(job)
    return {
        "name": job.name if job.behind is None else job.second_stage.name,
        "description": _sentence(job),
        "licence": " AND ".join(dict.fromkeys(origin.licence for origin in origins)),
        "notice": " ".join(dict.fromkeys(o.notice for o in origins if o.notice)),
        "data": [labels, *(f"{name}, given by the user" for name in job.what_it_learns_from())],
        "training": f"size {config.network.size}, begun with {job.start}; libsep distil",
        "wiener": _filters(job),
    }


def _filters(job: DistillationJob) -> list[dict[str, Any]]:
    """Return the filters of the teacher's last network, if such a student takes its place."""
    last, own = networks_of(job.teacher)[-1], job.config.training.network
    is_like_it = VOCALS not in last.targets and own.architecture in MASKING_ARCHITECTURES
    if job.behind is None or not is_like_it or not set(last.targets) <= set(TARGETS):
        return []
    return [each.model_dump() for each in last.wiener]


def _scores(job: DistillationJob, exam: Exam, judgement: Judgement) -> list[Score]:
    """Return what was measured, true stems first."""
    own = judgement.marks[STUDENT]
    others = {name: marks for name, marks in judgement.marks.items() if name != STUDENT}
    held_back = f"{len(exam.labels)} blocks of tracks that were held back"
    kinds = (
        (f"{len(exam.truths)} songs with true stems, given by the user", "true"),
        (f"{held_back}, as {job.teacher.name} labels them", "towards_teacher"),
    )
    return [
        Score(
            test_set=test_set,
            measure=MEASURE,
            values=_rounded(getattr(own, kind)),
            beside={
                name: _rounded(getattr(marks, kind))
                for name, marks in others.items()
                if getattr(marks, kind)
            },
        )
        for test_set, kind in kinds
        if getattr(own, kind)
    ]


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 2) for name, value in values.items()}


def _card(model: Model, network: Model, judgement: Judgement | None) -> str:
    """Return the card of a model, whose trained network may be its second stage."""
    if judgement is None:
        return f"# {model.name}\n\n{model.description} It has not been judged.\n"
    verdict = "It passed." if judgement.is_passed else "It did not pass, and was not installed."
    reasons = "".join(f"- {reason}\n" for reason in judgement.reasons)
    data = "".join(f"- {line}\n" for line in network.data)
    costs = "".join(f"| {name} | {_speed(marks)} |\n" for name, marks in judgement.marks.items())
    return f"""# {model.name}

{model.description}

| | |
| --- | --- |
| licence of the weights | {model.licence} |
| trained | {network.training} |

{model.notice}

## Was it better?

{verdict}

{reasons}
{scores_table(model.scores)}

| model | speed |
| --- | ---: |
{costs}
## Learned from

{data}"""


def _speed(marks: Marks) -> str:
    return f"{1 / marks.cost_s:.1f} × real time" if marks.cost_s > 0 else "not measured"

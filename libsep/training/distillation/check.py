"""Distillations that cannot work, found out before anything is written."""

import itertools
from pathlib import Path

from libsep.datasets.songs import find_songs
from libsep.errors import ConfigError, ModelError
from libsep.separation.registry import find_model, networks_of
from libsep.track import TARGETS
from libsep.training.check import files_of_songs
from libsep.training.distillation.job import RANDOM, DistillationJob
from libsep.training.vocals_stage import VOCALS


def check_exam(job: DistillationJob) -> None:
    """Refuse songs that are none, or that both judge and teach, or choose the checkpoint.

    Raises
    ------
    ConfigError
        Names the folder, or the file.
    """
    files: dict[str, set[Path]] = {}
    for option, paths in {"--validation": job.validation, "--choose-by": job.choice}.items():
        files[option] = set()
        for path in paths:
            if not find_songs(path):
                raise ConfigError(f"{option}: {path}: no songs with stems")
            files[option] |= {*files_of_songs([path])}
    excluded = job.config.training.material.exclude_songs
    files["--data"] = {*files_of_songs(job.data, excluded)}
    for one, other in itertools.combinations(files, 2):
        if both := files[one] & files[other]:
            raise ConfigError(f"{min(both)}: is in {other} and in {one}, expected other songs")


def check_stage(job: DistillationJob) -> None:
    """Refuse a first stage that a cascade cannot have, and a student that nothing can choose.

    Raises
    ------
    ConfigError
        The first stage takes no vocals off, or is not among the models of this machine; the teacher
        gives nothing but vocals; or the student begins with weights of its own teacher, to whose
        labels it can only get worse.
    """
    behind = job.behind
    if behind is not None:
        if VOCALS not in behind.targets:
            raise ConfigError(f"--behind: {behind.name} gives no {VOCALS}")
        if not set(job.teacher.targets) & set(TARGETS) - {VOCALS}:
            raise ConfigError(
                f"--behind: the teacher {job.teacher.name} splits nothing that it leaves"
            )
        try:
            found = find_model(behind.name)
        except ModelError as exc:
            raise ConfigError(f"--behind: {exc}") from exc
        if found.sha256 != behind.sha256:
            raise ConfigError(
                f"--behind: {behind.folder}: {found.folder} has this name too, and other weights"
            )
    if not job.choice and job.start != RANDOM and "/" not in job.start:
        teachers = {network.name for network in networks_of(job.teacher)}
        if job.start in teachers:
            raise ConfigError(
                f"--from: {job.start} is of the teacher {job.teacher.name}, whose labels would "
                "choose the weights as they are: expected songs with true stems, --choose-by"
            )

"""Mistakes that are found before any material is loaded, and patterns that match nothing."""

import fnmatch
import logging
from collections.abc import Sequence
from pathlib import Path

import torch

from libsep.config import MaterialConfig, TrainingConfig
from libsep.datasets.songs import SongFiles, find_songs
from libsep.errors import ConfigError
from libsep.training.job import Job
from libsep.training.material.data import Material
from libsep.training.start import check_start
from libsep.training.synthesis.pack import is_pack, pack_songs
from libsep.training.synthesis.sample_list import is_sample_list

logger = logging.getLogger(__name__)


def check_job(job: Job) -> None:
    """Refuse a job that cannot work. The folders are listed; no recording is opened.

    A song that is learned from and judges is warned of.

    Raises
    ------
    ConfigError
        Names what is wrong: a folder is missing, the validation has no songs, or the stage does
        not fit the start.
    """
    options = {"--data": job.data, "--validation": job.validation, "--unpaired": job.unpaired}
    for option, paths in options.items():
        for path in paths:
            if not path.exists():
                raise ConfigError(f"{option}: {path}: not found")
    for path in job.validation:
        if not find_songs(path):
            raise ConfigError(f"--validation: {path}: no validation songs")
    check_start(job)
    learned = files_of_songs(job.data, job.config.material.exclude_songs) if job.validation else {}
    if shared := sorted({*learned} & {*files_of_songs(job.validation)}):
        logger.warning(
            "%s: is learned from and is in --validation, so its scores, and the best checkpoint, "
            "say too much (material.exclude_songs: [%s] leaves it out)",
            shared[0],
            learned[shared[0]],
        )


def files_of_songs(paths: Sequence[Path], exclude: Sequence[str] = ()) -> dict[Path, str]:
    """Return the files of all songs with stems below ``paths``, each with the name of its song.

    Songs whose name is in ``exclude`` are left out.

    Raises
    ------
    ConfigError
        As `find_songs` and `pack_songs`.
    """
    songs: list[SongFiles] = []
    for path in paths:
        if not is_sample_list(path):
            songs += pack_songs(path) if is_pack(path) else find_songs(path)
    return {
        file.resolve(): song.name
        for song in songs
        if song.name not in exclude
        for places in song.files.values()
        for file, _ in places
    }


def check_device(config: TrainingConfig) -> None:
    """Refuse what this machine does not have.

    Raises
    ------
    ConfigError
        There is no GPU, or there are several workers for one.
    """
    if config.device == "cuda" and config.workers > 1:
        raise ConfigError(f"workers: {config.workers}, expected 1 where device is cuda")
    if config.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device: cuda, but torch finds no GPU (is its driver installed?)")


def warn_of_unused(config: MaterialConfig, material: Material) -> None:
    """Warn of names in the configuration that the material does not have.

    They are no errors, since one configuration serves several collections. ``material`` is all
    there is, nothing excluded.
    """
    songs = {song.name for song in material.songs}
    names = songs | {r.name for recordings in material.recordings.values() for r in recordings}
    for name in config.exclude_songs:
        if name not in songs:
            logger.warning("material.exclude_songs: no song is called %r", name)
    for pattern in config.weights:
        if not fnmatch.filter(names, pattern):
            logger.warning("material.weights: %r matches no song or recording", pattern)

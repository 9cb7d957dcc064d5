"""What a worker trains on and what it is scored on, opened for a job."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from libsep.config import AdversarialConfig
from libsep.datasets.audio_cache import AudioCache
from libsep.datasets.songs import Song, find_songs, load_song
from libsep.datasets.unpaired import load_unpaired
from libsep.errors import ConfigError
from libsep.media.decode import SAMPLE_RATE
from libsep.training.job import Job
from libsep.training.material.data import Material, load_material
from libsep.training.material.examples import Examples
from libsep.training.material.unpaired_examples import UnpairedExamples
from libsep.training.vocals_stage import VocalsStage

FIRST_RENDERS = 16
"""Synthetic songs that a training waits for; the others come while it runs."""


def open_cache(job: Job) -> AudioCache:
    """Return the decoded material of a job."""
    return AudioCache(job.cache, SAMPLE_RATE)


def open_material(job: Job) -> Material:
    """Return songs and recordings of a job; the songs as its vocals stage leaves them, if any.

    Raises
    ------
    ConfigError
        Material is missing or damaged, or the vocals stage is no such model.
    """
    config = job.config.material
    material = load_material(job.data, open_cache(job), config.exclude_songs)
    if config.vocals_stage is None:
        return material
    stage = VocalsStage(config.vocals_stage)
    left = [stage.left_of(song, job.cache, is_scored=False) for song in material.songs]
    return dataclasses.replace(material, songs=left)


def open_examples(job: Job) -> Examples:
    """Return the training examples of a job; waits for the first songs of the sampler.

    Raises
    ------
    ConfigError
        Material is missing or damaged, a target has none, or the sampler does not deliver.
    """
    config = job.config
    material = open_material(job)
    pool = job.render_plan.pool() if job.render_plan else None
    if pool is not None:
        try:
            pool.wait(min(FIRST_RENDERS, config.material.n_renders))
        except TimeoutError as exc:
            raise ConfigError(f"{job.out}: the sampler does not deliver: {exc}") from exc
    return Examples(
        material, pool, config.material, config.augment, SAMPLE_RATE, device=config.device
    )


def open_unpaired(job: Job, config: AdversarialConfig, examples: Examples) -> UnpairedExamples:
    """Return the unpaired recordings of a job; recordings of single sources count as well.

    Behind a vocals stage the mixes are what it leaves of them; targets alone stay as they are.

    Raises
    ------
    ConfigError
        A recording is missing or damaged, or a target has none that its discriminator needs.
    """
    recordings = {
        target: [recording.samples for recording in found]
        for target, found in examples.material.recordings.items()
    }
    unpaired = load_unpaired(job.unpaired, open_cache(job))
    stage_name = job.config.material.vocals_stage
    if stage_name is not None and job.unpaired:
        stage = VocalsStage(stage_name)
        unpaired = dataclasses.replace(
            unpaired,
            mixtures=[stage.left_of_mix(mix, job.cache) for mix in unpaired.mixtures],
            without={
                target: [stage.left_of_mix(mix, job.cache) for mix in mixes]
                for target, mixes in unpaired.without.items()
            },
        )
    return UnpairedExamples(unpaired, recordings, config, examples.n_samples, SAMPLE_RATE)


def open_validation(job: Job) -> list[Song]:
    """Return the songs of a job's validation, with the targets of its network.

    Behind a vocals stage they are what it leaves of them.

    Raises
    ------
    ConfigError
        As `load_validation`, or all that they are scored by is silence.
    """
    config = job.config
    songs = load_validation(job.validation, open_cache(job))
    if config.material.vocals_stage is not None and songs:
        stage = VocalsStage(config.material.vocals_stage)
        songs = [stage.left_of(song, job.cache, is_scored=True) for song in songs]
    songs = [song.merged(config.network.targets) for song in songs]
    if songs and not any(song.sources[name].any() for song in songs for name in song.known_sources):
        raise ConfigError("--validation: all sources of all songs are silent, so nothing is scored")
    return songs


def load_validation(paths: Sequence[Path], cache: AudioCache) -> list[Song]:
    """Return the songs of the validation: all below ``paths``, in any layout of `find_songs`.

    Raises
    ------
    ConfigError
        A path holds no songs, or a song is damaged.
    """
    songs = []
    for path in paths:
        found = [load_song(song, cache) for song in find_songs(path)]
        if not found:
            raise ConfigError(f"{path}: no validation songs")
        songs += found
    return songs

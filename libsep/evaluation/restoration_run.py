"""Measure a super-resolution model on recordings, beside the baselines."""

import dataclasses
import functools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from libsep.datasets.songs import AUDIO_EXTENSIONS
from libsep.errors import ConfigError, TrackError
from libsep.evaluation.restoration import (
    MIN_BAND_HZ,
    Case,
    RestorationRow,
    Restore,
    Stereo,
    Subject,
    cut_cases,
    evaluate_restoration,
    left_as_it_is,
    replicated,
)
from libsep.machine import temporary_folder
from libsep.media.decode import SAMPLE_RATE, decode_file
from libsep.media.ffmpeg import find_ffmpeg
from libsep.media.file_names import cut, digest_of, file_key, fitting
from libsep.media.recode import LossyCodec, recode
from libsep.restoration.cutoff import find_cutoff
from libsep.restoration.super_resolver import SuperResolver

EXCERPT_S = 20.0
"""How much of the middle of each recording is measured, in seconds."""

CODED: tuple[tuple[LossyCodec, int], ...] = (("mp3", 96), ("mp3", 128), ("aac", 128))
"""Encoders and bit rates, in kbit/s, through which each recording goes once."""

LIMITED, REPLICATED = "band-limited", "replication"
"""Names of the baselines."""


@dataclasses.dataclass(frozen=True)
class Recording:
    """An audio file; ``name`` is its path in the folder that was given, or its file name."""

    path: Path
    name: str


def find_recordings(paths: Sequence[Path]) -> list[Recording]:
    """Return the audio files below folders, and files that are named themselves, in order.

    Of several files of one name, as of two folders, each is called by its whole path.

    Raises
    ------
    ConfigError
        A path does not exist, or there is no audio.
    """
    for path in paths:
        if not path.exists():
            raise ConfigError(f"{path}: not found, expected recordings")
    files = [
        Recording(file, file.relative_to(path).as_posix() if path.is_dir() else file.name)
        for path in paths
        for file in (sorted(path.rglob("*")) if path.is_dir() else [path])
        if file.suffix.lower() in AUDIO_EXTENSIONS
    ]
    if not files:
        raise ConfigError(f"{', '.join(map(str, paths))}: no audio files")
    counts = Counter(file.name for file in files)
    return [
        file if counts[file.name] == 1 else dataclasses.replace(file, name=file.path.as_posix())
        for file in files
    ]


def picture_names(recordings: Sequence[Recording]) -> list[str]:
    """Return the name of a PNG for each recording; equal ones get a hash of the path."""
    paths = [recording.path for recording in recordings]
    counts = Counter(file_key(path.stem) for path in paths)
    return [
        fitting(path.stem, ".png")
        if counts[file_key(path.stem)] == 1
        else cut(path.stem, f"~{digest_of(str(path))}.png")
        for path in paths
    ]


def read_subjects(
    recordings: Sequence[Recording], warn: Callable[[str], None], excerpt_s: float = EXCERPT_S
) -> Iterator[Subject]:
    """Yield the middle of each recording, and the cases that are made of it.

    Cases are the four cut-offs, and what MP3 and AAC leave of the recording if that is less. What
    cannot be decoded, is silent, or has nothing above any cut-off is told to ``warn`` and left
    out.
    """
    for recording in recordings:
        path = recording.path
        try:
            whole = decode_file(path)
            bandwidth_hz = _cutoff_hz(whole) or SAMPLE_RATE / 2
            part = _middle(whole.shape[1], excerpt_s)
            source = whole[:, part]
            cases = cut_cases(source, bandwidth_hz, SAMPLE_RATE)
            if not source.any() or not cases:
                warn(f"{path}: left out: nothing above the cut-offs")
                continue
            coded = _coded_cases(path, part, bandwidth_hz)
        except TrackError as exc:
            warn(f"{path}: left out: {exc}")
            continue
        yield Subject(recording.name, source, bandwidth_hz, (*cases, *coded))


def evaluate_model(
    subjects: Iterator[Subject] | Sequence[Subject], name: str, resolver: SuperResolver
) -> list[RestorationRow]:
    """Return the measures of a model and of both baselines; see `evaluate_restoration`."""
    methods: dict[str, Restore] = {
        LIMITED: left_as_it_is,
        REPLICATED: functools.partial(replicated, sample_rate=SAMPLE_RATE),
        name: functools.partial(restore, resolver=resolver),
    }
    return evaluate_restoration(subjects, methods, SAMPLE_RATE)


def restore(degraded: Stereo, cutoff_hz: float, resolver: SuperResolver) -> Stereo:
    """Return what a resolver makes of a recording, as of a single stem."""
    restored: Stereo = resolver.restore(degraded[None, None], cutoff_hz)[0, 0]
    return restored


def _coded_cases(path: Path, part: slice, bandwidth_hz: float) -> list[Case]:
    cases = []
    with temporary_folder() as folder:
        for codec, bitrate_kbps in CODED:
            copy = recode(path, folder, codec, bitrate_kbps, ffmpeg=find_ffmpeg())
            cutoff_hz = _cutoff_hz(copy)
            if cutoff_hz is not None and cutoff_hz + MIN_BAND_HZ <= bandwidth_hz:
                name = f"{codec} {bitrate_kbps} kbit/s"
                cases.append(Case(name, np.ascontiguousarray(copy[:, part]), cutoff_hz))
    return cases


def _middle(n_samples: int, duration_s: float) -> slice:
    length = int(duration_s * SAMPLE_RATE)
    start = max((n_samples - length) // 2, 0)
    return slice(start, min(start + length, n_samples))


def _cutoff_hz(samples: Stereo) -> float | None:
    cutoff = find_cutoff([samples], SAMPLE_RATE)
    return cutoff.hz if cutoff else None

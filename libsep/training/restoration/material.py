"""Full-band recordings of any folder, decoded once, and some of them through lossy encoders."""

import dataclasses
import fnmatch
import hashlib
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int16, Int64

from libsep.config import RestorationMaterialConfig
from libsep.datasets.audio_cache import FULL_SCALE, AudioCache, save_array
from libsep.errors import ConfigError, TrackError
from libsep.evaluation.restoration_run import find_recordings
from libsep.media.ffmpeg import find_ffmpeg
from libsep.media.recode import LossyCodec, recode
from libsep.restoration.cutoff import find_cutoff

logger = logging.getLogger(__name__)

Samples = Int16[np.ndarray, "2 _"]

BITRATES_KBPS = (96, 128, 160)
CODECS: tuple[LossyCodec, ...] = ("mp3", "aac")
QUIET = 0.001
"""Level (RMS, full scale 1) of a second below which nothing is learned from it."""

MIN_LOST_HZ = 1000.0
"""Width of the band that an encoder must have taken for its copy to be an example."""

PROGRESS_FILES = 50
"""Files between two words about them."""


@dataclasses.dataclass(frozen=True)
class Copy:
    """What an encoder left of a recording, aligned with it, and above what it left nothing."""

    samples: Samples
    cutoff_hz: float


@dataclasses.dataclass(frozen=True)
class Recording:
    """A recording that reaches up to ``bandwidth_hz``; ``seconds`` are those that are heard."""

    name: str
    samples: Samples
    bandwidth_hz: float
    seconds: Int64[np.ndarray, " n"]
    copy: Copy | None = None


def find_files(paths: Sequence[Path], exclude: Sequence[str] = ()) -> list[Path]:
    """Return the audio files below folders, and files that are named themselves, in order.

    Raises
    ------
    ConfigError
        A path does not exist, or there is no file at all.
    """
    files = [recording.path for recording in find_recordings(paths)]
    kept = [f for f in files if not any(fnmatch.fnmatch(f.name, pattern) for pattern in exclude)]
    if not kept:
        folders = ", ".join(map(str, paths))
        raise ConfigError(f"{folders}: no audio files, expected full-band music in any format")
    return kept


def load_recordings(
    files: Sequence[Path],
    cache: AudioCache,
    min_bandwidth_hz: float,
    say: Callable[[str], None] = logger.info,
) -> list[tuple[Path, Recording]]:
    """Return the recordings that are full-band and not silent, with their files.

    What cannot be decoded, ends below ``min_bandwidth_hz`` or is silent is left out, and ``say``
    is told how many.

    Raises
    ------
    ConfigError
        Nothing is left.
    """
    kept: list[tuple[Path, Recording]] = []
    n_narrow = n_broken = n_silent = 0
    for number, path in enumerate(files, start=1):
        if number % PROGRESS_FILES == 0:
            say(f"{number} of {len(files)} files decoded")
        try:
            samples = cache.samples(path)
        except ConfigError as exc:
            logger.warning("left out: %s", exc)
            n_broken += 1
            continue
        seconds = heard_seconds(samples, cache.sample_rate)
        bandwidth = bandwidth_hz(samples, cache.sample_rate)
        n_silent += not len(seconds)
        n_narrow += bool(len(seconds)) and bandwidth < min_bandwidth_hz
        if len(seconds) and bandwidth >= min_bandwidth_hz:
            kept.append((path, Recording(path.stem, samples, bandwidth, seconds)))
    heard_s = sum(len(recording.seconds) for _, recording in kept)
    say(
        f"{len(kept)} recordings, {heard_s / 60:.0f} min that are heard; left out: "
        f"{n_narrow} that end below {min_bandwidth_hz:g} Hz, {n_silent} silent, {n_broken} broken"
    )
    if not kept:
        raise ConfigError(
            f"none of {len(files)} files is full-band: {n_narrow} end below "
            f"{min_bandwidth_hz:g} Hz, {n_silent} are silent, {n_broken} cannot be decoded"
        )
    return kept


def with_copies(
    found: Sequence[tuple[Path, Recording]],
    cache: AudioCache,
    config: RestorationMaterialConfig,
    seed: int,
    say: Callable[[str], None] = logger.info,
) -> list[Recording]:
    """Return the recordings; some, chosen at random, with what a lossy encoder makes of them.

    Encoder and bit rate are chosen at random too. Copies are kept in the cache's folder.
    """
    rng = np.random.default_rng([seed, 1])
    suited = [
        index
        for index, (_, recording) in enumerate(found)
        if 2 <= recording.samples.shape[1] / cache.sample_rate <= config.max_coded_s
    ]
    chosen = set(rng.permutation(suited)[: config.n_coded].tolist())
    recordings = []
    for index, (path, recording) in enumerate(found):
        codec = CODECS[rng.integers(len(CODECS))]
        bitrate_kbps = int(rng.choice(BITRATES_KBPS))
        copy = None
        if index in chosen:
            copy = _copy(path, recording, cache, codec, bitrate_kbps)
        highest_hz = min(config.highest_cutoff_hz, recording.bandwidth_hz - MIN_LOST_HZ)
        if copy is not None and not config.lowest_cutoff_hz <= copy.cutoff_hz <= highest_hz:
            copy = None  # the encoder left everything, or the recording has nothing up there
        recordings.append(dataclasses.replace(recording, copy=copy))
    n_copies = sum(recording.copy is not None for recording in recordings)
    if chosen:
        say(f"{len(chosen)} of them were encoded; {n_copies} lost an upper band by it")
    return recordings


def heard_seconds(samples: Samples, sample_rate: int) -> Int64[np.ndarray, " n"]:
    """Return the numbers of the seconds that are not silent; a last part counts as one."""
    heard = []
    for number, start in enumerate(range(0, samples.shape[1], sample_rate)):
        part = samples[:, start : start + sample_rate].astype(np.float32) / FULL_SCALE
        if np.sqrt(np.square(part).mean()) > QUIET:
            heard.append(number)
    return np.array(heard, dtype=np.int64)


def bandwidth_hz(samples: Samples, sample_rate: int) -> float:
    """Return where a recording was cut off, or half the sample rate if it was not."""
    cutoff = find_cutoff([samples.astype(np.float32) / FULL_SCALE], sample_rate)
    return cutoff.hz if cutoff else sample_rate / 2


def _copy(
    path: Path, recording: Recording, cache: AudioCache, codec: LossyCodec, bitrate_kbps: int
) -> Copy | None:
    stat = path.stat()
    identity = f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}|{codec}|{bitrate_kbps}"
    cached = cache.folder / f"copy-{hashlib.sha256(os.fsencode(identity)).hexdigest()[:24]}.npy"
    if not cached.is_file():
        try:
            samples = recode(path, cache.folder, codec, bitrate_kbps, ffmpeg=find_ffmpeg())
        except TrackError as exc:
            logger.warning("not encoded: %s", exc)
            return None
        values = np.clip(np.rint(samples * FULL_SCALE), -FULL_SCALE, FULL_SCALE)
        save_array(cached, values.astype(np.int16))
    values = np.load(cached, mmap_mode="r")
    return Copy(values, bandwidth_hz(values, cache.sample_rate))

"""Decoded material on disk: every file is decoded once, and all processes share its pages."""

import contextlib
import hashlib
import logging
import os
from pathlib import Path

import numpy as np
from jaxtyping import Int16

from libsep.errors import ConfigError, TrackError, reason_of
from libsep.media.atomic import make_folder
from libsep.media.decode import decode_file
from libsep.units import amplitude_to_db

logger = logging.getLogger(__name__)

FULL_SCALE = 32767
"""The 16-bit value that stands for a sample of 1.0."""

MANY_CLIPPED = 1e-3
"""Share of samples beyond ±1.0 from which on it is said that they were clipped."""

EXTENSION = ".npy"
"""Of files that hold samples as this cache does; they are mapped where they lie."""


class AudioCache:
    """Samples of files as 16-bit arrays, mapped from a folder.

    Parameters
    ----------
    folder
        Where decoded files are kept; it is made if missing, and may be deleted at any time that
        no training runs.
    sample_rate
        Rate of the samples that come out, in Hz.

    Raises
    ------
    ConfigError
        The folder cannot be made.
    """

    def __init__(self, folder: Path, sample_rate: int) -> None:
        self.folder = folder
        self.sample_rate = sample_rate
        make_folder(folder)

    def samples(self, path: Path, stream: int = 0) -> Int16[np.ndarray, "2 T"]:
        """Return the stereo samples of an audio stream of a file; samples beyond ±1.0 are clipped.

        Raises
        ------
        ConfigError
            The file is missing or cannot be decoded: training data must be whole. Or the cache
            cannot be written.
        """
        if path.suffix == EXTENSION:
            return mapped(path)
        try:
            stat = path.stat()
        except OSError as exc:
            raise ConfigError(
                f"{path}: training material cannot be read: {reason_of(exc)}"
            ) from exc
        identity = f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}|{stream}|{self.sample_rate}"
        cached = self.folder / f"{hashlib.sha256(identity.encode()).hexdigest()[:24]}.npy"
        if not cached.is_file():
            self._decode(path, stream, cached)
        samples: np.ndarray = np.load(cached, mmap_mode="r")
        return samples

    def _decode(self, path: Path, stream: int, cached: Path) -> None:
        try:
            # A microphone that hears nothing of a stroke may give a file of a few samples.
            samples = decode_file(path, sample_rate=self.sample_rate, stream=stream, min_samples=1)
        except TrackError as exc:
            raise ConfigError(f"{path}: training material cannot be decoded: {exc}") from exc
        tell_clipped(str(path), samples)
        values = np.clip(np.rint(samples * FULL_SCALE), -FULL_SCALE, FULL_SCALE)
        save_array(cached, values.astype(np.int16))


def tell_clipped(name: str, samples: np.ndarray) -> None:
    """Log a warning if many samples lie above full scale, where 16 bits end.

    Parameters
    ----------
    name
        What they are.
    samples
        Of any shape, full scale ±1.0.
    """
    clipped = float((np.abs(samples) > 1).mean()) if samples.size else 0.0
    if clipped > MANY_CLIPPED:
        logger.warning(
            "%s: %.1f %% of its samples are above full scale and are clipped; all files of the "
            "song %.1f dB quieter would avoid it",
            name,
            100 * clipped,
            amplitude_to_db(float(np.abs(samples).max())),
        )


def save_array(path: Path, values: np.ndarray) -> None:
    """Write an array as ``numpy.save`` does, whole or not at all.

    Raises
    ------
    ConfigError
        It cannot be written.
    """
    partial = path.with_suffix(f".{os.getpid()}.partial")
    make_folder(path.parent)
    try:
        with partial.open("wb") as file:
            np.save(file, values)
        partial.replace(path)
    except OSError as exc:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise ConfigError(f"{path}: cannot be written (disk full?): {reason_of(exc)}") from exc


def mapped(path: Path) -> Int16[np.ndarray, "2 T"]:
    """Return 16-bit stereo samples that are mapped from a file as ``numpy.save`` writes it.

    Raises
    ------
    ConfigError
        The file is missing, damaged, or holds something else.
    """
    try:
        samples: np.ndarray = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError) as exc:
        raise ConfigError(f"{path}: training material cannot be read: {reason_of(exc)}") from exc
    if samples.dtype != np.int16 or samples.ndim != 2 or len(samples) != 2 or not samples.size:
        raise ConfigError(
            f"{path}: {samples.dtype} of shape {samples.shape}, expected int16 of shape (2, T)"
        )
    return samples

"""Stem files of known signals."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from libsep.media.encode import StemEncoder
from libsep.media.stems import finalise


@pytest.fixture
def noise(rng: np.random.Generator) -> np.ndarray:
    """Return 2 s of stereo noise ``(2, T)`` of 16 bits, so that each place is unlike any other."""
    return np.round(3000 * rng.standard_normal((2, 2 * 44100))) / 32768


@pytest.fixture(scope="session")
def sources() -> np.ndarray:
    """Return a mixture and four stems ``(5, 2, T)`` of 1.7 s, which is no whole number of frames.

    The stems are noise under different slow envelopes: no two correlate, and each has one place
    at which it fits itself.
    """
    rng = np.random.default_rng(20261120)
    n_samples = 74971
    time_s = np.arange(n_samples) / 44100
    envelopes = np.stack([np.sin(np.pi * (index + 1) * time_s) ** 2 for index in range(4)])
    stems = 0.1 * rng.standard_normal((4, 2, n_samples))
    stems[..., 1:] += 0.9 * stems[..., :-1]
    stems *= envelopes[:, None]
    return np.concatenate([stems.sum(axis=0)[None], stems]).astype(np.float32)


def write_stem_file(path: Path, sources: np.ndarray, ffmpeg: Path, **options: object) -> Path:
    """Encode and finalise sources ``(5, 2, T)``, in blocks of half a second."""
    encoded = path.with_name(f"{path.name}.encoded")
    with StemEncoder(encoded, ffmpeg=ffmpeg, **options) as encoder:
        for start in range(0, sources.shape[2], 22050):
            block = sources[..., start : start + 22050]
            encoder.write(block[0], block[1:])
        encoder.close()
    finalise(encoded, path)
    return path


@pytest.fixture(scope="session")
def aac_stem(tmp_path_factory: pytest.TempPathFactory, sources: np.ndarray, ffmpeg: Path) -> Path:
    """Return a finished stem file in AAC; tests copy it before they change it."""
    path = tmp_path_factory.mktemp("aac") / "track.stem.mp4"
    return write_stem_file(path, sources, ffmpeg)


@pytest.fixture(scope="session")
def alac_stem(tmp_path_factory: pytest.TempPathFactory, sources: np.ndarray, ffmpeg: Path) -> Path:
    """Return a finished stem file in ALAC; tests copy it before they change it."""
    path = tmp_path_factory.mktemp("alac") / "track.stem.mp4"
    return write_stem_file(path, sources, ffmpeg, codec="alac")


@pytest.fixture
def make_stem_file(ffmpeg: Path, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that makes a stem file of sources ``(5, 2, T)``."""

    def make(sources: np.ndarray, **options: object) -> Path:
        return write_stem_file(tmp_path / "made.stem.mp4", sources, ffmpeg, **options)

    return make

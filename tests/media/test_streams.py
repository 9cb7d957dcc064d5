"""Stretches of all streams of a stem file, cut out without decoding the rest."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from libsep.errors import DecodeError
from libsep.media.decode import decode_file
from libsep.media.streams import decode_streams

from .conftest import write_stem_file

N_SAMPLES = 200_001


@pytest.fixture(scope="module", params=["aac", "alac"])
def long_stem(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, ffmpeg: Path
) -> Path:
    rng = np.random.default_rng(20261128)
    sources = (0.1 * rng.standard_normal((5, 2, N_SAMPLES))).astype(np.float32)
    path = tmp_path_factory.mktemp("long") / "long.stem.mp4"
    return write_stem_file(path, sources, ffmpeg, codec=request.param)


def stretch(path: Path, ffmpeg: Path, start: int, count: int, block: int = 1 << 20) -> np.ndarray:
    blocks = decode_streams(
        path,
        ffmpeg=ffmpeg,
        n_streams=5,
        sample_rate=44100,
        start_samples=start,
        n_samples=count,
        block_samples=block,
    )
    return np.concatenate(list(blocks), axis=2)


def test_a_stretch_is_bit_for_bit_what_decoding_from_the_start_gives(
    long_stem: Path, ffmpeg: Path
) -> None:
    whole = np.stack([decode_file(long_stem, stream=index) for index in range(5)])
    assert whole.shape == (5, 2, N_SAMPLES)
    for start in (0, 1, 1024, 2112, 44100, 100_003, 131_072, 180_000):
        found = stretch(long_stem, ffmpeg, start, 20_001)
        np.testing.assert_array_equal(found, whole[:, :, start : start + 20_001], str(start))


def test_how_a_stretch_is_cut_into_blocks_changes_nothing(long_stem: Path, ffmpeg: Path) -> None:
    whole = stretch(long_stem, ffmpeg, 50_000, 60_000)
    np.testing.assert_array_equal(stretch(long_stem, ffmpeg, 50_000, 60_000, 7_001), whole)


def test_behind_the_end_is_silence(long_stem: Path, ffmpeg: Path) -> None:
    found = stretch(long_stem, ffmpeg, N_SAMPLES - 1000, 5000)
    assert np.abs(found[:, :, :1000]).max() > 0.1
    assert not found[:, :, 1000:].any()


def test_a_file_without_audio_is_an_error(long_stem: Path, ffmpeg: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.stem.mp4"
    shutil.copy(long_stem, path)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(DecodeError, match="ffmpeg ended"):
        stretch(path, ffmpeg, 0, 1000)

"""A few seconds out of the middle of a track."""

from pathlib import Path

import numpy as np
import pytest

from libsep.errors import DecodeError
from libsep.media.excerpt import decode_excerpt

from ..conftest import SAMPLE_RATE, Encode, tone


@pytest.fixture
def changing() -> np.ndarray:
    """Return three seconds, each of another frequency."""
    return np.concatenate([tone(hertz, 1.0) for hertz in (440, 1000, 3000)], axis=1)


def loudest_hz(samples: np.ndarray, sample_rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples[0] * np.hanning(samples.shape[1])))
    return float(spectrum.argmax() * sample_rate / samples.shape[1])


@pytest.mark.parametrize("name", ["a.flac", "a.mp3", "a.m4a", "a.ogg"])
def test_it_begins_where_it_should(
    encode: Encode, ffmpeg: Path, changing: np.ndarray, name: str
) -> None:
    samples = decode_excerpt(
        encode(name, changing), start_s=1.2, n_samples=11025, sample_rate=22050, ffmpeg=ffmpeg
    )
    assert samples.shape == (2, 11025)
    assert samples.dtype == np.float32
    assert loudest_hz(samples, 22050) == pytest.approx(1000, abs=5)


def test_a_track_that_ends_gives_fewer_samples_and_none_behind_its_end(
    encode: Encode, ffmpeg: Path, changing: np.ndarray
) -> None:
    path = encode("a.flac", changing)
    options = {"n_samples": SAMPLE_RATE, "sample_rate": SAMPLE_RATE, "ffmpeg": ffmpeg}
    last = decode_excerpt(path, start_s=2.5, **options)
    np.testing.assert_allclose(last[0], changing[0, -SAMPLE_RATE // 2 :], atol=1e-4)
    assert decode_excerpt(path, start_s=9.0, **options).shape == (2, 0)


def test_mono_has_two_equal_channels(encode: Encode, ffmpeg: Path, changing: np.ndarray) -> None:
    path = encode("a.wav", changing[:1])
    samples = decode_excerpt(
        path, start_s=0.0, n_samples=1000, sample_rate=SAMPLE_RATE, ffmpeg=ffmpeg
    )
    np.testing.assert_array_equal(samples[0], samples[1])
    assert samples.any()


def test_what_is_no_audio_is_an_error(tmp_path: Path, ffmpeg: Path) -> None:
    (tmp_path / "a.mp3").write_text("no music\n" * 100)
    with pytest.raises(DecodeError, match="ffmpeg ended with code"):
        decode_excerpt(
            tmp_path / "a.mp3", start_s=0.0, n_samples=10, sample_rate=22050, ffmpeg=ffmpeg
        )

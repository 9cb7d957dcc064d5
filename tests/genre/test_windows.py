"""The three windows of a track: where they lie, and that both ways to them give the same."""

from pathlib import Path

import numpy as np
import pytest

from libsep.errors import DecodeError
from libsep.genre.windows import (
    SAMPLE_RATE,
    WINDOW_SAMPLES,
    cut_windows,
    read_windows,
    window_starts_s,
)

from ..conftest import Encode, tone


def test_windows_lie_around_the_quarters_and_never_outside() -> None:
    assert window_starts_s(200.0) == (45.0, 95.0, 145.0)
    assert window_starts_s(12.0) == (0.0, 1.0, 2.0)
    assert window_starts_s(4.0) == (0.0, 0.0, 0.0)


def test_a_decoded_track_and_its_file_have_the_same_windows(encode: Encode, ffmpeg: Path) -> None:
    rng = np.random.default_rng(1)
    steps = np.repeat(rng.uniform(200, 4000, 24), 44100)  # another pitch every second
    samples = np.tile(0.3 * np.sin(2 * np.pi * np.cumsum(steps) / 44100), (2, 1))
    samples = samples.astype(np.float32)
    cut = cut_windows(samples, 44100)
    read = read_windows(encode("a.flac", samples), ffmpeg=ffmpeg, duration_s=24.0)
    assert cut.shape == read.shape == (3, 2, WINDOW_SAMPLES)
    inner = slice(100, -100)  # at its edges, one filter sees the next second and one does not
    error = cut[..., inner] - read[..., inner]
    assert np.sqrt(np.mean(error**2)) < 0.02 * np.sqrt(np.mean(read**2))


def test_what_is_above_the_new_band_does_not_come_back_as_something_else() -> None:
    high = cut_windows(tone(13_000, 11.0).astype(np.float32), 44100)
    low = cut_windows(tone(8_000, 11.0).astype(np.float32), 44100)
    assert np.abs(high[:, :, 200:-200]).max() < 1e-3 * np.abs(low).max()
    assert np.abs(low[:, :, 200:-200]).max() == pytest.approx(0.3, rel=0.01)


def test_a_short_track_is_repeated(encode: Encode, ffmpeg: Path) -> None:
    samples = tone(500, 2.0).astype(np.float32)
    windows = cut_windows(samples, 44100)
    assert windows.shape == (3, 2, WINDOW_SAMPLES)
    np.testing.assert_array_equal(windows[0, :, :SAMPLE_RATE], windows[0, :, 2 * SAMPLE_RATE :][
        :, :SAMPLE_RATE
    ])  # fmt: skip
    read = read_windows(encode("a.wav", samples), ffmpeg=ffmpeg)
    assert read.shape == windows.shape
    assert read[0, 0, 5 * SAMPLE_RATE :].any()


def test_a_header_that_promises_too_much_is_forgiven(encode: Encode, ffmpeg: Path) -> None:
    path = encode("a.flac", tone(500, 30.0))
    windows = read_windows(path, ffmpeg=ffmpeg, duration_s=60.0)
    assert [bool(window.any()) for window in windows] == [True, True, True]
    with pytest.raises(DecodeError, match="no audio where it was looked for"):
        read_windows(path, ffmpeg=ffmpeg, duration_s=6000.0)


@pytest.mark.parametrize(("n_samples", "rate"), [(48000, 48000), (44100, 16000), (0, 44100)])
def test_a_rate_that_is_no_multiple_and_no_samples_are_refused(n_samples: int, rate: int) -> None:
    with pytest.raises(ValueError, match="samples at"):
        cut_windows(np.zeros((2, n_samples), np.float32), rate)

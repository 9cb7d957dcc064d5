"""The three windows of a track: where they lie, and what is read there."""

from pathlib import Path

import numpy as np
import pytest
import scipy.signal

from libsep.errors import DecodeError
from libsep.genre.windows import PLACES, Window, read_windows

from ..conftest import Encode, tone

TEN_S = Window(22050, 220500)
SIX_S = Window(16000, 96000)


def test_windows_lie_around_the_quarters_and_never_outside() -> None:
    assert TEN_S.starts_s(200.0) == (45.0, 95.0, 145.0)
    assert SIX_S.starts_s(200.0) == (47.0, 97.0, 147.0)
    assert TEN_S.starts_s(12.0) == (0.0, 1.0, 2.0)
    assert TEN_S.starts_s(4.0) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("window", [TEN_S, SIX_S])
def test_windows_are_what_another_resampler_makes_of_the_same_place(
    encode: Encode, ffmpeg: Path, window: Window
) -> None:
    rng = np.random.default_rng(1)
    steps = np.repeat(rng.uniform(200, 4000, 24), 44100)  # another pitch every second
    samples = np.tile(0.3 * np.sin(2 * np.pi * np.cumsum(steps) / 44100), (2, 1))
    read = read_windows(
        encode("a.flac", samples.astype(np.float32)), ffmpeg=ffmpeg, window=window, duration_s=24.0
    )
    assert read.shape == (len(PLACES), 2, window.n_samples)
    up, down = (rate // np.gcd(window.sample_rate, 44100) for rate in (window.sample_rate, 44100))
    whole = scipy.signal.resample_poly(samples, up, down, axis=1)
    inner = slice(300, -300)  # at its edges, one filter sees the next second and one does not
    for cut, start_s in zip(read, window.starts_s(24.0), strict=True):
        start = round(start_s * window.sample_rate)
        error = (cut - whole[:, start : start + window.n_samples])[:, inner]
        assert np.sqrt(np.mean(error**2)) < 0.02 * np.sqrt(np.mean(cut**2))


def test_a_short_track_is_repeated(encode: Encode, ffmpeg: Path) -> None:
    samples = tone(500, 2.0).astype(np.float32)
    read = read_windows(encode("a.wav", samples), ffmpeg=ffmpeg, window=TEN_S)
    assert read.shape == (3, 2, TEN_S.n_samples)
    once = read[0, :, : 2 * TEN_S.sample_rate]
    np.testing.assert_array_equal(once, read[0, :, 2 * TEN_S.sample_rate :][:, : once.shape[1]])
    assert read[0, 0, 5 * TEN_S.sample_rate :].any()


def test_a_header_that_promises_too_much_is_forgiven(encode: Encode, ffmpeg: Path) -> None:
    path = encode("a.flac", tone(500, 30.0))
    windows = read_windows(path, ffmpeg=ffmpeg, window=TEN_S, duration_s=60.0)
    assert [bool(window.any()) for window in windows] == [True, True, True]
    with pytest.raises(DecodeError, match="no audio where it was looked for"):
        read_windows(path, ffmpeg=ffmpeg, window=TEN_S, duration_s=6000.0)

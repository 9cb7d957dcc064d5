"""Where a recording was cut off: on real encodes, on what is dark by nature, on what is neither."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from libsep.media.decode import decode_file
from libsep.restoration.cutoff import Cutoff, CutoffMeter, find_cutoff

RATE = 44100
SECONDS = 13


def noise(rng: np.random.Generator, seconds: float, slope_db: float) -> np.ndarray:
    """Return stereo noise whose spectrum falls by so many dB per octave."""
    n_samples = int(seconds * RATE)
    spectrum = np.fft.rfft(rng.standard_normal((2, n_samples)))
    hertz = np.fft.rfftfreq(n_samples, 1 / RATE).clip(20)
    signal = np.fft.irfft(spectrum * (hertz / 1000) ** (-slope_db / 6.02), n_samples)
    return (0.1 * signal / signal.std()).astype(np.float32)


def brick_wall(signal: np.ndarray, hertz: float) -> np.ndarray:
    """Return a signal without anything above a frequency."""
    spectrum = np.fft.rfft(signal)
    spectrum[:, np.fft.rfftfreq(signal.shape[1], 1 / RATE) > hertz] = 0
    return np.fft.irfft(spectrum, signal.shape[1]).astype(np.float32)


def found(signal: np.ndarray, block_samples: int = 100_000) -> Cutoff | None:
    starts = range(0, signal.shape[1], block_samples)
    return find_cutoff((signal[:, i : i + block_samples] for i in starts), RATE)


@pytest.fixture(scope="module")
def music() -> np.ndarray:
    """Return chords and hits of noise on top of a hiss, up to 22 kHz."""
    rng = np.random.default_rng(20261120)
    time_s = np.arange(SECONDS * RATE) / RATE
    roots = np.repeat(np.array([110, 98, 131, 147]), len(time_s) // 4 + 1)[: len(time_s)]
    chord = sum(
        np.sin(2 * np.pi * np.cumsum(roots * ratio * k) / RATE) / k
        for ratio in (1, 1.26, 1.5)
        for k in range(1, 9)
    )
    hits = np.exp(-12 * (time_s % 0.5)) * (0.5 + 0.5 * (time_s % 2 > 1))
    return (0.03 * chord + hits * noise(rng, SECONDS, 2.0) + 0.1 * noise(rng, SECONDS, 4.5)).astype(
        np.float32
    )


@pytest.mark.parametrize(
    ("name", "options", "lowest_hz", "highest_hz"),
    [
        ("a.mp3", ("-b:a", "96k"), 14_700, 15_500),
        ("b.mp3", ("-b:a", "128k"), 16_000, 17_100),
        ("c.mp3", ("-b:a", "192k"), 18_500, 19_100),
        ("d.mp3", ("-b:a", "320k"), 19_900, 20_600),
        ("e.m4a", ("-b:a", "96k", "-cutoff", "15000"), 14_500, 17_000),  # hits reach further
        ("f.m4a", ("-b:a", "128k"), 15_000, 18_500),  # each version of ffmpeg has its own idea
        ("g.opus", ("-c:a", "libopus", "-b:a", "96k"), 19_800, 20_200),
        ("h.ogg", ("-c:a", "libvorbis", "-q:a", "2"), 15_900, 17_000),
        ("i.flac", ("-ar", "22050"), 10_200, 11_025),
        ("j.wav", ("-ar", "32000"), 15_000, 16_000),
    ],
)
def test_the_cut_of_a_real_encoder_or_resampler_is_found(
    encode: Callable[..., Path],
    music: np.ndarray,
    name: str,
    options: tuple[str, ...],
    lowest_hz: float,
    highest_hz: float,
) -> None:
    cut = found(decode_file(encode(name, music, *options)))
    assert cut is not None
    assert lowest_hz <= cut.hz <= highest_hz, cut
    assert cut.confidence > 0.7


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("full.flac", ()),
        ("full.wav", ("-ar", "48000")),
        ("full.mp3", ("-q:a", "0", "-cutoff", "22050")),
        ("full.m4a", ("-b:a", "256k", "-cutoff", "22000")),
    ],
)
def test_what_was_not_cut_is_left_alone_whatever_wrapped_it(
    encode: Callable[..., Path], music: np.ndarray, name: str, options: tuple[str, ...]
) -> None:
    assert found(decode_file(encode(name, music, *options))) is None


@pytest.mark.parametrize("slope_db", [3.0, 9.0, 18.0])
def test_a_recording_that_is_dark_by_nature_has_no_cut(
    rng: np.random.Generator, slope_db: float
) -> None:
    assert found(noise(rng, 6, slope_db)) is None


@pytest.mark.parametrize(("slope_db", "corner_hz"), [(6, 2000), (12, 6000), (24, 4000)])
def test_a_gentle_filter_is_no_cut(
    encode: Callable[..., Path], music: np.ndarray, slope_db: int, corner_hz: int
) -> None:
    poles = [f"lowpass=f={corner_hz}:p={min(slope_db // 6, 2)}"] * max(slope_db // 12, 1)
    path = encode("dark.wav", music[:, : 6 * RATE], "-af", ",".join(poles))
    assert found(decode_file(path)) is None


@pytest.mark.parametrize("hertz", [4000, 11_025, 16_000, 20_000])
def test_a_brick_wall_is_found_to_a_hundred_hertz(music: np.ndarray, hertz: float) -> None:
    cut = found(brick_wall(music, hertz))
    assert cut is not None
    assert cut.hz == pytest.approx(hertz, abs=100)
    assert cut.confidence == 1


def test_a_quiet_and_a_mono_track_are_cut_where_the_loud_one_is(music: np.ndarray) -> None:
    expected = found(brick_wall(music, 16_000))
    assert expected is not None
    for signal in (1e-3 * music, music * np.array([[1], [0]]), np.tile(music[:1], (2, 1))):
        cut = found(brick_wall(signal.astype(np.float32), 16_000))
        assert cut is not None
        assert cut.hz == pytest.approx(expected.hz, abs=100)


def test_the_cut_of_sparse_music_is_found_in_its_few_hits(rng: np.random.Generator) -> None:
    time_s = np.arange(40 * RATE) / RATE
    hits = np.exp(-15 * (time_s % 8)) * noise(rng, 40, 3.0)
    piano = 0.1 * np.sin(2 * np.pi * 440 * time_s) * np.exp(-(time_s % 2))
    cut = found(brick_wall((hits + piano).astype(np.float32), 16_000))
    assert cut is not None
    assert cut.hz == pytest.approx(16_000, abs=100)
    assert cut.confidence > 0.5


def test_a_whistle_is_no_cut_and_hides_none(rng: np.random.Generator) -> None:
    time_s = np.arange(8 * RATE) / RATE
    whistle = 0.01 * np.sin(2 * np.pi * 15_625 * time_s).astype(np.float32)
    assert found(noise(rng, 8, 9.0) + whistle) is None
    pilot = 0.01 * np.sin(2 * np.pi * 19_000 * time_s).astype(np.float32)
    cut = found(brick_wall(noise(rng, 8, 6.0), 15_000) + pilot)
    assert cut is not None
    assert cut.hz == pytest.approx(15_000, abs=100)


def test_a_mix_of_cut_and_whole_music_is_not_cut(music: np.ndarray) -> None:
    assert found(np.concatenate([brick_wall(music, 16_000), music], axis=1)) is None


def test_an_edge_that_moves_with_the_music_is_not_sure(rng: np.random.Generator) -> None:
    steps = [brick_wall(noise(rng, 12, 3.0), hertz) for hertz in (4000, 5000, 6000, 8000, 10_000)]
    cut = found(np.concatenate(steps, axis=1))
    assert cut is None or cut.confidence < 0.5


def test_a_shelf_of_codec_noise_above_a_cut_does_not_hide_it(
    encode: Callable[..., Path], music: np.ndarray
) -> None:
    low = brick_wall(0.3 * music, 15_500)
    cut = found(decode_file(encode("twice.opus", low, "-c:a", "libopus", "-b:a", "64k")))
    assert cut is not None
    assert cut.hz == pytest.approx(15_500, abs=300)


@pytest.mark.parametrize("n_samples", [0, 1, 4095, 4096, 3 * RATE])
def test_silence_has_no_cut(n_samples: int) -> None:
    assert found(np.zeros((2, n_samples), np.float32)) is None


def test_noise_of_rounding_alone_is_no_music(rng: np.random.Generator) -> None:
    dither = rng.uniform(-1, 1, (2, 6 * RATE)) / 32768
    assert found((np.rint(32767 * dither) / 32768).astype(np.float32)) is None


@pytest.mark.parametrize("block_samples", [999, 524_288, 10_000_000])
def test_the_answer_does_not_depend_on_how_the_track_is_cut(
    music: np.ndarray, block_samples: int
) -> None:
    signal = brick_wall(music, 16_000)
    assert found(signal, block_samples) == found(signal, 100_000)


def test_blocks_pass_through_untouched(music: np.ndarray) -> None:
    meter = CutoffMeter(RATE)
    signal = brick_wall(music, 16_000)
    passed = list(meter.watching(np.array_split(signal, 5, axis=1)))
    np.testing.assert_array_equal(np.concatenate(passed, axis=1), signal)
    assert meter.cutoff() == found(signal)


def test_offset_and_minutes_of_noise_around_a_track_hide_no_cut(rng: np.random.Generator) -> None:
    hits = np.arange(SECONDS * RATE) % (2 * RATE) < RATE // 8
    cut = brick_wall(noise(rng, SECONDS, 24.0) + 0.1 * hits * noise(rng, SECONDS, 3.0), 16_000)
    expected = found(cut)
    assert expected is not None
    steps = rng.integers(-1, 2, (2, 6 * cut.shape[1])).astype(np.float32) / 32768
    assert found(np.concatenate([cut, steps], axis=1)) == expected
    assert found(np.float32(0.001) * cut + np.float32(0.5)) == found(np.float32(0.001) * cut)

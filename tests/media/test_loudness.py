import math
import re
import subprocess
from itertools import pairwise
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from libsep.media.loudness import KWeighting, LoudnessMeter, StemMeter, k_weighting_sections

SAMPLE_RATE = 44100


def loudness(signal: np.ndarray, sample_rate: int = SAMPLE_RATE) -> float:
    meter = LoudnessMeter(sample_rate)
    meter.add(signal.astype(np.float32))
    return meter.integrated_lufs()


def tone(frequency_hz: float, duration_s: float, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    time_s = np.arange(round(duration_s * sample_rate)) / sample_rate
    return np.sin(2 * np.pi * frequency_hz * time_s)


def passage(rng: np.random.Generator, duration_s: float, level: float) -> np.ndarray:
    """Return stereo noise with much bass, at this level."""
    white = rng.normal(size=(2, round(duration_s * SAMPLE_RATE)))
    return level * scipy.signal.lfilter([1], [1, -0.97], white)


def test_coefficients_at_48_khz_are_those_of_the_standard() -> None:
    (shelf, shelf_below), (high, high_below) = k_weighting_sections(48000)
    np.testing.assert_allclose(shelf, [1.53512485958697, -2.69169618940638, 1.19839281085285])
    np.testing.assert_allclose(shelf_below, [1, -1.69065929318241, 0.73248077421585])
    np.testing.assert_allclose(high, [1, -2, 1])
    np.testing.assert_allclose(high_below, [1, -1.99004745483398, 0.99007225036621])


@pytest.mark.parametrize("sample_rate", [32000, 44100, 48000, 96000])
def test_a_full_scale_tone_in_one_channel_reads_what_the_standard_says(sample_rate: int) -> None:
    left = tone(997, 5, sample_rate)
    assert loudness(np.stack([left, 0 * left]), sample_rate) == pytest.approx(-3.01, abs=0.02)


@pytest.mark.parametrize("rumble", [0.0, 0.9])
@pytest.mark.parametrize("offset", [0.0, 0.5])
def test_rows_are_filtered_as_a_recursion_over_samples_does(rumble: float, offset: float) -> None:
    signal = 1e-3 * tone(1000, 2) + rumble * tone(8, 2) + offset
    signal = signal.astype(np.float32)[None]
    weighting = KWeighting(SAMPLE_RATE)
    parts = np.split(signal, [weighting.row_samples * 700], axis=-1)
    found = np.concatenate([weighting.energies(part) for part in parts], axis=-1)
    filtered = signal.astype(np.float64)
    for b, a in k_weighting_sections(SAMPLE_RATE):
        filtered = scipy.signal.lfilter(b, a, filtered)
    expected = np.square(filtered).reshape(1, -1, weighting.row_samples).sum(axis=-1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-8)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 3 * SAMPLE_RATE), max_size=8))
def test_loudness_does_not_depend_on_how_the_stream_is_cut(cuts: list[int]) -> None:
    signal = passage(np.random.default_rng(1), 3, 0.02).astype(np.float32)
    meter = LoudnessMeter(SAMPLE_RATE)
    for start, end in pairwise([0, *sorted(cuts), signal.shape[-1]]):
        meter.add(signal[:, start:end])
    assert meter.integrated_lufs() == pytest.approx(loudness(signal), abs=1e-5)


def test_quiet_passages_are_gated_out(rng: np.random.Generator) -> None:
    loud, quiet = passage(rng, 6, 0.05), passage(rng, 30, 0.0005)
    whole = loudness(np.concatenate([loud, quiet], axis=-1))
    assert whole == pytest.approx(loudness(loud), abs=0.3)


@pytest.mark.parametrize("duration_s", [0, 0.3, 10])
def test_silence_has_no_loudness(duration_s: float) -> None:
    assert loudness(np.zeros((2, round(duration_s * SAMPLE_RATE)))) == -math.inf


def test_shorter_than_a_gating_block_has_no_loudness(rng: np.random.Generator) -> None:
    assert loudness(passage(rng, 0.399, 0.1)) == -math.inf
    assert loudness(passage(rng, 0.4, 0.1)) > -40


@pytest.mark.parametrize("level", [0.001, 0.05])
def test_ffmpeg_agrees(rng: np.random.Generator, tmp_path: Path, level: float) -> None:
    parts = [passage(rng, 5, level), passage(rng, 7, level / 50), passage(rng, 4.2, level / 3)]
    signal = np.concatenate(parts, axis=-1).astype(np.float32)
    raw = tmp_path / "signal.f32"
    raw.write_bytes(signal.T.tobytes())
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-f", "f32le", "-ar", "44100"]
    command += ["-ac", "2", "-i", str(raw), "-af", "ebur128", "-f", "null", "-"]
    log = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    expected = float(re.findall(r"I:\s+(-?[\d.]+) LUFS", log)[-1])
    assert loudness(signal) == pytest.approx(expected, abs=0.1)


def test_a_stem_meter_reads_every_stream(rng: np.random.Generator) -> None:
    drums, bass = passage(rng, 3, 0.02), passage(rng, 3, 0.01)
    drums[0, 1000] = -2.0
    stems = np.stack([drums, bass, 0 * bass]).astype(np.float32)
    mixture = (drums + bass + 0.001).astype(np.float32)
    meter = StemMeter(("drums", "bass", "vocals"), SAMPLE_RATE)
    for start in range(0, 3 * SAMPLE_RATE, 40000):
        meter.add(mixture[:, start : start + 40000], stems[..., start : start + 40000])
    lufs = meter.loudness_lufs()
    assert list(lufs) == ["mixture", "drums", "bass", "vocals"]
    assert lufs["drums"] == pytest.approx(loudness(drums), abs=1e-4)
    assert lufs["mixture"] == pytest.approx(loudness(mixture), abs=1e-4)
    assert lufs["vocals"] == -math.inf
    assert meter.peak_db() == pytest.approx(20 * math.log10(np.abs(stems).max()), abs=1e-4)
    assert meter.null_db() == pytest.approx(-60, abs=0.01)


def test_a_stem_meter_without_samples_reads_silence() -> None:
    meter = StemMeter(("drums",), SAMPLE_RATE)
    assert meter.loudness_lufs() == {"mixture": -math.inf, "drums": -math.inf}
    assert meter.peak_db() == -math.inf
    assert meter.null_db() == -math.inf


def test_samples_of_the_mixture_at_full_scale_are_counted_in_both_channels() -> None:
    mixture = np.full((2, 4410), 0.5, np.float32)
    mixture[0, :3] = 32767 / 32768  # a clipped master in 16 bits
    mixture[1, 7] = -1.0
    mixture[1, 9] = 32766 / 32768
    stems = np.full((1, 2, 4410), 1.5, np.float32)
    meter = StemMeter(("other",), SAMPLE_RATE)
    meter.add(mixture, stems)
    meter.add(0.9 * mixture, stems)
    assert meter.clipped_samples() == 4


@pytest.mark.parametrize("gain_db", [-6.0, -0.3, -24.0])
def test_a_gain_does_not_hide_that_the_track_was_clipped(gain_db: float) -> None:
    gain = np.float32(10 ** (gain_db / 20))
    mixture = np.full((2, 4410), 32766 / 32768, np.float32)
    mixture[:, 1000:1002] = [[32767 / 32768, 1.0], [-1.0, -1.1]]
    meter = StemMeter(("other",), SAMPLE_RATE, float(gain))
    meter.add(gain * mixture, gain * mixture[None])
    assert meter.clipped_samples() == 4

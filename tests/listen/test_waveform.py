"""Waveforms, and how loud mixes are without hearing them."""

import json
from pathlib import Path

import numpy as np
import pytest

from libsep.listen.server import ListenServer
from libsep.listen.waveform import bin_samples, columns, energies, waveform
from libsep.media.loudness import LoudnessMeter
from libsep.media.sheet import read_sheet

from .conftest import N_SAMPLES
from .test_server import get


def test_columns_hold_the_peak_and_the_rms() -> None:
    block = np.zeros((2, 2, 1000), np.float32)
    block[0, 0, :100] = 0.5
    block[1, :, 300:] = -1.5
    peaks, levels = columns(block, 300)
    assert peaks.tolist() == [[128, 0, 0, 0], [0, 255, 255, 255]]
    assert levels[0].tolist() == [round(255 * 0.5 * (100 / 600) ** 0.5), 0, 0, 0]


def test_the_whole_track_is_drawn_in_order(server: ListenServer, samples: np.ndarray) -> None:
    parts = [json.loads(line) for line in get(server, "tracks/0/waveform").splitlines()]
    assert len(parts) > 1
    per_bin = bin_samples(N_SAMPLES)
    peaks = np.concatenate([part["peaks"] for part in parts], axis=1)
    assert [part["bins"] for part in parts][1] == len(parts[0]["peaks"][0])
    starts = np.arange(0, N_SAMPLES, per_bin)
    expected = np.maximum.reduceat(np.abs(samples).max(axis=1), starts, axis=1)
    assert peaks.shape == expected.shape
    assert np.abs(peaks - expected.clip(max=1) * 255).max() <= 0.5


@pytest.mark.parametrize("n_samples", [256, 10_000_000, 44100 * 36000])
def test_a_waveform_does_not_grow_with_the_track(n_samples: int) -> None:
    assert -(-n_samples // bin_samples(n_samples)) <= 16384


@pytest.mark.parametrize("sample_rate", [44100, 48000])
def test_energies_are_those_of_the_loudness_of_a_steady_sound(sample_rate: int) -> None:
    rng = np.random.default_rng(1)
    block = (0.1 * rng.standard_normal((1, 2, 10 * sample_rate))).astype(np.float32)
    meter = LoudnessMeter(sample_rate)
    meter.add(block[0])
    energy = energies(block, sample_rate)[0, 0] / block.shape[2]
    assert -0.691 + 10 * np.log10(energy) == pytest.approx(meter.integrated_lufs(), abs=0.02)


def test_energies_of_any_mix_follow_from_the_matrix(shelf_folder: Path, ffmpeg: Path) -> None:
    sheet = read_sheet(shelf_folder / "First.stem.mp4")
    *_, last = waveform(sheet, ffmpeg=ffmpeg)
    matrix = np.array(last["energies"])
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-5)
    everything = np.array([0, 1, 1, 1, 1])
    # the mixture is the sum of the stems, 3 dB quieter
    ratio_db = 10 * np.log10(everything @ matrix @ everything / matrix[0, 0])
    assert ratio_db == pytest.approx(3, abs=0.01)

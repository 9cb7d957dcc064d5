"""A missing band becomes copies of the octave below, at the level that goes on falling."""

import math

import pytest
import torch

from libsep.dsp.replication import first_missing_bin, replicate, slope_db
from libsep.dsp.stft import istft, stft


def test_the_first_bin_is_the_first_at_or_above_the_frequency() -> None:
    assert first_missing_bin(1000.0, 0.0, 8000, 64) == 8
    assert first_missing_bin(1001.0, 0.0, 8000, 64) == 9
    assert first_missing_bin(1001.0, 100.0, 8000, 64) == 8
    assert first_missing_bin(50.0, 100.0, 8000, 64) == 0


def test_the_octave_below_is_repeated_and_the_rest_is_copied_bit_for_bit() -> None:
    spectrum = torch.randn(1, 65, 9, dtype=torch.complex64)
    filled = replicate(spectrum, torch.tensor([32]))
    assert torch.equal(filled[:, :32], spectrum[:, :32])
    slope = slope_db(spectrum[0], 32)
    for goal, source in ((32, 16), (47, 31), (48, 16), (64, 16)):
        gain = 10 ** (float(slope) * math.log2(goal / source) / 20)
        torch.testing.assert_close(filled[0, goal], gain * spectrum[0, source])


def test_the_slope_is_the_fall_between_the_two_highest_octaves() -> None:
    levels = torch.zeros(65, 4, dtype=torch.complex64)
    levels[8:16], levels[16:32] = 1.0, 0.5
    assert float(slope_db(levels, 32)) == pytest.approx(-6.02, abs=0.01)
    levels[16:32] = 2.0
    assert float(slope_db(levels, 32)) == 0.0
    levels[16:32] = 1e-4
    assert float(slope_db(levels, 32)) == -24.0
    assert float(slope_db(torch.zeros_like(levels), 32)) == 0.0


def test_a_copied_tone_is_a_tone() -> None:
    time = torch.arange(32_768) / 32_768
    tone = torch.sin(2 * torch.pi * 6000 * time)
    spectrum = replicate(stft(tone[None], 1024, 256), torch.tensor([256]))
    signal = istft(spectrum, 1024, 256, len(tone))[0]
    power = torch.fft.rfft(signal * torch.hann_window(len(tone))).abs().square()
    highest = power[9000:11_000].argmax() + 9000
    assert int(highest) == 6000 + 128 * 32
    assert power[highest - 4 : highest + 5].sum() > 0.99 * power[9000:11_000].sum()


def test_a_band_with_nothing_below_it_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 16 or more"):
        replicate(torch.zeros(1, 65, 3, dtype=torch.complex64), torch.tensor([9]))

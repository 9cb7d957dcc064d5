import math

import numpy as np
import pytest
import torch

from libsep.metrics import (
    Reference,
    find_onsets,
    frame_sdr,
    lsd,
    residual_db,
    si_sdr,
    usdr,
)


def test_sdr_of_numbers_worked_out_by_hand() -> None:
    source = np.array([[3.0, 4.0], [0.0, 0.0]], np.float32)
    estimate = np.array([[3.0, 3.0], [0.0, 2.0]], np.float32)
    # Energy 25, distortion 1 + 4.
    assert usdr(source, estimate) == pytest.approx(10 * math.log10(25 / 5))


def test_a_tenth_of_the_source_as_error_is_twenty_db(rng: np.random.Generator) -> None:
    source = rng.standard_normal((2, 1000)).astype(np.float32)
    assert usdr(source, 1.1 * source) == pytest.approx(20, abs=1e-3)


def test_perfect_and_silent_cases() -> None:
    source = np.ones((2, 10), np.float32)
    assert usdr(source, source) == math.inf
    assert usdr(source, np.zeros_like(source)) == 0
    assert math.isnan(usdr(np.zeros_like(source), source))
    assert math.isnan(si_sdr(np.zeros_like(source), source))


def test_si_sdr_ignores_the_level_of_the_estimate() -> None:
    source = np.array([[1.0, 0.0]], np.float32)
    estimate = np.array([[1.0, 0.1]], np.float32)
    assert si_sdr(source, estimate) == pytest.approx(20, abs=1e-3)
    assert si_sdr(source, 7 * estimate) == pytest.approx(20, abs=1e-3)


def test_frames_are_the_seconds_in_which_all_targets_sound() -> None:
    source = np.ones((2, 550), np.float32)
    source[:, 300:400] = 0
    estimate = source.copy()
    for second, error in enumerate((0.1, 0.01, 0.5, 0.3, 0.2)):
        estimate[:, 100 * second : 100 * (second + 1)] += error
    # 20, 40, 6 and 14 dB, the silent fourth second is left out; the rest of 0.5 s too.
    expected = [20, 40, 20 * math.log10(2), 20 * math.log10(5)]
    other = np.ones((2, 550), np.float32)
    sources, estimates = np.stack([source, other]), np.stack([estimate, 1.1 * other])
    found = frame_sdr(sources, estimates, 100)
    np.testing.assert_allclose(found, np.transpose([expected, [20] * 4]), atol=1e-3)
    other[:, 100:200] = 0  # with it goes the second of 40 dB, for both
    found = frame_sdr(np.stack([source, other]), estimates, 100)
    np.testing.assert_allclose(found[:, 0], [expected[i] for i in (0, 2, 3)], atol=1e-3)
    estimates[1, :, :100] = 0  # and with a silent estimate the one of 20 dB
    assert len(frame_sdr(np.stack([source, other]), estimates, 100)) == 2
    assert frame_sdr(sources[:, :, :50], estimates[:, :, :50], 100).shape == (0, 2)


def test_log_spectral_distance_of_a_gain_is_twice_its_logarithm(rng: np.random.Generator) -> None:
    noise = torch.from_numpy(rng.standard_normal((2, 8192)).astype(np.float32))
    assert lsd(noise, noise) == 0
    assert lsd(noise, 10 * noise) == pytest.approx(2, rel=0.01)
    assert lsd(torch.zeros(2, 8192), torch.zeros(2, 8192)) == 0


def test_residual_is_what_is_missing_from_the_mixture() -> None:
    mixture = np.full((2, 100), 0.5, np.float32)
    halves = np.stack([mixture / 2, mixture / 2])
    assert residual_db(mixture, halves) == -math.inf
    assert residual_db(mixture, 0.99 * halves) == pytest.approx(-40, abs=1e-3)
    assert math.isnan(residual_db(0 * mixture, halves))


def strokes(times_s: list[float], decay_s: float = 0.03, duration_s: float = 2.0) -> torch.Tensor:
    """Return noise bursts that begin at once and die away, over a quiet floor."""
    rng = np.random.default_rng(5)
    time_s = np.arange(int(duration_s * 44100)) / 44100
    envelope = sum(
        np.where(time_s >= start, np.exp(-(time_s - start) / decay_s), 0) for start in times_s
    )
    noise = rng.standard_normal((2, len(time_s)))
    return torch.from_numpy((0.3 * envelope * noise + 1e-4 * noise).astype(np.float32))


TIMES_S = [0.3, 0.8, 1.1, 1.6]


def test_onsets_are_found_where_strokes_begin() -> None:
    frames = find_onsets(strokes(TIMES_S))
    # Frame i is centred on sample (i + 1) * 256 - 512.
    found_s = ((frames + 1) * 256 - 512) / 44100
    np.testing.assert_allclose(found_s, TIMES_S, atol=0.008)
    assert len(find_onsets(torch.zeros(2, 44100))) == 0
    assert len(find_onsets(torch.zeros(2, 0))) == 0


def test_equal_signals_have_equal_onsets_and_treble() -> None:
    source = strokes(TIMES_S)
    assert Reference(source, 44100).onset_lsd(source) == 0
    assert Reference(source, 44100).sharpness_db(source) == 0
    assert Reference(source, 44100).high_band_db(source) == 0


def test_errors_between_the_onsets_do_not_count(rng: np.random.Generator) -> None:
    source = strokes(TIMES_S)
    late, early = source.clone(), source.clone()
    noise = torch.from_numpy(rng.normal(0, 0.1, (2, 4410)).astype(np.float32))
    late[:, 60_000:64_410] += noise  # 1.36 s, well after the third stroke
    early[:, 13_230:17_640] += noise  # 0.3 s, the first stroke
    assert Reference(source, 44100).onset_lsd(late) == 0
    assert Reference(source, 44100).onset_lsd(early) > 0.01


def test_the_onset_distance_of_a_gain_is_twice_its_logarithm() -> None:
    source = strokes(TIMES_S)
    assert Reference(source, 44100).onset_lsd(10 * source) == pytest.approx(2, rel=0.02)


def test_a_blurred_attack_is_less_sharp() -> None:
    source = strokes(TIMES_S)
    kernel = torch.ones(1, 1, 441) / 441
    blurred = torch.nn.functional.conv1d(source.abs()[:, None], kernel, padding=220)[:, 0]
    assert Reference(source, 44100).sharpness_db(source.sign() * blurred) < -3
    constant = source + 0.05 * torch.sin(torch.arange(source.shape[1]) * 0.05)
    assert Reference(source, 44100).sharpness_db(constant) < -10
    assert math.isnan(Reference(torch.zeros(2, 44100), 44100).sharpness_db(constant[:, :44100]))
    assert math.isnan(Reference(torch.zeros(2, 44100), 44100).onset_lsd(constant[:, :44100]))


def test_the_high_band_is_what_lies_above_eight_kilohertz() -> None:
    time_s = torch.arange(44100) / 44100
    low, high = (torch.sin(2 * torch.pi * hertz * time_s).expand(2, -1) for hertz in (500, 12_000))
    assert Reference(low + high, 44100).high_band_db(low + 0.5 * high) == pytest.approx(
        -6.02, abs=0.01
    )
    assert Reference(low + high, 44100).high_band_db(9 * low + high) == pytest.approx(0, abs=0.01)
    assert math.isnan(Reference(low, 44100).high_band_db(low + high))

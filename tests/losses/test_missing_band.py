"""Only the missing band counts, and equal bands cost nothing."""

import math

import pytest
import torch

from libsep.dsp.stft import stft
from libsep.losses.missing_band import (
    distance,
    log_power,
    mean_error,
    mean_power,
    missing_cells,
    phase_error,
    resolution_error,
)

FIRST, LAST = torch.tensor([20, 30]), torch.tensor([50, 65])


@pytest.fixture
def signals() -> torch.Tensor:
    return torch.randn(2, 3000, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def source(signals: torch.Tensor) -> torch.Tensor:
    return stft(signals, 128, 32)


def test_cells_count_between_first_and_last_bin_in_frames_with_sound(source: torch.Tensor) -> None:
    source[0, :, 40:] = 0
    mask = missing_cells(source, FIRST, LAST)
    assert mask[0, 20:50, :40].all()
    assert mask[1, 30:, :].all()
    assert mask.sum() == 30 * 40 + 35 * source.shape[2]


def test_equal_bands_cost_nothing_whatever_is_below(
    signals: torch.Tensor, source: torch.Tensor
) -> None:
    mask = missing_cells(source, FIRST, LAST)
    other = source.clone()
    other[:, :20] *= 3
    reference = mean_power(source)
    logs = log_power(other, reference), log_power(source, reference)
    assert float(distance(*logs, mask)) == pytest.approx(1e-4)  # the root's own floor
    assert float(mean_error(*logs, mask)) == 0
    assert float(phase_error(other, source, mask)) == pytest.approx(0, abs=1e-5)
    assert float(resolution_error(signals, signals, (FIRST, LAST), 128, 64)) == 0


def test_ten_times_the_amplitude_is_two_in_logarithms_of_power(
    signals: torch.Tensor, source: torch.Tensor
) -> None:
    mask, reference = missing_cells(source, FIRST, LAST), mean_power(source)
    logs = log_power(10 * source, reference), log_power(source, reference)
    assert float(distance(*logs, mask)) == pytest.approx(2, abs=1e-3)
    assert float(mean_error(*logs, mask)) == pytest.approx(2, abs=1e-3)
    edges = (FIRST, LAST)
    error = float(resolution_error(10 * signals, signals, edges, 128, 64))
    assert error == pytest.approx(2, abs=1e-3)


def test_a_constant_turn_is_an_error_of_phase_but_not_of_delay_or_frequency(
    source: torch.Tensor,
) -> None:
    mask = missing_cells(source, FIRST, LAST)
    turned = source * complex(math.cos(0.5), math.sin(0.5))
    assert float(phase_error(turned, source, mask)) == pytest.approx(0.5, abs=1e-3)
    assert float(phase_error(-source, source, mask)) == pytest.approx(math.pi, abs=1e-3)


def test_silence_has_finite_gradients(source: torch.Tensor) -> None:
    for scale in (0.0, 1e-30):
        made = (scale * source).requires_grad_()
        mask, reference = missing_cells(source, FIRST, LAST), mean_power(source)
        logs = log_power(made, reference), log_power(source, reference)
        total = distance(*logs, mask) + mean_error(*logs, mask) + phase_error(made, source, mask)
        total.backward()
        assert made.grad is not None
        assert torch.view_as_real(made.grad).isfinite().all()

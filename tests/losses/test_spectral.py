import numpy as np
import pytest
import torch

from libsep.dsp.stft import stft
from libsep.losses.spectral import (
    balance_weights,
    resolutions_l1,
    spectrum_l1,
    waveform_l1,
    waveform_rmse,
)


@pytest.fixture
def sources(rng: np.random.Generator) -> torch.Tensor:
    return torch.from_numpy(rng.standard_normal((2, 4, 2, 6000)).astype(np.float32))


def test_equal_signals_cost_nothing(sources: torch.Tensor) -> None:
    weights = balance_weights(sources)
    spectra = stft(sources, 512, 128)
    assert waveform_l1(sources, sources, weights) == 0
    assert resolutions_l1(sources, sources, weights) == 0
    assert spectrum_l1(spectra, spectra, weights, 512) == 0


def test_weights_are_one_over_the_rms() -> None:
    sources = torch.zeros(1, 4, 2, 100)
    sources[0, 0] = 0.5
    sources[0, 1] = -0.25
    weights = balance_weights(sources)[0, :, 0, 0]
    assert weights[0].item() == pytest.approx(2)
    assert weights[1].item() == pytest.approx(4)
    # The mixture is 0.25 everywhere, and the floor 0.3 of that.
    assert weights[2].item() == pytest.approx(1 / 0.075)


def test_an_error_of_the_same_share_costs_the_same_for_loud_and_quiet_targets(
    sources: torch.Tensor,
) -> None:
    sources = sources * torch.tensor([1.0, 0.7, 0.9, 0.8])[:, None, None]
    weights = balance_weights(sources)
    costs = []
    for target in range(4):
        estimates = sources.clone()
        estimates[:, target] *= 0.9
        costs.append(float(waveform_l1(estimates, sources, weights)))
    assert costs == pytest.approx([costs[0]] * 4, rel=0.02)


def test_silence_costs_nothing_and_has_a_gradient() -> None:
    silence = torch.zeros(1, 4, 2, 4000)
    weights = balance_weights(silence)
    estimates = torch.zeros(1, 4, 2, 4000, requires_grad=True)
    loss = resolutions_l1(estimates, silence, weights) + waveform_l1(estimates, silence, weights)
    loss.backward()
    assert loss == 0
    assert torch.isfinite(estimates.grad).all()


def test_the_level_of_an_item_does_not_matter(sources: torch.Tensor) -> None:
    estimates = 0.5 * sources
    loud = waveform_l1(estimates, sources, balance_weights(sources))
    quiet = waveform_l1(estimates / 100, sources / 100, balance_weights(sources / 100))
    torch.testing.assert_close(loud, quiet)


def test_parts_of_the_spectrum_of_noise_are_as_large_as_its_samples(
    rng: np.random.Generator,
) -> None:
    noise = torch.from_numpy(rng.standard_normal((1, 1, 1, 60000)).astype(np.float32))
    silence = torch.zeros_like(noise)
    weights = torch.ones(1, 1, 1, 1)
    sizes = [float(resolutions_l1(noise, silence, weights, (n,))) for n in (512, 2048)]
    # Hann: the energy of the window is 3/8, half of it in the real part.
    expected = float(noise.abs().mean()) * (3 / 16) ** 0.5
    assert sizes == pytest.approx([expected, expected], rel=0.03)


def test_the_squared_error_asks_for_the_mean_and_the_other_for_the_median() -> None:
    samples = torch.tensor([0.0, 0.0, 0.6]).expand(1, 1, 2, 3)
    weights = torch.full((1, 1, 1, 1), 2.0)
    mean, median = torch.full_like(samples, 0.2), torch.zeros_like(samples)
    assert waveform_rmse(mean, samples, weights).item() == pytest.approx(2 * 0.08**0.5)
    assert waveform_rmse(median, samples, weights).item() == pytest.approx(2 * 0.12**0.5)
    assert waveform_l1(median, samples, weights) < waveform_l1(mean, samples, weights)


def test_the_squared_error_has_a_gradient_where_nothing_is_wrong() -> None:
    silence = torch.zeros(1, 4, 2, 4000)
    estimates = torch.zeros(1, 4, 2, 4000, requires_grad=True)
    waveform_rmse(estimates, silence, torch.ones(1, 4, 1, 1)).backward()
    assert torch.isfinite(estimates.grad).all()

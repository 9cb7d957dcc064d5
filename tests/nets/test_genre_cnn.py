"""The network that hears genres."""

import pytest
import torch

from libsep.nets.genre_cnn import GenreCNN, mel_filters

SAMPLE_RATE = 22050


@pytest.fixture
def windows() -> torch.Tensor:
    return 0.1 * torch.randn(3, 2, 2 * SAMPLE_RATE, generator=torch.Generator().manual_seed(1))


def network() -> GenreCNN:
    torch.manual_seed(20261120)
    return GenreCNN(n_genres=6)


def test_it_has_two_hundred_thousand_parameters() -> None:
    assert sum(weight.numel() for weight in network().parameters()) == 217_006


def test_each_filter_adds_up_to_one_and_peaks_higher_than_the_one_before() -> None:
    filters = mel_filters(96, 513, SAMPLE_RATE)
    torch.testing.assert_close(filters.sum(dim=1), torch.ones(96))
    peaks = filters.argmax(dim=1)
    assert (peaks.diff() >= 0).all()
    assert peaks[0] * SAMPLE_RATE / 1024 < 60
    assert 9000 < peaks[-1] * SAMPLE_RATE / 1024 < 10_000


def test_a_tone_is_loudest_in_the_band_of_its_frequency() -> None:
    time_s = torch.arange(SAMPLE_RATE) / SAMPLE_RATE
    tone = torch.sin(2 * torch.pi * 2000 * time_s).expand(1, 2, -1)
    # From 30 Hz (47.2 mel) to 10 kHz (3073 mel), 97 steps of 31.2 mel; 2 kHz is 1521 mel.
    assert network().features(tone)[0, :, 20].argmax() == round((1521.4 - 47.2) / 31.2) - 1


def test_level_and_phase_do_not_matter(windows: torch.Tensor) -> None:
    features = network().features
    torch.testing.assert_close(features(0.01 * windows), features(windows), atol=1e-3, rtol=0)
    turned = windows * torch.tensor([1.0, -1.0])[:, None]
    torch.testing.assert_close(features(turned), features(windows))


def test_silence_has_a_finite_spectrogram() -> None:
    assert network().features(torch.zeros(1, 2, SAMPLE_RATE)).abs().max() < 1e-4


def test_a_window_does_not_change_the_logits_of_another(windows: torch.Tensor) -> None:
    judge = network().eval()
    together, alone = judge(windows), judge(windows[1:2])
    assert together.shape == (3, 6)
    torch.testing.assert_close(together[1:2], alone, atol=1e-5, rtol=1e-5)


def test_the_gradient_reaches_every_parameter(windows: torch.Tensor) -> None:
    trained = network()
    trained(windows).logsumexp(dim=1).sum().backward()
    assert [n for n, p in trained.named_parameters() if p.grad is None or not p.grad.any()] == []

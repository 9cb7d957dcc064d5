import numpy as np
import pytest
import torch

from libsep.dsp.stft import n_frames
from libsep.nets.stft_discriminator import SpectrogramDiscriminator, StftDiscriminator

SIZES = (64, 128)


@pytest.fixture
def signals(rng: np.random.Generator) -> torch.Tensor:
    return torch.from_numpy(rng.standard_normal((3, 4, 2000)).astype(np.float32))


@pytest.fixture
def discriminator() -> StftDiscriminator:
    torch.manual_seed(3)
    return StftDiscriminator(n_channels=4, sizes=SIZES, channels=(4, 6, 6, 8))


def test_each_resolution_gives_logits_for_eighths_of_bins_and_frames(
    discriminator: StftDiscriminator, signals: torch.Tensor
) -> None:
    logits, fmaps = discriminator(signals)
    for n_fft, logit in zip(SIZES, logits, strict=True):
        rows = -(-(n_fft // 2 + 1) // 8)
        columns = -(-n_frames(2000, n_fft, n_fft // 4) // 8)
        assert logit.shape == (3, 1, rows, columns)
    assert [fmap.shape[1] for fmap in fmaps] == [4, 6, 6, 8] * 2


def test_the_published_size_is_a_quarter_of_a_million_parameters() -> None:
    sizes = [p.numel() for p in StftDiscriminator(n_channels=4).parameters()]
    assert sum(sizes) == pytest.approx(260_000, rel=0.02)


def test_the_gradient_reaches_every_parameter_and_the_signals(
    discriminator: StftDiscriminator, signals: torch.Tensor
) -> None:
    signals.requires_grad_()
    logits, _ = discriminator(signals)
    torch.stack([logit.square().sum() for logit in logits]).sum().backward()
    for name, parameter in discriminator.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
    assert (signals.grad.abs().sum(dim=(1, 2)) > 0).all()


def test_silence_has_a_finite_gradient(discriminator: StftDiscriminator) -> None:
    silence = torch.zeros(1, 4, 2000, requires_grad=True)
    logits, _ = discriminator(silence)
    torch.stack([logit.sum() for logit in logits]).sum().backward()
    assert torch.isfinite(silence.grad).all()


def test_one_item_does_not_change_another(
    discriminator: StftDiscriminator, signals: torch.Tensor
) -> None:
    together, _ = discriminator(signals)
    for index in range(3):
        alone, _ = discriminator(signals[index : index + 1])
        for whole, part in zip(together, alone, strict=True):
            torch.testing.assert_close(whole[index : index + 1], part, rtol=1e-4, atol=1e-5)


def test_the_spectrogram_of_white_noise_has_cells_of_power_one(rng: np.random.Generator) -> None:
    network = SpectrogramDiscriminator(1, 128, channels=(2, 2, 2, 2))
    noise = torch.from_numpy(rng.standard_normal((1, 1, 60_000)).astype(np.float32))
    parts = network.spectrogram(noise)[0, :, 1:-1, 4:-4]  # without edges, which are half as loud
    # Compressed to their square root, magnitudes have the power of magnitudes.
    power = parts.square().sum(0)
    assert power.square().mean().item() == pytest.approx(1, rel=0.05)


def test_a_change_of_level_is_halved_in_decibels(rng: np.random.Generator) -> None:
    network = SpectrogramDiscriminator(1, 128, channels=(2, 2, 2, 2))
    noise = torch.from_numpy(rng.standard_normal((1, 1, 4000)).astype(np.float32))
    ratio = network.spectrogram(100 * noise) / network.spectrogram(noise)
    torch.testing.assert_close(ratio.nanmedian(), torch.tensor(10.0), rtol=1e-3, atol=0)


def test_half_precision_does_not_reach_the_spectrogram(rng: np.random.Generator) -> None:
    network = SpectrogramDiscriminator(1, 128, channels=(2, 2, 2, 2))
    noise = torch.from_numpy(rng.standard_normal((1, 1, 4000)).astype(np.float32))
    expected = network.spectrogram(noise)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(network.spectrogram(noise), expected)

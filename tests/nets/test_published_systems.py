"""The networks of older papers: the sizes that they state, and what each promises alone."""

import numpy as np
import pytest
import torch

from libsep.nets.demucs import Demucs
from libsep.nets.nmf import Nmf, divergence
from libsep.nets.svsgan import FrameDiscriminator, Svsgan
from libsep.nets.two_encoder import TwoEncoder
from libsep.nets.wave_unet import LearnedUpsampling, LinearUpsampling, WaveUNet
from libsep.nets.wavenet import WaveNet, pyramid

from .public_networks import coloured_noise


def n_parameters(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_wave_unet_needs_the_context_of_the_paper() -> None:
    with torch.device("meta"):
        network = WaveUNet(upsampling="linear")
    before, after = network.context_samples(16389)
    assert (before, before + 16389 + after) == (after, 147443)
    assert n_parameters(network) / 1e6 == pytest.approx(10.2, abs=0.1)


@torch.inference_mode()
def test_wave_unet_does_the_same_at_every_time() -> None:
    torch.manual_seed(3)
    network = WaveUNet(n_levels=4, n_features=4).eval()
    mixture = torch.zeros(1, 2, 4000)
    mixture[..., 1000:3000] = torch.randn(1, 2, 2000)
    later = network.separate(mixture.roll(16, dims=-1))  # 16: a sample of the lowest rate
    found = network.separate(mixture)
    torch.testing.assert_close(later[..., 516:3516], found[..., 500:3500], rtol=0, atol=1e-6)


@torch.inference_mode()
def test_interpolation_keeps_the_samples_and_puts_means_between() -> None:
    x = torch.tensor([[[0.0, 2.0, 6.0]]])
    torch.testing.assert_close(LinearUpsampling()(x), torch.tensor([[[0.0, 1, 2, 4, 6]]]))
    learned = LearnedUpsampling(1)
    learned.weight.fill_(np.log(3))  # a sigmoid of 3/4
    torch.testing.assert_close(learned(x), torch.tensor([[[0.0, 0.5, 2, 3, 6]]]))


def test_wave_unet_refuses_even_kernels() -> None:
    with pytest.raises(ValueError, match="expected odd ones"):
        WaveUNet(down_kernel=14)


def test_demucs_has_the_size_of_the_paper() -> None:
    with torch.device("meta"):
        network = Demucs()
    assert 4 * n_parameters(network) / 2**20 == pytest.approx(1014, abs=1)  # MB, as published
    n_padded = network.padded_length(441_000)
    assert network.padded_length(n_padded) == n_padded >= 441_000


def test_demucs_starts_with_weights_of_like_size() -> None:
    torch.manual_seed(0)
    network = Demucs(n_layers=3, n_features=16)
    usual = torch.nn.Conv1d(2, 16, 8).weight.std().item()
    found = network.encoder[0].down.weight.std().item()
    assert found == pytest.approx((0.1 * usual) ** 0.5, rel=0.1)


def test_wavenet_rises_and_falls_and_sees_as_far_as_it_says() -> None:
    assert pyramid(4) == (1, 2, 4, 2, 1)
    with pytest.raises(ValueError, match="power of two"):
        pyramid(6)
    torch.manual_seed(0)
    network = WaveNet(n_stacks=1, largest_dilation=8, n_features=8, n_skip=32, n_hidden=(64, 64))
    mixture = torch.randn(1, 2, 400, requires_grad=True)
    network(mixture)[0, 0, 0, 200].backward()
    assert mixture.grad is not None
    seen = mixture.grad[0].abs().sum(0).nonzero()
    assert int(seen.max() - seen.min()) + 1 == network.receptive_field


@torch.inference_mode()
def test_griffin_lim_gives_estimates_a_phase_of_their_own() -> None:
    torch.manual_seed(7)
    network = Svsgan(n_fft=512, hop_length=128, hidden=(16, 8)).eval()
    mixture = torch.cat([coloured_noise(6000), 0.5 * coloured_noise(6000).flip(-1)])
    with_phase = network.separate(mixture)
    network.reconstruction = "griffin-lim"
    found = network.separate(mixture)
    torch.testing.assert_close(found.sum(1), mixture, rtol=0, atol=1e-5)
    assert (found - with_phase).abs().max() > 0.01
    # Each iteration amplifies the rounding, which differs by batch and processor.
    torch.testing.assert_close(found[1:], network.separate(mixture[1:]), rtol=0, atol=1e-4)
    torch.testing.assert_close(found, network.separate(mixture), rtol=0, atol=0)


def test_the_frame_discriminator_sees_estimates_and_mixture() -> None:
    torch.manual_seed(0)
    judge = FrameDiscriminator(n_bins=9, n_targets=2, hidden=8)
    magnitudes = torch.rand(3, 2, 1, 9, 5, requires_grad=True)
    mixture = torch.rand(3, 1, 9, 5, requires_grad=True)
    (logits,), features = judge(torch.cat([magnitudes, mixture[:, None]], dim=1))
    assert [feature.shape[-1] for feature in features] == [8, 8, 8]
    assert logits.shape == (3, 1, 5)
    logits[1, 0, 2].backward()
    for seen in (magnitudes.grad, mixture.grad):
        assert seen is not None
        frames = seen.reshape(3, -1, 5).abs().sum(1)
        assert frames.nonzero().tolist() == [[1, 2]]


@torch.inference_mode()
def test_two_encoder_patches_do_not_know_of_each_other() -> None:
    torch.manual_seed(0)
    network = TwoEncoder(
        n_fft=512, hop_length=128, n_seen_bins=192, n_frames=8, n_features=4, n_latent=8, tall=16
    ).eval()
    magnitude = torch.rand(1, 2, 257, 21)
    masks = network.masks(magnitude)
    magnitude[..., 8:] = 0
    torch.testing.assert_close(network.masks(magnitude)[..., :8], masks[..., :8])
    assert (masks[..., 191:192, :] == masks[..., 192:, :]).all()


def test_two_encoder_refuses_patches_that_kernels_do_not_fill() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        TwoEncoder(n_frames=30, wide=8)


@torch.inference_mode()
def test_nmf_learns_spectra_and_finds_them_in_a_mixture() -> None:
    time = torch.arange(16384) / 44100
    low = torch.sin(2 * torch.pi * 200 * time) * (torch.sin(2 * torch.pi * 7 * time) > 0)
    high = torch.sin(2 * torch.pi * 3000 * time) * (torch.sin(2 * torch.pi * 5 * time) > 0)
    network = Nmf(targets=("bass", "other"), n_fft=1024, hop_length=256, n_bases=4)
    sources = {"bass": low, "other": high}
    curves = network.learn(
        {target: network.spectrogram(source).abs() for target, source in sources.items()}, 60, 1
    )
    for curve in curves.values():
        assert (curve.diff() <= 1e-6 * curve[0]).all()  # Lee and Seung: no update is worse
        assert curve[-1] < 0.05 * curve[0]
    truth = torch.stack([low, high])[None, :, None].expand(1, 2, 2, -1)
    estimates = network.separate(truth.sum(1))
    error = (estimates - truth).square().sum((2, 3))
    assert (10 * torch.log10(truth.square().sum((2, 3)) / error) > 15).all()


def test_the_divergence_is_zero_for_equal_spectra_and_known_for_a_constant() -> None:
    ones = torch.ones(2, 3)
    assert divergence(ones, ones) == pytest.approx(0, abs=1e-5)
    assert divergence(2 * ones, ones) == pytest.approx(6 * (2 * np.log(2) - 1), rel=1e-5)

"""The filter of estimates: what it makes fainter, and what stays."""

import numpy as np
import pytest
import torch

from libsep.dsp.stft import stft
from libsep.nets.band_split_unet import BandSplitUNet
from libsep.nets.blend import Blend
from libsep.nets.masking import WienerShare
from libsep.nets.svsgan import Svsgan
from libsep.nets.unet import UNet

BAND_SPLIT = {"n_fft": 256, "hop_length": 64, "channels": [8, 16, 24], "hidden": 8,
              "n_dual_path": 1, "n_convs": 1, "band_bins": [32, 32, 64],
              "band_strides": [2, 4, 8]}  # fmt: skip


@pytest.fixture
def spectra(rng: np.random.Generator) -> torch.Tensor:
    """Estimates of three targets: one item, two channels, 4 frames of 9 bins."""
    values = rng.normal(size=(1, 3, 2, 4, 9, 2)).astype(np.float32)
    return torch.view_as_complex(torch.from_numpy(values))


ALL = (0, 1, 2)


def filtered(
    spectra: torch.Tensor, share: float, from_bin: int, places: tuple[int, ...] = ALL
) -> torch.Tensor:
    mixture = spectra.sum(1)
    filters = WienerShare(share, slice(from_bin, None), places)
    others = filters.filter(spectra[:, :-1].clone(), mixture)
    return torch.cat([others, (mixture - others.sum(1))[:, None]], dim=1)


def test_all_of_it_is_a_wiener_filter_of_the_powers_that_were_found(spectra: torch.Tensor) -> None:
    values = spectra.numpy()
    powers = (np.abs(values) ** 2).sum(2, keepdims=True)  # of both channels
    expected = powers / powers.sum(1, keepdims=True) * values.sum(1)[:, None]
    np.testing.assert_allclose(filtered(spectra, 1.0, 0).numpy(), expected, rtol=1e-4, atol=1e-5)


def test_a_share_of_it_lies_between_and_low_bins_stay(spectra: torch.Tensor) -> None:
    whole, part = filtered(spectra, 1.0, 0), filtered(spectra, 0.25, 3)
    torch.testing.assert_close(part[..., :3], spectra[..., :3])
    between = 0.75 * spectra + 0.25 * whole
    torch.testing.assert_close(part[..., 3:], between[..., 3:])


@pytest.mark.parametrize("places", [(0, 1), (1, 2)])
def test_some_targets_share_what_they_have_together(
    spectra: torch.Tensor, places: tuple[int, ...]
) -> None:
    found, some = filtered(spectra, 1.0, 0, places), list(places)
    left = next(place for place in ALL if place not in places)
    torch.testing.assert_close(found[:, left], spectra[:, left])
    torch.testing.assert_close(found[:, some], filtered(spectra[:, some], 1.0, 0, (0, 1)))


def test_powers_are_averaged_over_frames_and_bins_before_they_are_compared(
    spectra: torch.Tensor,
) -> None:
    values = spectra[:, :2].numpy()
    powers = (np.abs(values) ** 2).sum(2)  # (1, 2, N, bins)
    n_frames, n_bins = powers.shape[2:]
    first = [powers[0, 0, :, max(k - 2, 0) : k + 3].mean(1) for k in range(n_bins)]
    second = [powers[0, 1, max(n - 1, 0) : n + 2].mean(0) for n in range(n_frames)]
    averaged = np.stack([np.stack(first, 1), np.stack(second, 0)])
    expected = (averaged / averaged.sum(0))[None, :, None] * values.sum(1)[:, None]
    both = WienerShare(1.0, slice(None), (0, 1), over_frames=(0, 1), over_bins=(2, 0))
    assert both.needs_all_frames
    found = both.filter(spectra[:, :2].clone(), spectra.sum(1))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-5)
    assert not WienerShare(1.0, slice(None), (0, 1), over_bins=(2, 0)).needs_all_frames


def test_a_kick_leaves_the_note_that_lasts() -> None:
    note, kick = torch.zeros(2, 1, 1, 21, 7, dtype=torch.complex64)
    note[..., 3] = 1.0  # one bin, all frames
    kick[..., 10, :] = 1.0  # one frame, all bins
    leaks = torch.stack([0.7 * kick, note + 0.3 * kick, 0 * note], dim=1)
    spectrum = leaks.sum(1)
    filters = WienerShare(1.0, slice(None), (0, 1), over_frames=(0, 8), over_bins=(3, 0))
    drums, bass = filters.filter(leaks[:, :-1].clone(), spectrum)[0]
    before, after = (leaks[0, 1] - note[0]).abs(), (bass - note[0]).abs()
    assert after.square().sum() < 0.25 * before.square().sum()
    torch.testing.assert_close(drums + bass, spectrum[0])


def test_a_faint_leak_gets_fainter_and_the_target_that_it_is_of_gets_it() -> None:
    cymbal = torch.ones(1, 1, 1, 1, dtype=torch.complex64)
    found = torch.stack([0.9 * cymbal, 0.1 * cymbal, 0 * cymbal], dim=1)  # drums, bass, other
    drums, bass, other = filtered(found, 0.5, 0).flatten().real.tolist()
    assert bass == pytest.approx(0.05 + 0.5 * 0.01 / 0.82)
    assert drums == pytest.approx(0.45 + 0.5 * 0.81 / 0.82)
    assert other == pytest.approx(0, abs=1e-6)


def test_silence_stays_silence() -> None:
    silence = torch.zeros(1, 3, 2, 4, 9, dtype=torch.complex64)
    assert filtered(silence, 0.5, 0).abs().max() == 0
    averaged = WienerShare(0.5, slice(None), (0, 1), over_frames=(9, 0), over_bins=(0, 9))
    assert averaged.filter(silence[:, :2].clone(), silence.sum(1)).abs().max() == 0


def test_items_of_a_batch_do_not_influence_each_other(spectra: torch.Tensor) -> None:
    batch = torch.cat([spectra, 3 * spectra.flip(-1), 0 * spectra])
    both = WienerShare(0.5, slice(1, 8), (0, 2), over_frames=(0, 2), over_bins=(1, 0))
    found = both.filter(batch[:, :-1].clone(), batch.sum(1))
    for item in range(3):
        alone = both.filter(batch[item : item + 1, :-1].clone(), batch[item : item + 1].sum(1))
        torch.testing.assert_close(found[item : item + 1], alone)


@torch.inference_mode()
def test_a_network_filters_what_it_finds_and_adds_up_to_the_mixture(
    rng: np.random.Generator,
) -> None:
    torch.manual_seed(3)
    network = BandSplitUNet(**BAND_SPLIT).eval()
    mixture = torch.from_numpy(rng.uniform(-1, 1, (2, 2, 3000)).astype(np.float32))
    plain = network.separate(mixture)
    spectrum = stft(mixture, 256, 64)
    raw = network(spectrum)
    network.wiener = (WienerShare(0.5, slice(10, 60), (0, 1, 3)),)
    found = network.separate(mixture)
    torch.testing.assert_close(found.sum(1), mixture, rtol=0, atol=1e-6)
    assert (found - plain).abs().max() > 1e-3
    assert torch.equal(network(spectrum), raw)  # what a training sees is not filtered
    assert network.separate(mixture[..., :0]).shape == (2, 4, 2, 0)


@torch.inference_mode()
def test_a_blend_filters_the_mean_of_its_members(rng: np.random.Generator) -> None:
    torch.manual_seed(4)
    small = {"n_fft": 256, "hop_length": 64, "n_seen_bins": 96, "channels": [4, 6, 8]}
    members = [BandSplitUNet(**BAND_SPLIT), UNet(**small)]
    blend = Blend(members, [1.0, 3.0]).eval()
    mixture = torch.from_numpy(rng.uniform(-1, 1, (1, 2, 3000)).astype(np.float32))
    plain = blend.separate(mixture)
    # Next to nothing: the mean by its spectrogram.
    blend.wiener = (WienerShare(1e-9, slice(None), (0, 1, 2, 3)),)
    torch.testing.assert_close(blend.separate(mixture), plain, rtol=0, atol=1e-5)
    blend.wiener = (WienerShare(1.0, slice(None), (0, 1, 2, 3)),)
    assert (blend.separate(mixture) - plain).abs().max() > 1e-3


def test_only_members_of_one_transform_have_a_spectrogram_in_common() -> None:
    first, second = BandSplitUNet(**BAND_SPLIT), BandSplitUNet(**{**BAND_SPLIT, "hop_length": 128})
    assert Blend([first, first], [1.0, 1.0]).transform == (256, 64)
    assert Blend([first, second], [1.0, 1.0]).transform is None
    svsgan = Svsgan(n_fft=256, hop_length=64, hidden=(16, 8))
    assert Blend([first, svsgan], [1.0, 1.0]).transform is None

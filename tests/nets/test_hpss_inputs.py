"""Harmonic and percussive parts as inputs of the networks that can have them."""

import pytest
import torch

from libsep.config import NetworkConfig
from libsep.nets.band_split_unet import BandSplitUNet
from libsep.nets.network import SeparationNetwork
from libsep.nets.unet import UNet
from libsep.training.weights.growth import can_grow, new_network

BANDS = {"n_fft": 512, "hop_length": 128, "channels": (8, 8, 8), "hidden": 8, "n_dual_path": 1}
BANDS |= {"n_convs": 1, "band_bins": (64, 64, 128), "band_strides": (2, 4, 8)}
UNETS = {"n_fft": 512, "hop_length": 128, "n_seen_bins": 256, "channels": (8, 16)}


def networks(*, hpss: bool) -> list[SeparationNetwork]:
    torch.manual_seed(1)
    return [BandSplitUNet(**BANDS, hpss=hpss).eval(), UNet(**UNETS, hpss=hpss).eval()]


@torch.inference_mode()
def test_estimates_add_up_and_items_do_not_hear_each_other() -> None:
    mixture = 0.1 * torch.randn(2, 2, 6000)
    for network in networks(hpss=True):
        estimates = network.separate(mixture)
        torch.testing.assert_close(estimates.sum(1), mixture, rtol=0, atol=1e-5)
        torch.testing.assert_close(estimates[1:], network.separate(mixture[1:]), rtol=0, atol=1e-5)
        assert not network.separate(torch.zeros(1, 2, 3000)).any()


@torch.inference_mode()
def test_equal_weights_for_both_parts_are_the_network_without_them() -> None:
    mixture = 0.1 * torch.randn(1, 2, 6000)
    for plain, split in zip(networks(hpss=False), networks(hpss=True), strict=True):
        values = plain.state_dict()
        for name, value in split.state_dict().items():
            if value.shape != values[name].shape:
                values[name] = torch.cat([values[name], values[name]], dim=1)
        split.load_state_dict(values)
        found = split.separate(mixture)
        torch.testing.assert_close(found, plain.separate(mixture), rtol=0, atol=1e-5)


def test_a_configuration_turns_them_on() -> None:
    config = NetworkConfig(size="XS", arguments={"hpss": True})
    network = new_network(config)
    assert isinstance(network, BandSplitUNet)
    assert {convolution.in_channels for convolution in network.split} == {8}


@pytest.mark.parametrize("hpss", [False, True])
def test_a_network_does_not_begin_with_one_that_sees_something_else(
    hpss: bool,
) -> None:  # a parameter of pytest
    with torch.device("meta"):
        old, new = BandSplitUNet(**BANDS, hpss=hpss), BandSplitUNet(**BANDS, hpss=True)
    assert can_grow(old, new) is hpss

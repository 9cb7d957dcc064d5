"""What is folded for inference gives the numbers of the network that it was made of."""

import gc
import weakref
from collections.abc import Callable

import numpy as np
import pytest
import torch

from libsep.nets import folded_unet
from libsep.nets.band_split_unet import BandSplitUNet
from libsep.nets.blend import Blend
from libsep.nets.folded import FoldedBlend
from libsep.nets.folding import folded
from libsep.nets.masking import MaskingNetwork, WienerShare
from libsep.nets.network import SeparationNetwork
from libsep.nets.subpixel import subpixel_kernel
from libsep.nets.svsgan import Svsgan
from libsep.nets.unet import UNet

BAND_SPLIT = {"n_fft": 256, "hop_length": 64, "channels": [8, 16, 24], "hidden": 8,
              "n_dual_path": 2, "n_convs": 2, "band_bins": [32, 32, 64],
              "band_strides": [2, 4, 8]}  # fmt: skip
MAGNITUDES = {"n_fft": 256, "hop_length": 64, "n_seen_bins": 96, "channels": [4, 6, 8]}


def with_filter(network: MaskingNetwork | Blend) -> SeparationNetwork:
    places = tuple(range(len(network.targets)))
    network.wiener = (
        WienerShare(0.7, slice(5, None), places),
        WienerShare(0.5, slice(2, 20), places[-2:], over_frames=(0, 3), over_bins=(2, 0)),
        WienerShare(0.3, slice(None, 9), places[:2]),
    )
    return network


NETWORKS: dict[str, Callable[[], SeparationNetwork]] = {
    "band split": lambda: BandSplitUNet(**BAND_SPLIT),
    "band split of harmonics, little compressed": lambda: BandSplitUNet(
        **{**BAND_SPLIT, "targets": ["vocals", "rest"], "hpss": True, "compression": 0.7}
    ),
    "magnitudes": lambda: UNet(**MAGNITUDES),
    "magnitudes of harmonics, shared": lambda: UNet(
        **MAGNITUDES, targets=["vocals", "rest"], masks="shared", hpss=True, activations="elu"
    ),
    "magnitudes of one source and the rest": lambda: UNet(
        **MAGNITUDES, targets=["vocals", "rest"], rest="rest", masks="shared"
    ),
    "magnitudes, one network for all, at one level": lambda: UNet(
        **MAGNITUDES, joint=True, gains="softmax", level_db=-20.0
    ),
    "magnitudes of harmonics, at one level": lambda: UNet(**MAGNITUDES, hpss=True, level_db=3.0),
    "blend of one transform": lambda: Blend(
        [BandSplitUNet(**BAND_SPLIT), UNet(**MAGNITUDES)], [3.0, 1.0]
    ),
    "blend of two transforms": lambda: Blend(
        [BandSplitUNet(**BAND_SPLIT), UNet(**{**MAGNITUDES, "hop_length": 128})], [1.0, 2.0]
    ),
    "band split, filtered": lambda: with_filter(BandSplitUNet(**BAND_SPLIT)),
    "blend, filtered": lambda: with_filter(
        Blend([BandSplitUNet(**BAND_SPLIT), with_filter(UNet(**MAGNITUDES))], [3.0, 1.0])
    ),
    "magnitudes, joined": lambda: UNet(**MAGNITUDES, joined={"piano": "other"}, gains="softmax"),
}


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest, mixture: torch.Tensor) -> SeparationNetwork:
    torch.manual_seed(7)
    network = NETWORKS[request.param]().train()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)  # normalisations have some of their own
        for _ in range(3):
            network.separate(mixture)  # moves the running statistics
    return network.eval()


@pytest.fixture
def mixture(rng: np.random.Generator) -> torch.Tensor:
    return torch.from_numpy(rng.uniform(-1, 1, (3, 2, 4001)).astype(np.float32))


def difference_db(found: torch.Tensor, expected: torch.Tensor) -> float:
    power = (found - expected).square().mean() / expected.square().mean()
    return float(10 * power.log10())


@torch.inference_mode()
def test_in_float32_the_estimates_are_equal_up_to_rounding(
    network: SeparationNetwork, mixture: torch.Tensor
) -> None:
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    expected = network.separate(mixture)
    found = folded(network, torch.float32).separate(mixture)
    assert difference_db(found, expected) < -100
    torch.testing.assert_close(found.sum(1), mixture, rtol=0, atol=1e-6)
    assert torch.equal(network.separate(mixture), expected)  # the network itself is as it was
    torch.testing.assert_close(network.state_dict(), before, rtol=0, atol=0)


@torch.inference_mode()
def test_in_bfloat16_they_are_as_near_as_those_of_autocast(
    network: SeparationNetwork, mixture: torch.Tensor
) -> None:
    expected = network.separate(mixture)
    with torch.autocast("cpu", torch.bfloat16):
        usual_db = difference_db(network.separate(mixture), expected)
        found = folded(network, torch.bfloat16).separate(mixture)
    assert found.dtype == torch.float32
    assert difference_db(found, expected) < max(usual_db + 1, -45)
    torch.testing.assert_close(found.sum(1), mixture, rtol=0, atol=1e-6)


def test_kernels_of_magnitudes_are_in_their_precision_before_they_are_permuted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Half of the memory, and the same numbers.
    seen: list[torch.Tensor] = []
    kernels = folded_unet.parity_kernels

    def noted(weight: torch.Tensor) -> tuple[torch.Tensor, ...]:
        seen.append(weight)
        return kernels(weight)

    monkeypatch.setattr(folded_unet, "parity_kernels", noted)
    network = UNet(**MAGNITUDES).eval()
    copy = folded(network, torch.bfloat16)
    weights = [up.conv.weight for each in network.networks.values() for up in each.up]
    found = [getattr(up, name) for each in copy.networks for up in each.up for name in up._names]
    expected = [
        kernel.bfloat16()
        for weight in weights
        for kernel in ([subpixel_kernel(weight)] if weight.shape[1] < 4 else kernels(weight))
    ]
    assert seen
    assert {weight.dtype for weight in seen} == {torch.bfloat16}
    assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))


@torch.inference_mode()
def test_silence_nothing_and_neighbours_are_as_in_the_network(
    network: SeparationNetwork, mixture: torch.Tensor
) -> None:
    fast = folded(network, torch.float32)
    assert not fast.separate(torch.zeros(1, 2, 1000)).any()
    assert fast.separate(mixture[..., :0]).shape == (3, len(network.targets), 2, 0)
    for n_samples in (1, 300, 1025):
        short = mixture[:1, :, :n_samples]
        assert difference_db(fast.separate(short), network.separate(short)) < -80
    alone = fast.separate(mixture[1:2])
    torch.testing.assert_close(fast.separate(mixture)[1:2], alone, rtol=1e-4, atol=1e-5)


def test_a_copy_is_not_trained_and_other_networks_stay_what_they_are(
    network: SeparationNetwork,
) -> None:
    fast = folded(network, torch.float32)
    assert not any(tensor.requires_grad for tensor in fast.state_dict().values())
    assert not list(filter(lambda parameter: parameter.requires_grad, fast.parameters()))
    other = Svsgan(n_fft=512, hop_length=256, hidden=(16, 8))
    assert folded(other, torch.float32) is other


@pytest.mark.parametrize(("hop_length", "is_shared"), [(64, True), (128, False)])
def test_a_blend_goes_to_the_spectrogram_and_back_once_if_its_members_see_the_same(
    hop_length: int, is_shared: bool
) -> None:
    members = [BandSplitUNet(**BAND_SPLIT), UNet(**{**MAGNITUDES, "hop_length": hop_length})]
    fast = folded(Blend(members, [1.0, 1.0]).eval(), torch.float32)
    assert isinstance(fast, FoldedBlend) == is_shared
    with_others = Blend(
        [*members, Svsgan(n_fft=512, hop_length=256, hidden=(16, 8))], [1.0, 1.0, 1.0]
    )
    assert isinstance(folded(with_others.eval(), torch.float32), Blend)


def test_a_copy_holds_nothing_of_the_network_that_it_was_made_of() -> None:
    network = UNet(**MAGNITUDES)
    fast, alive = folded(network, torch.bfloat16), weakref.ref(network)
    del network
    gc.collect()
    assert alive() is None
    assert fast.targets


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@torch.inference_mode()
def test_a_gpu_gives_the_same_estimates(network: SeparationNetwork, mixture: torch.Tensor) -> None:
    expected = network.separate(mixture)
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        found = folded(network, torch.float32).to("cuda").separate(mixture.to("cuda")).cpu()
    assert difference_db(found, expected) < -80
    found = folded(network, torch.bfloat16).to("cuda").separate(mixture.to("cuda")).cpu()
    assert difference_db(found, expected) < -30

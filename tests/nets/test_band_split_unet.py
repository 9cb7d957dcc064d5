import json

import numpy as np
import pytest
import torch

from libsep.dsp.stft import stft
from libsep.nets.band_split_unet import SIZES, BandSplitUNet

SMALL = {"n_fft": 256, "hop_length": 64, "channels": [8, 8, 8], "hidden": 8, "n_dual_path": 1,
         "n_convs": 1, "band_bins": [32, 32, 64], "band_strides": [2, 4, 8]}  # fmt: skip


@pytest.fixture
def network() -> BandSplitUNet:
    torch.manual_seed(7)
    return BandSplitUNet(**SMALL).eval()


@pytest.fixture
def mixture(rng: np.random.Generator) -> torch.Tensor:
    return torch.from_numpy(rng.uniform(-1, 1, (3, 2, 3001)).astype(np.float32))


def test_estimates_add_up_to_the_mixture(network: BandSplitUNet, mixture: torch.Tensor) -> None:
    estimates = network.separate(mixture)
    assert estimates.shape == (3, 4, 2, 3001)
    torch.testing.assert_close(estimates.sum(1), mixture, rtol=0, atol=1e-5)


def test_estimates_add_up_in_bfloat16_too(network: BandSplitUNet, mixture: torch.Tensor) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        estimates = network.separate(mixture)
    torch.testing.assert_close(estimates.sum(1), mixture, rtol=0, atol=1e-5)


def test_silence_gives_exact_silence(network: BandSplitUNet) -> None:
    assert torch.equal(network.separate(torch.zeros(1, 2, 1000)), torch.zeros(1, 4, 2, 1000))


def test_no_samples_give_no_samples(network: BandSplitUNet) -> None:
    assert network.separate(torch.zeros(2, 2, 0)).shape == (2, 4, 2, 0)


def test_the_level_of_the_mixture_is_the_level_of_the_estimates(
    network: BandSplitUNet, mixture: torch.Tensor
) -> None:
    quiet = network.separate(mixture / 256)
    torch.testing.assert_close(256 * quiet, network.separate(mixture), rtol=0, atol=1e-4)


def test_gradient_reaches_every_parameter(mixture: torch.Tensor) -> None:
    network = BandSplitUNet(**SMALL).train()
    sources = torch.randn(3, 4, 2, 3001, generator=torch.Generator().manual_seed(1))
    (network.separate(mixture) - sources).abs().mean().backward()
    without = [name for name, p in network.named_parameters() if not (p.grad.abs() > 0).any()]
    assert without == []


def test_one_item_of_a_batch_does_not_change_another(
    network: BandSplitUNet, mixture: torch.Tensor
) -> None:
    together = network.separate(mixture)
    changed = mixture.clone()
    changed[1] *= -3
    torch.testing.assert_close(network.separate(changed)[[0, 2]], together[[0, 2]])
    torch.testing.assert_close(network.separate(mixture[:1]), together[:1], rtol=1e-4, atol=1e-5)


def test_the_nyquist_bin_is_shared_equally(network: BandSplitUNet, mixture: torch.Tensor) -> None:
    spectrum = stft(mixture, 256, 64)
    estimates = network(spectrum)
    for target in range(4):
        torch.testing.assert_close(estimates[:, target, :, -1], spectrum[:, :, -1] / 4)


def test_a_network_rebuilds_itself_from_json(mixture: torch.Tensor) -> None:
    arguments = {**SMALL, "targets": ["vocals", "rest"]}
    network = BandSplitUNet(**arguments).eval()
    other = BandSplitUNet(**json.loads(json.dumps(arguments))).eval()
    other.load_state_dict(network.state_dict())
    torch.testing.assert_close(other.separate(mixture), network.separate(mixture))


@pytest.mark.parametrize(("size", "millions"), [("XS", 0.19), ("S", 0.47), ("M", 1.05), ("L", 3.5)])
def test_sizes_have_the_parameters_of_the_table(size: str, millions: float) -> None:
    n_parameters = sum(p.numel() for p in BandSplitUNet(**SIZES[size]).parameters())
    assert n_parameters / 1e6 == pytest.approx(millions, rel=0.06)


@pytest.mark.parametrize(
    ("bins", "match"),
    [([32, 32, 32], "expected 128"), ([33, 31, 64], "cannot be divided"),
     ([28, 36, 64], "multiple of 4")],
)  # fmt: skip
def test_bands_that_do_not_fit_are_refused(bins: list[int], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        BandSplitUNet(**{**SMALL, "band_bins": bins})

"""What all networks promise, whoever wrote them."""

import numpy as np
import pytest
import torch

from libsep.nets.band_split_unet import BandSplitUNet
from libsep.nets.demucs import Demucs
from libsep.nets.hdemucs import HybridDemucs
from libsep.nets.network import SeparationNetwork, others_of_spectra
from libsep.nets.nmf import Nmf
from libsep.nets.open_unmix import OpenUnmix
from libsep.nets.scnet import SCNet
from libsep.nets.svsgan import Svsgan
from libsep.nets.two_encoder import TwoEncoder
from libsep.nets.unet import UNet
from libsep.nets.wave_unet import WaveUNet
from libsep.nets.wavenet import WaveNet
from libsep.separation.cpu import has_native_bfloat16

from .public_networks import coloured_noise, names_digest


def nmf_with_random_bases() -> Nmf:
    network = Nmf(n_fft=512, hop_length=128, n_bases=3)
    network.bases.copy_(torch.rand(network.bases.shape))
    return network


NETWORKS = {
    "band_split_unet": lambda: BandSplitUNet(channels=(8, 8, 8), hidden=8, n_dual_path=1),
    "demucs": lambda: Demucs(n_layers=3, n_features=4),
    "hdemucs": lambda: HybridDemucs(n_fft=1024, depth=5, channels=8),
    "nmf": nmf_with_random_bases,
    "open_unmix": lambda: OpenUnmix(n_fft=512, hop_length=128, n_seen_bins=187, hidden=16),
    "scnet": lambda: SCNet(dims=[4, 8, 8, 8], n_dual_path=2, n_fft=512, hop_length=128),
    "svsgan": lambda: Svsgan(n_fft=512, hop_length=256, hidden=(16, 8), is_recurrent=True),
    "two_encoder": lambda: TwoEncoder(
        n_fft=512, hop_length=128, n_seen_bins=192, n_frames=8, n_features=4, n_latent=8, tall=16
    ),
    "unet": lambda: UNet(n_fft=512, hop_length=128, n_seen_bins=192, channels=[4, 6, 8, 8]),
    "wave_unet": lambda: WaveUNet(n_levels=3, n_features=4),
    "wavenet": lambda: WaveNet(
        n_stacks=1, largest_dilation=8, n_features=4, n_skip=4, n_hidden=(8, 8)
    ),
}

HEARS_LEVELS = ("open_unmix", "unet")
"""These expect the level of the songs that they were trained on."""


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest) -> SeparationNetwork:
    torch.manual_seed(7)
    return NETWORKS[request.param]().eval()


@pytest.fixture
def mixture(rng: np.random.Generator) -> torch.Tensor:
    return torch.from_numpy(rng.uniform(-1, 1, (3, 2, 8001)).astype(np.float32))


@torch.inference_mode()
def test_estimates_differ_and_add_up_to_the_mixture(
    network: SeparationNetwork, mixture: torch.Tensor
) -> None:
    estimates = network.separate(mixture)
    assert estimates.shape == (3, len(network.targets), 2, 8001)
    torch.testing.assert_close(estimates.sum(1), mixture, rtol=0, atol=1e-5)
    assert (estimates[:, 0] - estimates[:, 1]).abs().max() > 1e-3


# Where it is not, oneDNN has no LSTM in bfloat16 either, and libsep does without.
@pytest.mark.skipif(not has_native_bfloat16(), reason="bfloat16 is not native to this processor")
@torch.inference_mode()
def test_estimates_add_up_in_bfloat16_too(
    network: SeparationNetwork, mixture: torch.Tensor
) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        estimates = network.separate(mixture)
    assert estimates.dtype == torch.float32
    torch.testing.assert_close(estimates.sum(1), mixture, rtol=0, atol=1e-5)
    error = (estimates - network.separate(mixture)).square().mean().sqrt()
    assert error < 0.01 * mixture.square().mean().sqrt()


@torch.inference_mode()
def test_silence_gives_exact_silence(network: SeparationNetwork) -> None:
    assert not network.separate(torch.zeros(1, 2, 5000)).any()


@torch.inference_mode()
@pytest.mark.parametrize("n_samples", [0, 1, 300, 1025])
def test_short_mixtures_come_back(network: SeparationNetwork, n_samples: int) -> None:
    mixture = coloured_noise(n_samples)
    estimates = network.separate(mixture)
    assert estimates.shape == (1, 4, 2, n_samples)
    torch.testing.assert_close(estimates.sum(1), mixture, rtol=0, atol=1e-5)


@torch.inference_mode()
def test_one_item_of_a_batch_does_not_change_another(
    network: SeparationNetwork, mixture: torch.Tensor
) -> None:
    scaled = mixture * torch.tensor([1.0, 10.0, 0.01])[:, None, None]
    together = network.separate(scaled)
    alone = torch.cat([network.separate(scaled[index : index + 1]) for index in range(3)])
    torch.testing.assert_close(together, alone, rtol=1e-3, atol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in HEARS_LEVELS])
def test_the_level_of_the_mixture_is_the_level_of_the_estimates(
    name: str, mixture: torch.Tensor
) -> None:
    network = NETWORKS[name]().eval()
    quiet = network.separate(mixture / 256)
    torch.testing.assert_close(256 * quiet, network.separate(mixture), rtol=0, atol=2e-3)


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "nmf"])
def test_gradient_reaches_every_parameter(name: str, mixture: torch.Tensor) -> None:
    torch.manual_seed(7)
    network = NETWORKS[name]()  # NMF has no parameters: it is not trained by gradients
    sources = torch.randn(3, 4, 2, 8001, generator=torch.Generator().manual_seed(1))
    (network.train().separate(mixture) - sources).abs().mean().backward()
    without = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_hdemucs_has_the_parameters_of_torchaudio() -> None:
    with torch.device("meta"):
        state = HybridDemucs().network.state_dict()
    assert names_digest(state) == "a02580c31f1c7d97259c8b85ca427823f3cf8011c34371f7b4381227ed68bdd2"


def test_what_is_left_over_is_shared_equally() -> None:
    spectrum = torch.full((1, 2, 3, 4), 8 + 4j)
    others = others_of_spectra(torch.zeros(1, 4, 2, 3, 4, dtype=torch.complex64), spectrum)
    torch.testing.assert_close(others, torch.full((1, 3, 2, 3, 4), 2 + 1j))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@torch.inference_mode()
def test_a_gpu_gives_the_same_estimates(network: SeparationNetwork, mixture: torch.Tensor) -> None:
    expected = network.separate(mixture)
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        found = network.to("cuda").separate(mixture.to("cuda")).cpu()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)
    with torch.autocast("cuda", torch.bfloat16):
        found = network.separate(mixture.to("cuda")).cpu()
    torch.testing.assert_close(found.sum(1), mixture, rtol=0, atol=1e-5)

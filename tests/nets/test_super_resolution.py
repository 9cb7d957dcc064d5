"""The network fills a missing band, and looks at nothing else."""

import pytest
import torch

from libsep.dsp.replication import replicate
from libsep.dsp.stft import stft
from libsep.nets.super_resolution import AmplitudePhaseNet

SIZES = {"n_fft": 256, "hop_length": 64, "n_features": 8, "n_blocks": 2, "expansion": 2}


@pytest.fixture
def network() -> AmplitudePhaseNet:
    torch.manual_seed(3)
    return AmplitudePhaseNet(**SIZES).eval()


@pytest.fixture
def spectrum() -> torch.Tensor:
    return stft(torch.randn(2, 4000, generator=torch.Generator().manual_seed(4)), 256, 64)


def test_known_bins_are_copied_bit_for_bit_and_missing_ones_are_not_looked_at(
    network: AmplitudePhaseNet, spectrum: torch.Tensor
) -> None:
    first_bins = torch.tensor([40, 60])
    made = network(spectrum, first_bins)
    assert torch.equal(made[0, :40], spectrum[0, :40])
    assert torch.equal(made[1, :60], spectrum[1, :60])
    other = spectrum.clone()
    other[0, 40:] *= 7
    other[1, 60:] = 0
    assert torch.equal(network(other, first_bins)[0, 40:], made[0, 40:])
    assert torch.equal(network(other, first_bins)[1, 60:], made[1, 60:])


def test_it_begins_close_to_the_copied_octave(
    network: AmplitudePhaseNet, spectrum: torch.Tensor
) -> None:
    first_bins = torch.tensor([40, 40])
    made, copied = network(spectrum, first_bins), replicate(spectrum, first_bins)
    ratio_db = 20 * (made[:, 40:].abs() / copied[:, 40:].abs()).log10()
    assert ratio_db.abs().mean() < 1.0
    assert (made[:, 40:] * copied[:, 40:].conj()).angle().abs().mean() < 0.1


def test_output_scales_with_the_input_and_silence_gives_silence(
    network: AmplitudePhaseNet, spectrum: torch.Tensor
) -> None:
    first_bins = torch.tensor([40, 60])
    made = network(spectrum, first_bins)
    torch.testing.assert_close(network(8 * spectrum, first_bins), 8 * made, rtol=1e-3, atol=1e-3)
    assert not network(torch.zeros_like(spectrum), first_bins).any()
    spectrum[:, :, 30:] = 0
    assert not network(spectrum, first_bins)[:, :, 30:].any()


def test_items_do_not_influence_each_other(
    network: AmplitudePhaseNet, spectrum: torch.Tensor
) -> None:
    both = network(spectrum, torch.tensor([40, 60]))
    alone = network(spectrum[1:], torch.tensor([60]))
    torch.testing.assert_close(both[1:], alone, rtol=1e-4, atol=1e-5)


def test_gradient_reaches_every_parameter(
    network: AmplitudePhaseNet, spectrum: torch.Tensor
) -> None:
    network.train()
    made = network(spectrum, torch.tensor([40, 60]))
    (made.abs() + made.angle()).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_a_hop_that_is_no_quarter_is_refused() -> None:
    with pytest.raises(ValueError, match="must be a quarter"):
        AmplitudePhaseNet(n_fft=256, hop_length=128)

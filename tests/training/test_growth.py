from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from libsep.config import NetworkConfig, TrainingConfig
from libsep.errors import ConfigError
from libsep.nets.band_split_unet import BandSplitUNet
from libsep.separation.registry import ModelInfo
from libsep.separation.weights import save_model
from libsep.track import TARGETS
from libsep.training.job import Job
from libsep.training.start import begin
from libsep.training.weights.export import arguments_of
from libsep.training.weights.growth import can_grow, grow, new_network

BANDS: dict[str, Any] = {"n_fft": 256, "hop_length": 64, "band_bins": [32, 32, 64],
                         "band_strides": [2, 4, 8]}  # fmt: skip
SMALL = {**BANDS, "channels": [8, 8, 8], "hidden": 8, "n_dual_path": 1, "n_convs": 1}
LARGE = {**BANDS, "channels": [12, 10, 16], "hidden": 12, "n_dual_path": 3, "n_convs": 1}


def lively(**arguments: Any) -> BandSplitUNet:
    """Return a network whose parts all matter, as after a training."""
    torch.manual_seed(3)
    network = BandSplitUNet(**arguments)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
        network(torch.randn(4, 2, 129, 40, dtype=torch.complex64))  # statistics of normalisations
    return network.eval()


def change_db(first: torch.Tensor, second: torch.Tensor) -> float:
    error = (first - second).square().sum() / first.square().sum()
    return 10 * float(error.clamp(min=1e-20).log10())


@pytest.fixture
def mixture() -> torch.Tensor:
    torch.manual_seed(5)
    return torch.randn(1, 2, 6000)


@torch.no_grad()
def test_a_grown_network_does_what_the_smaller_one_does(mixture: torch.Tensor) -> None:
    trained = lively(**SMALL)
    before, network = trained.separate(mixture), BandSplitUNet(**LARGE).eval()
    assert change_db(before, network.separate(mixture)) > -20
    assert can_grow(trained, network)
    grow(network, trained)
    assert change_db(before, network.separate(mixture)) < -25


@torch.no_grad()
def test_only_the_width_of_the_normalisations_is_not_exact(mixture: torch.Tensor) -> None:
    trained = lively(**SMALL)
    network = BandSplitUNet(**{**LARGE, "channels": [12, 10, 8]}).eval()
    grow(network, trained)
    assert change_db(trained.separate(mixture), network.separate(mixture)) < -100


@torch.no_grad()
def test_targets_that_are_missing_become_part_of_other() -> None:
    trained = lively(**SMALL)
    network = BandSplitUNet(targets=("drums", "bass", "other"), **SMALL).eval()
    grow(network, trained)
    spectrum = torch.randn(1, 2, 129, 40, dtype=torch.complex64)
    spectrum[:, :, -1] = 0  # any number of targets gets equal shares of the Nyquist bin
    drums, bass, other, vocals = trained(spectrum).unbind(1)
    expected = torch.stack([drums, bass, other + vocals], dim=1)
    torch.testing.assert_close(network(spectrum), expected, rtol=0, atol=1e-4)


@torch.no_grad()
def test_a_network_of_the_same_shape_gets_the_same_weights(mixture: torch.Tensor) -> None:
    trained, network = lively(**SMALL), BandSplitUNet(**SMALL).eval()
    grow(network, trained)
    assert torch.equal(trained.separate(mixture), network.separate(mixture))


def test_every_weight_of_a_grown_network_can_learn() -> None:
    network = BandSplitUNet(**LARGE)
    grow(network, lively(**SMALL))
    optimiser = torch.optim.SGD(network.parameters(), lr=1.0)
    first = {name: value.clone() for name, value in network.named_parameters()}
    for step in range(4):  # what nothing reads at first is reached when its readers have moved
        torch.manual_seed(step)
        spectrum = torch.randn(2, 2, 129, 16, dtype=torch.complex64)
        optimiser.zero_grad()
        (network(spectrum)[:, 0] - spectrum).abs().mean().backward()
        optimiser.step()
    still = [name for name, value in network.named_parameters() if torch.equal(value, first[name])]
    assert not still


@pytest.mark.parametrize(
    "changes",
    [
        {"channels": [8, 8, 10]},
        {"hop_length": 128},
        {"band_strides": [4, 4, 8], "band_bins": [32, 32, 64]},
        {"targets": ("drums", "bass")},
        {"n_convs": 2},
        {"n_dual_path": 2},
    ],
)
def test_what_is_larger_or_of_another_kind_is_no_beginning(changes: dict[str, Any]) -> None:
    trained = BandSplitUNet(**{**SMALL, **changes})
    assert not can_grow(trained, BandSplitUNet(**SMALL))


def stored(folder: Path, size: str) -> Path:
    """Return the folder of a model of a size, with random weights."""
    config = TrainingConfig.model_validate({"network": {"size": size}})
    torch.manual_seed(7)
    network = new_network(config.network)
    info = ModelInfo(
        name="small",
        architecture="band_split_unet",
        arguments=arguments_of(config, network),
        targets=TARGETS,
        sample_rate=44100,
        licence="MIT",
    )
    save_model(folder / "small", info, network)
    return folder / "small"


def job_from(start: Path, folder: Path, **network: Any) -> Job:
    config = TrainingConfig.model_validate({"network": network})
    return Job(config, (), (), folder / "run", folder / "cache", start=str(start))


def test_a_training_grows_a_smaller_model(tmp_path: Path) -> None:
    targets = ["drums", "bass", "other"]
    start = stored(tmp_path, "S")
    network = begin(job_from(start, tmp_path, size="M", targets=targets)).network
    assert isinstance(network, BandSplitUNet)
    assert network.targets == tuple(targets)
    assert network.merge[0].weight[:32].any()
    assert not network.merge[0].weight[32:].any()  # new features are not heard


def test_a_model_that_is_too_large_is_refused_by_name(tmp_path: Path) -> None:
    start = stored(tmp_path, "S")
    with pytest.raises(ConfigError, match=r"small: .* cannot begin the network \(is it larger"):
        begin(job_from(start, tmp_path, size="XS"))


@pytest.mark.parametrize("targets", [["drums"], ["drums", "bass"], ["other", "drums"]])
def test_targets_must_hold_other_and_be_in_order(targets: list[str]) -> None:
    with pytest.raises(ValidationError, match="expected other and at least one more"):
        NetworkConfig.model_validate({"targets": targets})

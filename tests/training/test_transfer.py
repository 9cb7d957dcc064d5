from pathlib import Path
from typing import Any

import pytest
import torch

from libsep.config import TrainingConfig
from libsep.errors import ConfigError
from libsep.nets.unet import UNet
from libsep.separation.registry import ModelInfo
from libsep.separation.weights import save_model
from libsep.training.job import Job
from libsep.training.start import begin
from libsep.training.weights.transfer import can_transfer, transfer

SIZES: dict[str, Any] = {"n_fft": 256, "hop_length": 64, "n_seen_bins": 64, "channels": [4, 6, 8]}
TARGETS = ["drums", "bass", "other"]
TWO = ["vocals", "accompaniment"]


def lively(**arguments: Any) -> UNet:
    """Return a network whose parts all matter, as after a training."""
    torch.manual_seed(3)
    network = UNet(**{**SIZES, **arguments})
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        network(torch.randn(4, 2, 129, 40, dtype=torch.complex64))  # statistics of normalisations
    return network.eval()


@torch.no_grad()
def test_all_targets_begin_with_the_gain_of_the_accompaniment() -> None:
    trained = lively(targets=TWO)
    network = UNet(**SIZES, targets=TARGETS, joint=True, gains="softmax", masks="shared").eval()
    assert can_transfer(trained, network)
    transfer(network, trained)
    magnitude = torch.rand(1, 2, 24, 64)
    logits = network.networks["joint"](magnitude)
    expected = trained.networks["accompaniment"](magnitude)
    assert logits.shape == (1, 3, 2, 24, 64)
    torch.testing.assert_close(logits, expected.expand_as(logits))
    spectrum = torch.randn(1, 2, 129, 24, dtype=torch.complex64)
    torch.testing.assert_close(network(spectrum), spectrum[:, None].expand(1, 3, 2, 129, 24) / 3)


def test_targets_differ_after_a_step() -> None:
    network = UNet(**SIZES, targets=TARGETS, joint=True, gains="softmax", masks="shared")
    transfer(network, lively(targets=TWO))
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    spectrum = torch.randn(2, 2, 129, 24, dtype=torch.complex64)
    for _ in range(2):
        optimiser.zero_grad()
        (network(spectrum)[:, 0] - spectrum).abs().mean().backward()
        optimiser.step()
    drums, bass, _ = network(spectrum).abs().mean(dim=(0, 2, 3, 4))
    assert drums > bass


@pytest.mark.parametrize(
    ("trained", "network"),
    [
        ({"targets": TWO}, {"joint": False}),
        ({"targets": TWO}, {"channels": [4, 6, 10]}),
        ({"targets": TWO, "hop_length": 128}, {}),
        ({"targets": TWO, "hpss": True}, {}),
        ({"targets": ["vocals", "drums"]}, {}),
    ],
)
def test_what_does_not_fit_is_refused(trained: dict[str, Any], network: dict[str, Any]) -> None:
    arguments = {**SIZES, "targets": TARGETS, "joint": True, **network}
    assert not can_transfer(lively(**trained), UNet(**arguments))


def test_a_training_begins_with_a_model_of_two(tmp_path: Path) -> None:
    trained = lively(targets=TWO)
    info = ModelInfo(
        name="two",
        architecture="unet",
        arguments={**SIZES, "targets": [*TWO]},
        targets=trained.targets,
        sample_rate=44100,
        licence="MIT",
    )
    folder = save_model(tmp_path / "two", info, trained).folder
    arguments = {**SIZES, "joint": True, "gains": "softmax"}
    section = {"architecture": "unet", "targets": TARGETS, "arguments": arguments}
    config = TrainingConfig.model_validate({"network": section})
    network = begin(Job(config, (), (), tmp_path, tmp_path, start=str(folder))).network
    found = network.get_parameter("networks.joint.down.1.conv.weight")
    stored = trained.get_parameter("networks.accompaniment.down.1.conv.weight")
    torch.testing.assert_close(found, stored, rtol=1e-3, atol=1e-3)
    apart = TrainingConfig.model_validate(
        {"network": {**section, "arguments": {**arguments, "joint": False}}}
    )
    with pytest.raises(ConfigError, match=r"two: this unet cannot begin the network"):
        begin(Job(apart, (), (), tmp_path, tmp_path, start=str(folder)))

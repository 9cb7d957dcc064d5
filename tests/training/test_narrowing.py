from pathlib import Path
from typing import Any

import pytest
import torch

from libsep.config import TrainingConfig
from libsep.errors import ConfigError
from libsep.nets.unet import SourceUNet, UNet
from libsep.separation.registry import ModelInfo
from libsep.separation.weights import save_model
from libsep.training.job import Job
from libsep.training.start import begin
from libsep.training.weights.narrowing import can_narrow, narrow

BINS: dict[str, Any] = {"n_fft": 256, "hop_length": 64, "n_seen_bins": 64, "masks": "shared"}
WIDE = [8, 12, 16]
NARROW = [4, 6, 8]


def lively(channels: list[int], **arguments: Any) -> UNet:
    """Return a network whose parts all matter, as after a training."""
    torch.manual_seed(3)
    arguments = {"targets": ("vocals", "accompaniment"), **BINS, **arguments}
    network = UNet(channels=channels, **arguments)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        network(torch.randn(4, 2, 129, 40, dtype=torch.complex64))  # statistics of normalisations
    return network.eval()


@torch.no_grad()
def silence_readers(unet: SourceUNet, kept: list[torch.Tensor]) -> None:
    """Let nothing read the features that are not kept, level by level, on both ways."""
    for level, (features, width) in enumerate(zip(kept, WIDE, strict=True)):
        unread = torch.ones(width, dtype=torch.bool)
        unread[features] = False
        up = unet.get_parameter(f"up.{len(WIDE) - 1 - level}.conv.weight")
        up[unread.repeat(len(up) // width)] = 0
        if level + 1 < len(WIDE):
            unet.get_parameter(f"down.{level + 1}.conv.weight")[:, unread] = 0


@torch.no_grad()
def test_features_that_nothing_reads_are_what_is_left_out() -> None:
    trained = lively(WIDE)
    generator = torch.Generator().manual_seed(1)
    for unet in trained.networks.values():
        assert isinstance(unet, SourceUNet)
        kept = [
            torch.randperm(width, generator=generator)[:n]
            for width, n in zip(WIDE, NARROW, strict=True)
        ]
        silence_readers(unet, kept)
    network = UNet(channels=NARROW, targets=("vocals", "accompaniment"), **BINS).eval()
    assert can_narrow(trained, network)
    mixture = torch.randn(1, 2, 6000)
    before = trained.separate(mixture)
    assert (network.separate(mixture) - before).abs().max() > 0.01
    narrow(network, trained)
    torch.testing.assert_close(network.separate(mixture), before, rtol=0, atol=1e-5)


@torch.no_grad()
def test_the_accompaniment_of_a_model_is_the_other_of_a_training() -> None:
    trained = lively(WIDE)
    network = UNet(channels=WIDE, targets=("other", "vocals"), **BINS).eval()
    narrow(network, trained)
    mixture = torch.randn(1, 2, 6000)
    expected = trained.separate(mixture).flip(1)
    torch.testing.assert_close(network.separate(mixture), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "changes",
    [
        {"channels": [8, 13, 16]},
        {"channels": [8, 12]},
        {"hop_length": 128},
        {"n_seen_bins": 128},
        {"hpss": True},
        {"targets": ("drums", "other", "vocals")},
    ],
)
def test_what_is_wider_or_of_another_kind_is_refused(changes: dict[str, Any]) -> None:
    arguments = {"channels": NARROW, "targets": ("other", "vocals"), **BINS, **changes}
    assert not can_narrow(lively(WIDE), UNet(**arguments))


def job_from(folder: Path, channels: list[int]) -> Job:
    """Return a training that begins with a stored model of the wide network."""
    network = lively(WIDE)
    info = ModelInfo(
        name="wide",
        architecture="unet",
        arguments={**BINS, "channels": [*WIDE], "targets": [*network.targets]},
        targets=network.targets,
        sample_rate=44100,
        licence="MIT",
    )
    save_model(folder / "wide", info, network)
    arguments: dict[str, Any] = {"channels": channels, **BINS}
    section = {"architecture": "unet", "targets": ["other", "vocals"], "arguments": arguments}
    config = TrainingConfig.model_validate({"network": section})
    return Job(config, (), (), folder, folder, start=str(folder / "wide"))


def test_a_training_narrows_a_wider_model(tmp_path: Path) -> None:
    network = begin(job_from(tmp_path, NARROW)).network
    deepest = network.get_parameter("networks.other.down.2.conv.weight")
    wide = lively(WIDE).get_parameter("networks.accompaniment.down.2.conv.weight")
    flat = wide.detach().flatten().half().float()  # as it is stored
    assert torch.isin(deepest, flat).all()


def test_a_model_that_is_too_narrow_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"wide: this unet cannot begin the network"):
        begin(job_from(tmp_path, [8, 12, 17]))

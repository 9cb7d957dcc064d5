"""Every architecture that a configuration may name is trained, exported and used like our own."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from libsep.config import TrainingConfig, load
from libsep.errors import ConfigError
from libsep.nets.nmf import divergence
from libsep.nets.svsgan import Svsgan
from libsep.separation.registry import read_model
from libsep.separation.separator import Separator
from libsep.training.job import Job
from libsep.training.local import train
from libsep.training.start import begin, check_start, open_stage
from libsep.training.state import State, new_state
from libsep.training.step import supervised_losses, train_step
from libsep.training.weights.checkpoint import load_checkpoint, save_checkpoint
from libsep.training.weights.export import export_model
from libsep.training.weights.growth import new_network

TINY: dict[str, dict[str, object]] = {
    "unet": {"n_fft": 512, "hop_length": 128, "n_seen_bins": 256, "channels": [8, 16, 16]},
    "wave_unet": {"n_levels": 4, "n_features": 8},
    "demucs": {"n_layers": 3, "n_features": 8},
    "wavenet": {"n_stacks": 1, "largest_dilation": 64, "n_features": 16, "n_skip": 16,
                "n_hidden": [32, 16]},
    "svsgan": {"n_fft": 512, "hop_length": 256, "hidden": [64, 32], "is_recurrent": True},
    "two_encoder": {"n_fft": 512, "hop_length": 128, "n_seen_bins": 256, "n_frames": 16,
                    "n_features": 8, "n_latent": 32},
}  # fmt: skip
LOSSES = {"svsgan": {"spectrum": 0.0, "divergence": 1.0}, "unet": {}, "two_encoder": {}}
WAVEFORM = {"spectrum": 0.0, "waveform": 1.0}


def settings(architecture: str, **changes: object) -> TrainingConfig:
    values: dict[str, object] = {
        "workers": 1,
        "precision": "float32",
        "network": {"architecture": architecture, "arguments": TINY[architecture]},
        "loss": LOSSES.get(architecture, WAVEFORM),
        "material": {"segment_s": 0.5, "n_renders": 0},
        "optimiser": {"n_steps": 200, "n_batch": 1, "n_warmup_steps": 0, "learning_rate": 2e-3},
    }
    return TrainingConfig.model_validate(values | changes)


def state_of(config: TrainingConfig) -> State:
    torch.manual_seed(5)
    return new_state(new_network(config.network), config.optimiser)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", TINY)
def test_sixty_steps_lower_the_loss(architecture: str) -> None:
    optimiser = {"n_steps": 60, "n_batch": 1, "n_warmup_steps": 0, "learning_rate": 5e-3}
    config = settings(architecture, optimiser=optimiser)
    state = state_of(config)
    time_s = torch.arange(4000) / 44100
    tones = [torch.sin(2 * torch.pi * hertz * time_s) for hertz in (200, 1500, 5000, 12000)]
    sources = 0.1 * torch.stack(tones)[None, :, None].expand(1, -1, 2, -1)
    losses = [
        train_step(state, sources, config.loss, config.optimiser, is_bfloat16=False)["loss"]
        for _ in range(60)
    ]
    assert np.mean(losses[-10:]) < 0.6 * losses[0]


@pytest.mark.parametrize("name", [*TINY, "unet_8khz", "svsgan_adversarial", "nmf"])
def test_published_configurations_name_what_the_networks_take(name: str) -> None:
    path = Path(__file__).parents[2] / "configs" / "train" / f"{name}.yaml"
    config = load(TrainingConfig, path)
    with torch.device("meta"):
        network = new_network(config.network)
    assert network.targets == ("drums", "bass", "other", "vocals")


def test_a_trained_wave_unet_becomes_a_model_that_separates(
    songs_folder: Path, tmp_path: Path
) -> None:
    config = settings("wave_unet", optimiser={"n_steps": 2, "n_batch": 1, "n_warmup_steps": 0})
    about = tmp_path / "about.yaml"
    about.write_text(
        yaml.safe_dump({"kind": "separator", "name": "mine", "licence": "MIT", "description": "x"})
    )
    job = Job(
        config,
        data=(songs_folder,),
        validation=(songs_folder,),
        out=tmp_path / "run",
        cache=tmp_path / "cache",
    )
    train(job)
    export_model(tmp_path / "run", "checkpoint.pt", about, tmp_path / "mine")
    model = read_model(tmp_path / "mine")
    assert model.architecture == "wave_unet"
    mixture = np.random.default_rng(1).normal(0, 0.1, (1, 2, 9000)).astype(np.float32)
    estimates = Separator(model, device="cpu", precision="float32").separate(mixture)
    np.testing.assert_allclose(estimates.sum(1), mixture, atol=1e-5)


def test_the_divergence_is_that_of_the_magnitudes() -> None:
    config = settings("svsgan", loss={"spectrum": 0.0, "divergence": 2.0})
    state = state_of(config)
    network = state.network
    assert isinstance(network, Svsgan)
    sources = 0.1 * torch.randn(1, 4, 2, 4000, generator=torch.Generator().manual_seed(2))
    losses = supervised_losses(network, sources, config.loss, is_bfloat16=False)
    level = sources.sum(1).square().mean(dim=(1, 2)).sqrt()
    sources = sources / level[:, None, None, None]  # the network gets mixtures with an RMS of 1
    spectrum = network.spectrogram(sources.sum(1))
    masked = network.masks(spectrum.abs()) * spectrum.abs()[:, None]
    expected = divergence(network.spectrogram(sources).abs(), masked) / masked.numel()
    torch.testing.assert_close(losses["loss/divergence"], 2 * expected)


def test_what_a_network_cannot_do_is_refused(tmp_path: Path) -> None:
    config = settings("wave_unet", loss={"divergence": 1.0})
    with pytest.raises(ConfigError, match="WaveUNet does not estimate magnitudes"):
        train_step(
            state_of(config), torch.randn(1, 4, 2, 4000), config.loss, config.optimiser,
            is_bfloat16=False,
        )  # fmt: skip
    wrong = settings("wave_unet", network={"architecture": "wave_unet", "arguments": {"depth": 3}})
    with pytest.raises(ConfigError, match=r"arguments of wave_unet.*depth"):
        new_network(wrong.network)
    adversarial = settings("demucs", adversarial={})
    job = Job(
        adversarial, data=(), validation=(tmp_path,), out=tmp_path, cache=tmp_path, start="small"
    )
    with pytest.raises(ConfigError, match="needs the network band_split_unet"):
        check_start(job)


def test_a_resumed_training_drops_the_features_that_it_would_have_dropped(
    songs_folder: Path, tmp_path: Path
) -> None:
    config = settings("unet", optimiser={"n_steps": 2, "n_batch": 1, "n_warmup_steps": 0})
    job = Job(config, (songs_folder,), (), tmp_path / "run", tmp_path / "cache")
    whole = open_stage(job, begin(job))
    whole.step()
    save_checkpoint(tmp_path / "first.pt", whole.state)
    expected = whole.step()
    state = begin(job)
    load_checkpoint(tmp_path / "first.pt", state)
    assert open_stage(job, state).step() == expected

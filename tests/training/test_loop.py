import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from libsep.config import GenreTrainingConfig, TrainingConfig, load, load_training
from libsep.datasets.songs import Song
from libsep.errors import ConfigError
from libsep.nets.band_split_unet import BandSplitUNet
from libsep.separation.registry import read_model
from libsep.separation.weights import load_network
from libsep.track import TARGETS
from libsep.training import validate as validation
from libsep.training.gate import Means, Verdict
from libsep.training.job import Job
from libsep.training.local import train
from libsep.training.loop import Loop
from libsep.training.state import State, new_state
from libsep.training.step import merged, train_step
from libsep.training.validate import Measures
from libsep.training.weights.checkpoint import load_checkpoint, save_checkpoint
from libsep.training.weights.export import export_model

SMALL = {"n_fft": 256, "hop_length": 64, "channels": [8, 8, 8], "hidden": 8, "n_dual_path": 1,
         "n_convs": 1, "band_bins": [32, 32, 64], "band_strides": [2, 4, 8]}  # fmt: skip
SAMPLE_RATE = 44100


CONFIGS = sorted((Path(__file__).parents[2] / "configs" / "train").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_training_config_loads(path: Path) -> None:
    loaded = load_training(path)
    assert isinstance(loaded, GenreTrainingConfig) or loaded != TrainingConfig()


def settings(**changes: object) -> TrainingConfig:
    values = {
        "workers": 1,
        "precision": "float32",
        "log_interval": 2,
        "network": {"size": "XS"},
        "material": {"segment_s": 0.5, "n_renders": 0},
        "optimiser": {"n_steps": 4, "n_batch": 1, "n_warmup_steps": 0},
    }
    return TrainingConfig.model_validate(values | changes)


def fresh_state(config: TrainingConfig) -> State:
    torch.manual_seed(11)
    return new_state(BandSplitUNet(**SMALL), config.optimiser)


def some_sources(step: int) -> torch.Tensor:
    noise = np.random.default_rng(step).normal(0, 0.1, (2, 4, 2, 4000))
    return torch.from_numpy(noise.astype(np.float32))


def losses_of(state: State, config: TrainingConfig, n_steps: int) -> list[float]:
    return [
        train_step(
            state, some_sources(state.step), config.loss, config.optimiser, is_bfloat16=False
        )["loss"]
        for _ in range(n_steps)
    ]


def test_what_a_network_has_no_target_for_is_trained_as_other() -> None:
    sources = some_sources(0)
    merged_sources = merged(sources, ("drums", "other"))
    assert torch.equal(merged_sources[:, 0], sources[:, 0])
    torch.testing.assert_close(merged_sources[:, 1], sources[:, 1:].sum(1))
    assert merged(sources, TARGETS) is sources


def test_a_resumed_training_has_the_same_losses_to_the_last_digit(tmp_path: Path) -> None:
    config = settings(optimiser={"n_steps": 10})
    state = fresh_state(config)
    losses_of(state, config, 3)
    save_checkpoint(tmp_path / "a.pt", state)
    expected = losses_of(state, config, 3)
    resumed = new_state(BandSplitUNet(**SMALL), config.optimiser)
    load_checkpoint(tmp_path / "a.pt", resumed)
    assert losses_of(resumed, config, 3) == expected
    for name, value in state.average.state_dict().items():
        assert torch.equal(value, resumed.average.state_dict()[name])


def test_training_on_one_batch_lowers_the_loss() -> None:
    config = settings(optimiser={"n_steps": 60, "learning_rate": 5e-3, "n_warmup_steps": 0})
    state = fresh_state(config)
    time_s = torch.arange(4000) / SAMPLE_RATE
    tones = [torch.sin(2 * torch.pi * hertz * time_s) for hertz in (200, 1500, 5000, 12000)]
    sources = 0.1 * torch.stack(tones)[None, :, None].expand(2, -1, 2, -1)
    losses = [
        train_step(state, sources, config.loss, config.optimiser, is_bfloat16=False)["loss"]
        for _ in range(60)
    ]
    assert losses[-1] < 0.4 * losses[0]


def test_all_parts_of_the_loss_are_reported_and_add_up() -> None:
    config = settings(loss={"spectrum": 1.0, "waveform": 0.5, "rmse": 2.0, "resolutions": 0.25})
    state = fresh_state(config)
    metrics = train_step(state, some_sources(0), config.loss, config.optimiser, is_bfloat16=False)
    parts = [metrics[f"loss/{name}"] for name in config.loss.model_dump() if name != "divergence"]
    assert all(part > 0 for part in parts)
    assert metrics["loss"] == pytest.approx(sum(parts))


def test_the_rate_rises_and_then_falls_along_a_cosine() -> None:
    config = settings(optimiser={"n_steps": 100, "n_warmup_steps": 9})
    scheduler = fresh_state(config).scheduler
    rate = scheduler.lr_lambdas[0]
    assert rate(0) == pytest.approx(0.1)
    assert rate(4) == pytest.approx(0.5, rel=0.01)
    assert rate(50) == pytest.approx(0.505)
    assert rate(100) == pytest.approx(0.01)
    assert rate(1000) == pytest.approx(0.01)


def test_the_average_lags_behind_the_network() -> None:
    config = settings()
    state = fresh_state(config)
    state.step = 10**6
    before = state.average.state_dict()["split.0.weight"].clone()
    with torch.no_grad():
        state.network.state_dict()["split.0.weight"].add_(1.0)
    state.update_average(0.9)
    moved = state.average.state_dict()["split.0.weight"] - before
    torch.testing.assert_close(moved, torch.full_like(moved, 0.1))


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.pt").write_bytes(b"nothing")
    with pytest.raises(ConfigError, match=r"bad\.pt: cannot be resumed from"):
        load_checkpoint(tmp_path / "bad.pt", fresh_state(settings()))


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "a.pt", fresh_state(settings()))
    larger = new_state(BandSplitUNet(**{**SMALL, "hidden": 12}), settings().optimiser)
    with pytest.raises(ConfigError, match="another size of network"):
        load_checkpoint(tmp_path / "a.pt", larger)


def test_segments_are_joined_without_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    network = BandSplitUNet(**SMALL).eval()
    monkeypatch.setattr(validation, "SEGMENT_S", 0.5)
    monkeypatch.setattr(validation, "CONTEXT_S", 0.1)
    mixture = np.random.default_rng(0).normal(0, 0.1, (2, 50_001)).astype(np.float32)
    estimates = validation.separate_in_segments(network, mixture, SAMPLE_RATE, is_bfloat16=False)
    np.testing.assert_allclose(estimates.sum(0), mixture, atol=1e-5)


class Scored:
    """A stage that only counts; the weights of step 2 are the best."""

    validates_start = False

    def __init__(self, state: State) -> None:
        self.state = state

    def step(self) -> dict[str, float]:
        self.state.step += 1
        return {"loss": 1.0}

    def validate(self, songs: Sequence[Song]) -> Measures:
        return {"sdr_db": {song.name: {"drums": float(self.state.step)} for song in songs}}

    def judge(self, means: Means) -> Verdict:
        return Verdict(is_best=means["sdr_db"]["mean"] == 2.0, reason="")


def test_the_checkpoint_knows_of_the_best_weights() -> None:
    config = settings(
        log_interval=1,
        validation_interval_s=1e-9,
        optimiser={"n_steps": 4, "n_batch": 1},
    )
    saved: list[tuple[str, int]] = []
    Loop(
        config,
        Scored(fresh_state(config)),
        [Song("x", {})],
        journal=None,
        save=lambda state, name: saved.append((name, state.step)),
    ).run()
    assert saved == [("best.pt", 2), ("checkpoint.pt", 2), ("checkpoint.pt", 4)]


def test_a_run_trains_validates_resumes_and_exports(tmp_path: Path, songs_folder: Path) -> None:
    job = Job(settings(), (songs_folder,), (songs_folder,), tmp_path / "run", tmp_path / "cache")
    train(job)
    lines = [json.loads(line) for line in (job.out / "curve.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == [2, 4]
    assert set(lines[-1]["sdr_db"]) == {"drums", "bass", "other", "vocals", "mean"}
    assert set(lines[-1]["sdr_db_by_song"]) == {"first", "second"}
    assert load(TrainingConfig, job.out / "config.yaml") == job.config
    longer = settings(optimiser={"n_steps": 6, "n_batch": 1, "n_warmup_steps": 0})
    train(Job(longer, job.data, job.validation, job.out, job.cache))
    steps = [
        json.loads(line)["step"] for line in (job.out / "curve.jsonl").read_text().splitlines()
    ]
    assert steps == [2, 4, 4, 6, 6]
    (tmp_path / "info.yaml").write_text(yaml.safe_dump({"name": "tiny", "licence": "MIT"}))
    export_model(job.out, "checkpoint.pt", tmp_path / "info.yaml", tmp_path / "model")
    table = (tmp_path / "model" / "curve.csv").read_text().splitlines()
    assert table[0].startswith("step,audio_h,loss")
    assert [line.partition(",")[0] for line in table[1:]] == ["2", "4", "6"]
    assert (tmp_path / "model" / "curve.png").read_bytes() == (job.out / "curve.png").read_bytes()
    network = load_network(read_model(tmp_path / "model"))
    mixture = torch.randn(1, 2, 20000)
    torch.testing.assert_close(network.separate(mixture).sum(1), mixture, rtol=0, atol=1e-5)


def test_several_workers_for_one_gpu_are_refused(tmp_path: Path) -> None:
    job = Job(settings(device="cuda", workers=2), (), (), tmp_path / "run", tmp_path / "cache")
    with pytest.raises(ConfigError, match="workers: 2, expected 1 where device is cuda"):
        train(job)


def test_a_validation_folder_without_songs_is_named(tmp_path: Path, songs_folder: Path) -> None:
    (tmp_path / "empty").mkdir()
    job = Job(settings(), (songs_folder,), (tmp_path / "empty",), tmp_path / "a", tmp_path / "b")
    with pytest.raises(ConfigError, match="empty: no validation songs"):
        train(job)


@pytest.mark.slow
def test_two_workers_and_the_sampler_train_one_network(
    tmp_path: Path, songs_folder: Path, pack_folder: Path
) -> None:
    config = settings(
        workers=2,
        material={"segment_s": 0.5, "n_renders": 2, "render_s": 2.0, "render_interval_s": 0.0},
        optimiser={"n_steps": 3, "n_batch": 1},
    )
    job = Job(
        config, (songs_folder, pack_folder), (songs_folder,), tmp_path / "run", tmp_path / "c"
    )
    train(job)
    line = json.loads((job.out / "curve.jsonl").read_text().splitlines()[-1])
    assert line["step"] == 3
    assert set(line["sdr_db_by_song"]) == {"first", "second"}, "each worker scores its share"


def test_a_training_that_diverges_stops_and_keeps_its_weights() -> None:
    config = settings()
    state = fresh_state(config)
    losses_of(state, config, 1)
    before = {name: value.clone() for name, value in state.network.state_dict().items()}
    with torch.no_grad():
        state.network.get_parameter("up_fine.bias").fill_(torch.inf)
    with pytest.raises(ConfigError, match="step 2: the gradient is no number any more"):
        losses_of(state, config, 1)
    assert state.step == 1
    for name, parameter in state.network.named_parameters():
        if name != "up_fine.bias":
            assert torch.equal(parameter, before[name]), name

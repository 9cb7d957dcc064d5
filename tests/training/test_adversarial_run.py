"""From a trained model through the adversarial stage to a better one, with real files."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from libsep.config import TrainingConfig
from libsep.datasets.songs import Song
from libsep.errors import ConfigError
from libsep.nets.band_split_unet import SIZES, BandSplitUNet
from libsep.separation.registry import Model, ModelInfo
from libsep.separation.weights import save_model
from libsep.track import TARGETS
from libsep.training.job import Job
from libsep.training.local import train
from libsep.training.material.data import Material
from libsep.training.material.examples import Examples
from libsep.training.stage import Supervised
from libsep.training.start import begin
from libsep.training.state import new_state
from libsep.training.weights.checkpoint import load_weights, save_checkpoint
from libsep.training.weights.export import arguments_of

from ..conftest import tone, write_wave


def settings(**changes: object) -> TrainingConfig:
    values = {
        "workers": 1,
        "precision": "float32",
        "log_interval": 1,
        "network": {"size": "XS"},
        "material": {"segment_s": 0.5, "n_renders": 0},
        "optimiser": {"n_steps": 2, "n_batch": 1, "n_warmup_steps": 0, "learning_rate": 1e-4},
        "adversarial": {
            "n_warmup_steps": 1,
            "crop_s": 0.1,
            "n_items": 1,
            "targets": ["drums"],
            "start_shares": [0.5],
        },
    }
    return TrainingConfig.model_validate(values | changes)


def small_network() -> BandSplitUNet:
    torch.manual_seed(5)
    return BandSplitUNet(**SIZES["XS"])


@pytest.fixture
def trained(tmp_path: Path) -> Model:
    network = small_network()
    info = ModelInfo(
        name="start",
        architecture="band_split_unet",
        arguments=arguments_of(settings(), network),
        targets=TARGETS,
        sample_rate=44100,
        licence="MIT",
    )
    return save_model(tmp_path / "models" / "start", info, network)


@pytest.fixture
def job(tmp_path: Path, songs_folder: Path, trained: Model) -> Job:
    for name in ("mix.wav", "drums/loop.wav", "no_drums/choir.wav"):
        write_wave(tmp_path / "unpaired" / name, tone(400, 1.0))
    return Job(
        settings(),
        (songs_folder,),
        (songs_folder,),
        tmp_path / "run",
        tmp_path / "cache",
        start=str(trained.folder),
        unpaired=(tmp_path / "unpaired",),
    )


def curve(run: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (run / "curve.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_a_model_is_scored_trained_against_discriminators_and_judged(job: Job) -> None:
    train(job)
    start, warm, step, judged = curve(job.out)
    assert start["step"] == 0
    assert str(start["verdict"]).startswith("onset LSD")
    assert "discriminator/unpaired/drums" in warm
    assert "loss" not in warm
    assert step["adversarial/leak"] > 0
    assert step["adversarial/unpaired"] >= 0
    assert judged["step"] == 2
    assert set(judged["lsd"]) == {"drums", "bass", "mean"}
    assert {name for name in judged if name.startswith("sdr_db_at")} == {"sdr_db_at_0.5"} | {
        "sdr_db_at_0.5_by_song"
    }
    best = torch.load(job.out / "best.pt", weights_only=True)
    newest = torch.load(job.out / "checkpoint.pt", weights_only=True)
    share = judged.get("start_share", 0.0) if judged["is_best"] else 1.0
    for name, value in best["average"].items():
        if value.is_floating_point():
            expected = torch.lerp(newest["average"][name], newest["origin"][name], share)
            torch.testing.assert_close(value, expected)
    longer = settings(optimiser={"n_steps": 3, "n_batch": 1, "n_warmup_steps": 0})
    train(dataclasses.replace(job, config=longer))
    assert [line["step"] for line in curve(job.out)[4:]] == [3, 3]


@pytest.mark.slow
def test_two_workers_train_together(job: Job) -> None:
    train(dataclasses.replace(job, config=settings(workers=2)))
    assert curve(job.out)[-1]["step"] == 2


def test_a_job_begins_with_the_weights_of_a_model(job: Job, trained: Model) -> None:
    expected = small_network().state_dict()
    state = begin(job)
    assert state.adversary is not None
    for weights in (state.network.state_dict(), state.average.state_dict()):
        for name, value in weights.items():
            torch.testing.assert_close(value, expected[name], rtol=1e-3, atol=1e-6)  # float16


def test_a_supervised_training_tries_weights_nearer_to_its_start(job: Job) -> None:
    config = settings(adversarial=None, start_shares=[0.5])
    state = begin(dataclasses.replace(job, config=config, unpaired=()))
    assert state.origin is not None
    song = Song("s", {name: (tone(300, 0.2) * 9999).astype(np.int16) for name in TARGETS})
    with torch.no_grad():
        state.average.state_dict()["split.0.bias"].add_(1.0)
    examples = Examples(Material([song], {}), None, config.material, config.augment, 44100)
    stage = Supervised(config, state, examples, validates_start=True)
    assert "sdr_db_at_0.5" not in stage.validate([song])
    state.step = 1
    measures = stage.validate([song])
    assert measures["sdr_db_at_0.5"]["s"]["drums"] != measures["sdr_db"]["s"]["drums"]


def test_a_job_begins_with_the_average_of_a_checkpoint(job: Job, tmp_path: Path) -> None:
    state = new_state(small_network(), settings().optimiser)
    with torch.no_grad():
        state.average.state_dict()["split.0.bias"].fill_(0.25)
    save_checkpoint(tmp_path / "run1.pt", state)
    begun = begin(dataclasses.replace(job, start=str(tmp_path / "run1.pt")))
    assert (begun.network.state_dict()["split.0.bias"] == 0.25).all()
    assert begun.step == 0


def test_a_model_of_another_size_is_refused(job: Job) -> None:
    larger = settings(network={"size": "S"})
    with pytest.raises(ConfigError, match="this band_split_unet cannot begin the network"):
        begin(dataclasses.replace(job, config=larger))


def test_a_checkpoint_of_another_size_is_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "xs.pt", new_state(small_network(), settings().optimiser))
    larger = BandSplitUNet(**SIZES["S"])
    with pytest.raises(ConfigError, match=r"xs\.pt: cannot be started from .*another size"):
        load_weights(str(tmp_path / "xs.pt"), larger)


def test_a_model_that_does_not_exist_is_refused(job: Job) -> None:
    with pytest.raises(ConfigError, match=r"nothing: cannot be started from: .*'nothing'"):
        begin(dataclasses.replace(job, start="nothing"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start": None}, "needs a trained generator, expected --from"),
        ({"validation": ()}, "needs songs to guard the SDR with, expected --validation"),
        ({"config": settings(adversarial=None)}, "unpaired: unpaired recordings are for"),
        (
            {"config": settings(network={"size": "XS", "targets": ["bass", "other"]})},
            "adversarial.targets: drums, but the network separates bass, other",
        ),
    ],
)
def test_stages_that_cannot_work_are_refused_before_anything_is_written(
    job: Job, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        train(dataclasses.replace(job, **changes))
    assert not job.out.exists()

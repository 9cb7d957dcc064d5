"""NMF by ``libsep train``: bases from single sources, resumed, exported and refused."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from libsep.config import TrainingConfig, load
from libsep.errors import ConfigError
from libsep.separation.registry import read_model
from libsep.separation.separator import Separator
from libsep.track import TARGETS
from libsep.training.job import CHECKPOINT, Job
from libsep.training.local import train
from libsep.training.start import begin, check_start
from libsep.training.weights.export import export_model
from libsep.training.worker import RunFolder

from ..conftest import write_wave

HERTZ = {"drums": 6000.0, "bass": 100.0, "other": 700.0, "vocals": 2500.0}
"""Where each target has its tone, so that their spectra have nothing in common."""


def tone_of(target: str, n_samples: int = 44100) -> np.ndarray:
    time_s = np.arange(n_samples) / 44100
    beats = np.sin(2 * np.pi * (3 + len(target)) * time_s) > 0
    return (0.2 * np.sin(2 * np.pi * HERTZ[target] * time_s) * beats).astype(np.float32)


def settings(**changes: object) -> TrainingConfig:
    path = Path(__file__).parents[2] / "configs" / "train" / "nmf.yaml"
    values = load(TrainingConfig, path).model_dump(mode="json")
    values["network"]["arguments"] = {"n_fft": 1024, "hop_length": 256, "n_bases": 4}
    values["material"] |= {"segment_s": 0.5}
    values["augment"] |= {"varispeed": 0.0, "equaliser": 0.0, "limiter": 0.0}
    values["optimiser"] |= {"n_batch": 4, "n_steps": 30}
    return TrainingConfig.model_validate(values | changes)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Return a job whose training has ended, on single sources and no song."""
    folder = tmp_path_factory.mktemp("nmf")
    for target in TARGETS:
        (folder / "single" / target).mkdir(parents=True)
        write_wave(folder / "single" / target / "tone.wav", np.stack([tone_of(target)] * 2))
    job = Job(
        settings(),
        data=(folder / "single",),
        validation=(),
        out=folder / "run",
        cache=folder / "cache",
    )
    train(job)
    return job


def test_bases_of_single_sources_separate_a_mixture(finished: Job, tmp_path: Path) -> None:
    about = tmp_path / "about.yaml"
    about.write_text(yaml.safe_dump({"name": "mine", "licence": "MIT", "description": "x"}))
    export_model(finished.out, CHECKPOINT, about, tmp_path / "mine")
    separator = Separator(read_model(tmp_path / "mine"), device="cpu", precision="float32")
    truth = np.stack([np.stack([tone_of(target)] * 2) for target in TARGETS])
    estimates = separator.separate(truth.sum(0)[None])[0]
    np.testing.assert_allclose(estimates.sum(0), truth.sum(0), atol=1e-5)
    error = np.square(estimates - truth).sum((1, 2))
    assert (10 * np.log10(np.square(truth).sum((1, 2)) / error) > 12).all()


def test_the_curve_falls_for_every_target(finished: Job) -> None:
    lines = (finished.out / "curve.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    for target in TARGETS:
        curve = [row[f"divergence/{target}"] for row in rows]
        assert curve == sorted(curve, reverse=True)
        assert curve[-1] < 0.5 * curve[0]


def test_a_stopped_training_goes_on_from_its_bases(finished: Job, tmp_path: Path) -> None:
    config = settings(optimiser={"n_batch": 4, "n_steps": 31})
    state = begin(dataclasses.replace(finished, config=config))
    RunFolder(finished.out).resume(state)
    assert state.step == 30
    before = state.network.bases.clone()
    job = dataclasses.replace(finished, config=config)
    train(job)
    after = begin(job)
    RunFolder(finished.out).resume(after)
    assert after.step == 31
    alike = torch.nn.functional.cosine_similarity(before, after.network.bases, dim=1)
    assert alike.median() > 0.95  # new ones, from chance, would not be


def test_what_it_cannot_do_is_refused(finished: Job) -> None:
    def job(**changes: object) -> Job:
        return dataclasses.replace(finished, config=settings(**changes), start="x")

    with pytest.raises(ConfigError, match="workers: 2, expected 1 where the network is nmf"):
        check_start(job(workers=2))
    with pytest.raises(ConfigError, match="nmf is not trained by gradients"):
        check_start(job(frame_adversarial={}))

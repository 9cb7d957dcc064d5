from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from libsep.config import TrainingConfig
from libsep.errors import ConfigError
from libsep.separation.registry import Model, ModelInfo
from libsep.separation.weights import load_network, save_model
from libsep.training.job import Job
from libsep.training.stage import Supervised
from libsep.training.start import begin, open_stage
from libsep.training.step import merged, train_step
from libsep.training.teacher import Teacher


def job_in(folder: Path, songs: Path, **changes: Any) -> Job:
    values = {
        "workers": 1,
        "precision": "float32",
        "network": {"size": "XS", "targets": ["drums", "other"]},
        "material": {"segment_s": 0.5, "n_renders": 0},
        "optimiser": {"n_steps": 4, "n_batch": 1, "n_warmup_steps": 0},
    }
    config = TrainingConfig.model_validate(values | changes)
    (folder / "cache").mkdir()
    return Job(config, (songs,), (), folder / "run", folder / "cache")


def test_a_mixture_is_split_as_the_model_does_it(
    tiny_model: Model, rng: np.random.Generator
) -> None:
    mixture = torch.from_numpy(rng.normal(0, 0.1, (2, 2, 20000)).astype(np.float32))
    teacher = Teacher(str(tiny_model.folder), ("drums", "other"), device="cpu", is_bfloat16=False)
    sources = teacher.sources(mixture)
    estimates = dict(
        zip(tiny_model.targets, load_network(tiny_model).separate(mixture).unbind(1), strict=True)
    )
    torch.testing.assert_close(sources[:, 0], estimates.pop("drums"))
    torch.testing.assert_close(sources[:, 1], sum(estimates.values()))
    torch.testing.assert_close(sources.sum(1), mixture, rtol=0, atol=1e-5)


def test_a_step_learns_what_the_teacher_says_of_the_mixture(
    tiny_model: Model, tmp_path: Path, songs_folder: Path
) -> None:
    job = job_in(tmp_path, songs_folder, teacher=str(tiny_model.folder))
    config, targets = job.config, job.config.network.targets
    stage = open_stage(job, begin(job))
    assert isinstance(stage, Supervised)
    mixture = merged(stage.examples.batch(config.seed, 0, 0, 1), targets).sum(1)
    metrics = stage.step()
    teacher = Teacher(str(tiny_model.folder), targets, device="cpu", is_bfloat16=False)
    expected = train_step(
        begin(job), teacher.sources(mixture), config.loss, config.optimiser, is_bfloat16=False
    )
    assert metrics["loss"] == pytest.approx(expected["loss"], rel=1e-4)


def test_a_model_that_cannot_teach_is_refused_by_what_it_lacks(
    tiny_model: Model, tmp_path: Path
) -> None:
    network = load_network(tiny_model)
    kept = {name: getattr(tiny_model, name) for name in ModelInfo.model_fields}
    slow = save_model(tmp_path / "slow", ModelInfo(**kept | {"sample_rate": 22050}), network)
    options: dict[str, Any] = {"device": "cpu", "is_bfloat16": False}
    with pytest.raises(ConfigError, match="at 22050 Hz, expected drums at 44100 Hz"):
        Teacher(str(slow.folder), ("drums", "other"), **options)
    with pytest.raises(ConfigError, match=r"teacher: .*nowhere"):
        Teacher("nowhere", ("drums", "other"), **options)
    with pytest.raises(ConfigError, match="teacher: generic: is a cascade"):
        Teacher("generic", ("drums", "other"), **options)
    with pytest.raises(ConfigError, match=r"vocals gives vocals, accompaniment .* expected drums"):
        Teacher("vocals", ("drums", "other"), **options)


@pytest.mark.parametrize("stage", [{"adversarial": {}}, {"network": {"architecture": "nmf"}}])
def test_a_teacher_is_for_supervised_training_alone(stage: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="teacher: is for supervised training"):
        TrainingConfig.model_validate({"teacher": "vocals"} | stage)

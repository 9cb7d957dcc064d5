"""Where the phase comes from: told by an option, heard, and refused where it cannot be."""

import numpy as np
import pytest
import torch

from libsep.config import Config
from libsep.errors import ConfigError
from libsep.evaluation.evaluate import Plan, plan_models
from libsep.evaluation.report import Report
from libsep.nets.magnitude import MagnitudeNetwork
from libsep.nets.svsgan import Svsgan
from libsep.pipeline.networks import Networks
from libsep.pipeline.routing import Assigner
from libsep.separation.architectures import ARCHITECTURES
from libsep.separation.model import MAGNITUDE_ARCHITECTURES
from libsep.separation.registry import Model, ModelInfo
from libsep.separation.separator import Separator
from libsep.separation.weights import save_model
from libsep.track import TARGETS


@pytest.fixture(scope="module")
def magnitude_model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    arguments = {"n_fft": 512, "hop_length": 128, "hidden": [16, 8]}
    torch.manual_seed(3)
    info = ModelInfo(
        name="frames",
        architecture="svsgan",
        arguments=arguments,
        targets=TARGETS,
        sample_rate=44100,
        licence="MIT",
    )
    return save_model(tmp_path_factory.mktemp("models") / "frames", info, Svsgan(**arguments))


def test_the_models_with_a_choice_are_those_of_magnitudes() -> None:
    found = [
        name
        for name, network in ARCHITECTURES.items()
        if isinstance(network, type) and issubclass(network, MagnitudeNetwork)
    ]
    assert tuple(found) == MAGNITUDE_ARCHITECTURES


def test_the_option_replaces_what_the_model_says(magnitude_model: Model) -> None:
    mixture = np.random.default_rng(1).normal(0, 0.1, (1, 2, 9000)).astype(np.float32)
    found = [
        Separator(
            magnitude_model, device="cpu", precision="float32", reconstruct=reconstruct
        ).separate(mixture)
        for reconstruct in (None, "mixture-phase", "griffin-lim")
    ]
    np.testing.assert_array_equal(found[0], found[1])
    assert np.abs(found[2] - found[0]).max() > 0.01
    np.testing.assert_allclose(found[2].sum(1), mixture, atol=1e-5)


def test_a_conversion_uses_it_and_its_files_are_other_files(magnitude_model: Model) -> None:
    plain = Config().replaced(separation={"model": str(magnitude_model.folder)})
    told = plain.replaced(separation={"reconstruct": "griffin-lim"})
    (placed,) = Networks(told, None).maker_of(magnitude_model).separator.networks
    assert isinstance(placed.network, MagnitudeNetwork)
    assert placed.network.reconstruction == "griffin-lim"
    assert told.fingerprint() != plain.fingerprint()


def test_a_model_without_a_choice_refuses_it(tiny_model: Model, tiny_cascade: Model) -> None:
    for model in (tiny_model, tiny_cascade):
        config = Config().replaced(
            separation={"model": str(model.folder), "reconstruct": "griffin-lim"},
            routing={"enabled": False},
        )
        with pytest.raises(ConfigError, match=r"griffin-lim, but model [\w-]+ .*has no choice"):
            Assigner(config)
        with pytest.raises(ConfigError, match="has no choice"):
            Separator(model, device="cpu", reconstruct="griffin-lim")


def test_an_evaluation_tells_it_to_those_that_have_the_choice(
    magnitude_model: Model, tiny_model: Model
) -> None:
    told = Config().separation.model_copy(update={"reconstruct": "griffin-lim"})
    plan = Plan(models=plan_models([magnitude_model, tiny_model]), separation=told)
    assert plan.without_choice() == [tiny_model.name]
    assert plan.separation_of(magnitude_model) == told
    assert plan.separation_of(tiny_model) == Config().separation
    models = Report(plan=plan, results=[]).as_json()["models"]
    assert {name: model["reconstruct"] for name, model in models.items()} == {
        "frames": "griffin-lim",
        tiny_model.name: None,
    }
    with pytest.raises(ConfigError, match="has no choice"):
        Plan(models=plan_models([tiny_model]), separation=told).without_choice()

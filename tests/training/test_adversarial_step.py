from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from libsep.config import NetworkConfig, TrainingConfig
from libsep.errors import ConfigError
from libsep.nets.band_split_unet import BandSplitUNet
from libsep.training.adversarial.step import adversarial_step, current_target, faded
from libsep.training.material.unpaired_examples import UnpairedBatch
from libsep.training.state import State, new_adversary, new_state
from libsep.training.weights.checkpoint import load_checkpoint, save_checkpoint

SMALL = {"n_fft": 256, "hop_length": 64, "channels": [8, 8, 8], "hidden": 8, "n_dual_path": 1,
         "n_convs": 1, "band_bins": [32, 32, 64], "band_strides": [2, 4, 8]}  # fmt: skip
N_SAMPLES = 3000
N_CROP = 2205


def settings(n_steps: int = 20, **adversarial: Any) -> TrainingConfig:
    defaults = {"n_warmup_steps": 0, "crop_s": 0.05, "n_items": 1}
    return TrainingConfig.model_validate(
        {
            "optimiser": {"n_steps": n_steps, "n_warmup_steps": 0},
            "adversarial": defaults | adversarial,
        }
    )


def fresh_state(config: TrainingConfig) -> State:
    torch.manual_seed(11)
    assert config.adversarial is not None
    targets = config.network.targets
    adversary = new_adversary(config.adversarial, len(targets), config.optimiser.n_steps, "cpu")
    return new_state(BandSplitUNet(**SMALL, targets=targets), config.optimiser, adversary)


def noise(rng: np.random.Generator, *shape: int) -> torch.Tensor:
    return torch.from_numpy(rng.normal(0, 0.1, shape).astype(np.float32))


def steps(
    state: State, config: TrainingConfig, n_steps: int, *, n_unpaired: int = 1, n_without: int = 1
) -> list[dict[str, float]]:
    """Take steps on material that follows from the step, as in a training."""
    metrics = []
    for _ in range(n_steps):
        rng = np.random.default_rng(state.step)
        assert config.adversarial is not None
        is_unpaired = current_target(config.adversarial, state.step) == "drums"
        n_mixtures = n_unpaired if is_unpaired else 0
        unpaired = UnpairedBatch(
            noise(rng, n_mixtures, 2, N_SAMPLES),
            noise(rng, n_mixtures, 2, N_CROP),
            noise(rng, n_without, 2, N_SAMPLES),
        )
        sources = noise(rng, 2, len(config.network.targets), 2, N_SAMPLES)
        metrics.append(
            adversarial_step(state, sources, unpaired, config, rng=rng, is_bfloat16=False)
        )
    return metrics


def test_only_targets_that_have_a_turn_get_a_discriminator() -> None:
    config = settings(targets=["bass"], unpaired_targets=["drums", "bass"]).adversarial
    assert config is not None
    judges = new_adversary(config, 4, 10, "cpu").discriminators
    assert set(judges) == {"target/bass", "context", "unpaired/bass"}


def test_a_resumed_training_has_the_same_losses_to_the_last_digit(tmp_path: Path) -> None:
    config = settings(n_warmup_steps=1, targets=["drums"])
    state = fresh_state(config)
    steps(state, config, 2)
    save_checkpoint(tmp_path / "a.pt", state)
    expected = steps(state, config, 2)
    torch.manual_seed(99)
    assert config.adversarial is not None
    adversary = new_adversary(config.adversarial, 4, config.optimiser.n_steps, "cpu")
    resumed = new_state(BandSplitUNet(**SMALL), config.optimiser, adversary)
    load_checkpoint(tmp_path / "a.pt", resumed)
    assert steps(resumed, config, 2) == expected
    assert state.adversary is not None
    for name, value in state.adversary.discriminators.state_dict().items():
        assert torch.equal(value, adversary.discriminators.state_dict()[name])


def test_parts_of_the_loss_are_called_like_their_weights_and_add_up() -> None:
    config = settings()
    drums, bass = steps(fresh_state(config), config, 2)
    assert config.adversarial is not None
    parts = {f"adversarial/{name}" for name in ("generator", "features", "context", "unpaired")}
    assert parts <= set(drums)
    weights = {f"adversarial/{name}" for name in type(config.adversarial).model_fields}
    assert {name for name in drums if name.startswith("adversarial/")} <= weights
    total = sum(v for name, v in drums.items() if name.startswith(("loss/", "adversarial/")))
    assert drums["loss"] == pytest.approx(total, rel=1e-5)
    assert "adversarial/leak" in drums
    assert {name for name in drums if name.startswith("discriminator/")} == {
        "discriminator/target/drums",
        "discriminator/context",
        "discriminator/unpaired/drums",
    }
    assert "discriminator/target/bass" in bass


def test_a_part_of_weight_zero_has_no_discriminator() -> None:
    config = settings(context=0.0, unpaired=0.0, leak=0.0)
    state = fresh_state(config)
    assert state.adversary is not None
    assert set(state.adversary.discriminators) == {"target/drums", "target/bass"}
    (metrics,) = steps(state, config, 1, n_unpaired=0)
    assert {name for name in metrics if name.startswith("adversarial/")} == {
        "adversarial/generator",
        "adversarial/features",
    }


def test_the_generator_stands_still_in_the_warm_up() -> None:
    config = settings(n_warmup_steps=2)
    state = fresh_state(config)
    before = {name: value.clone() for name, value in state.network.state_dict().items()}
    warm = steps(state, config, 2)
    assert state.step == 2
    assert all("loss" not in metrics for metrics in warm)
    for name, value in state.network.state_dict().items():
        assert torch.equal(value, before[name]), name
    (metrics,) = steps(state, config, 1)
    assert metrics["loss"] > 0
    assert not torch.equal(state.network.state_dict()["split.0.weight"], before["split.0.weight"])


def test_normalisations_keep_their_statistics() -> None:
    config = settings()
    state = fresh_state(config)
    before = state.network.state_dict()["decode_fine.norm.running_mean"].clone()
    steps(state, config, 1)
    assert torch.equal(state.network.state_dict()["decode_fine.norm.running_mean"], before)


def test_after_the_warm_up_the_weights_of_what_discriminators_say_rise() -> None:
    sudden, slow = (
        steps(fresh_state(config), config, 3)[1:]
        for config in (settings(n_warmup_steps=1), settings(n_warmup_steps=1, n_fade_steps=4))
    )
    for name in ("adversarial/generator", "adversarial/context", "adversarial/leak"):
        assert slow[0][name] == pytest.approx(sudden[0][name] / 4, rel=1e-4), name
    assert slow[0]["loss/spectrum"] == sudden[0]["loss/spectrum"]
    adversarial = settings(n_warmup_steps=1, n_fade_steps=4).adversarial
    assert adversarial is not None
    assert [faded(adversarial, step) for step in (2, 4, 9)] == [0.5, 1.0, 1.0]


def test_a_second_stage_of_three_targets_has_discriminators_too() -> None:
    three = {"network": NetworkConfig(targets=("drums", "bass", "other"))}
    config = settings().model_copy(update=three)
    drums, bass = steps(fresh_state(config), config, 2)
    assert drums["adversarial/context"] > 0
    assert bass["adversarial/generator"] > 0


def test_only_the_discriminators_of_the_step_move() -> None:
    config = settings(targets=["drums", "bass"])
    state = fresh_state(config)
    assert state.adversary is not None
    discriminators = state.adversary.discriminators
    before = {name: value.clone() for name, value in discriminators.state_dict().items()}
    steps(state, config, 1)
    moved = {
        name.split(".")[0]
        for name, value in discriminators.state_dict().items()
        if not torch.equal(value, before[name])
    }
    assert moved == {"target/drums", "context", "unpaired/drums"}


def test_discriminators_learn_to_tell_estimates_from_sources() -> None:
    # The generator stands still, and its estimates of noise are a quarter of it each.
    config = settings(
        n_steps=12, n_warmup_steps=12, targets=["drums"], learning_rate=5e-3, unpaired=0.0
    )
    metrics = steps(fresh_state(config), config, 12, n_unpaired=0, n_without=0)
    for name in ("discriminator/target/drums", "discriminator/context"):
        assert metrics[-1][name] < 0.85 * metrics[0][name], name


@pytest.mark.parametrize("kind", ["lsgan", "hinge"])
def test_the_generator_learns_from_what_the_discriminator_says(kind: str) -> None:
    """With no other loss and a discriminator that stands still, the fakes get better marks."""
    config = settings(
        kind=kind, targets=["drums"], generator=1.0, features=0.0, context=0.0, unpaired=0.0,
        leak=0.0, learning_rate=1e-9,
    )  # fmt: skip
    config = config.model_copy(
        update={
            "loss": config.loss.model_copy(update={"spectrum": 0.0}),
            "optimiser": config.optimiser.model_copy(update={"learning_rate": 5e-3}),
        }
    )
    state = fresh_state(config)
    rng = np.random.default_rng(0)
    sources = noise(rng, 1, 4, 2, N_SAMPLES)
    empty = UnpairedBatch(
        torch.zeros(0, 2, N_SAMPLES), torch.zeros(0, 2, N_CROP), torch.zeros(0, 2, N_SAMPLES)
    )
    marks = [
        adversarial_step(
            state, sources, empty, config, rng=np.random.default_rng(1), is_bfloat16=False
        )["adversarial/generator"]
        for _ in range(6)
    ]
    assert marks[-1] < marks[0]


def test_a_checkpoint_of_a_supervised_training_is_refused(tmp_path: Path) -> None:
    config = settings()
    save_checkpoint(tmp_path / "a.pt", new_state(BandSplitUNet(**SMALL), config.optimiser))
    with pytest.raises(ConfigError, match=r"a\.pt: .*holds no discriminators"):
        load_checkpoint(tmp_path / "a.pt", fresh_state(config))


def test_an_export_needs_no_discriminators(tmp_path: Path) -> None:
    config = settings()
    state = fresh_state(config)
    save_checkpoint(tmp_path / "a.pt", state)
    plain = new_state(BandSplitUNet(**SMALL), config.optimiser)
    load_checkpoint(tmp_path / "a.pt", plain)
    assert plain.adversary is None
    for name, value in state.average.state_dict().items():
        assert torch.equal(value, plain.average.state_dict()[name])

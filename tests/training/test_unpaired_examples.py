import numpy as np
import pytest
import torch

from libsep.config import AdversarialConfig
from libsep.datasets.unpaired import Unpaired
from libsep.errors import ConfigError
from libsep.track import TARGETS
from libsep.training.material.unpaired_examples import UnpairedExamples

Recordings = list[np.ndarray]


def constant(value: int, n_samples: int = 5000) -> np.ndarray:
    return np.full((2, n_samples), value, np.int16)


def corpus(mixes: Recordings, drums: Recordings, no_drums: Recordings) -> Unpaired:
    nothing: dict[str, Recordings] = {target: [] for target in TARGETS}
    return Unpaired(mixes, nothing | {"drums": drums}, nothing | {"drums": no_drums})


def examples(corpus: Unpaired, **changes: object) -> UnpairedExamples:
    config = AdversarialConfig.model_validate({"crop_s": 0.1, "n_items": 3} | changes)
    return UnpairedExamples(corpus, {}, config, 2000, 10_000)


def test_a_batch_depends_on_seed_worker_and_step_alone(rng: np.random.Generator) -> None:
    noise = [rng.integers(-9999, 9999, (2, 5000)).astype(np.int16) for _ in range(4)]
    unpaired = corpus(noise, noise, [])
    first = examples(unpaired).batch(1, 0, 7, "drums")
    again = examples(unpaired).batch(1, 0, 7, "drums")
    assert torch.equal(first.mixtures, again.mixtures)
    assert torch.equal(first.alone, again.alone)
    for seed, worker, step in ((2, 0, 7), (1, 1, 7), (1, 0, 8)):
        other = examples(unpaired).batch(seed, worker, step, "drums")
        assert not torch.equal(first.mixtures, other.mixtures)


def test_lengths_and_levels_are_those_of_mixes_and_crops() -> None:
    unpaired = corpus([constant(16384)], [constant(8192)], [constant(4096)])
    batch = examples(unpaired).batch(0, 0, 0, "drums")
    assert batch.mixtures.shape == (3, 2, 2000)
    assert batch.alone.shape == (3, 2, 1000)
    for samples, level in ((batch.mixtures, 0.5), (batch.alone, 0.25), (batch.without, 0.125)):
        torch.testing.assert_close(samples, torch.full_like(samples, level), rtol=1e-3, atol=0)


def test_a_target_that_is_not_judged_alone_costs_no_mixes() -> None:
    batch = examples(corpus([constant(9999)], [constant(9999)], [])).batch(0, 0, 0, "bass")
    assert len(batch.mixtures) == len(batch.alone) == len(batch.without) == 0


def test_short_recordings_are_padded_and_silence_is_avoided() -> None:
    half_silent = constant(0, 40_000)
    half_silent[:, 20_000:] = 9999
    batch = examples(corpus([half_silent], [constant(9999, 600)], [])).batch(0, 0, 1, "drums")
    assert (batch.mixtures.abs().amax(dim=(1, 2)) > 0).all()
    assert (batch.alone[..., :600] > 0).all()
    assert (batch.alone[..., 600:] == 0).all()


def test_mixes_without_recordings_of_the_target_are_refused() -> None:
    with pytest.raises(ConfigError, match="need recordings of drums alone, found none"):
        examples(corpus([constant(1)], [], []))
    examples(corpus([constant(1)], [], []), unpaired=0.0)


def test_recordings_of_the_supervised_material_count_as_well() -> None:
    config = AdversarialConfig(crop_s=0.1, n_items=1)
    unpaired = corpus([constant(9999)], [], [])
    found = UnpairedExamples(unpaired, {"drums": [constant(8192)]}, config, 2000, 10_000)
    assert found.batch(0, 0, 0, "drums").alone.mean().item() == pytest.approx(0.25, rel=1e-3)

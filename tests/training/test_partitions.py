"""Training on songs that know only the sum of several targets."""

from pathlib import Path

import numpy as np
import pytest
import torch

from libsep.config import AugmentConfig, LossConfig, MaterialConfig, NetworkConfig
from libsep.datasets.audio_cache import AudioCache
from libsep.errors import ConfigError
from libsep.track import TARGETS
from libsep.training.material.data import load_material
from libsep.training.material.examples import Examples
from libsep.training.material.partitions import Partitions, summed_up
from libsep.training.step import supervised_losses
from libsep.training.weights.growth import new_network

from ..conftest import tone, write_wave

PLAIN = dict.fromkeys(AugmentConfig.model_fields, 0.0)
SUM = ("drums+bass+other", "vocals")


def examples_of(folder: Path, cache: AudioCache, coherent: float) -> Examples:
    config = MaterialConfig(segment_s=0.5, coherent=coherent)
    material = load_material([folder], cache, ())
    return Examples(material, None, config, AugmentConfig(**PLAIN), cache.sample_rate)


def test_values_of_one_part_stand_at_its_first_target(rng: np.random.Generator) -> None:
    values = torch.from_numpy(rng.normal(size=(2, 4, 3))) * (1 + 1j)
    found = summed_up(values, [TARGETS, ("drums+other", "bass", "vocals")], TARGETS)
    assert torch.equal(found[0], values[0])
    torch.testing.assert_close(found[1, 0], values[1, 0] + values[1, 2])
    assert torch.equal(found[1, 1::2], values[1, 1::2])
    assert not found[1, 2].any()
    assert summed_up(values, [TARGETS, TARGETS], TARGETS) is values


@pytest.mark.parametrize("architecture", ["band_split_unet", "wave_unet"])
def test_only_the_sum_of_the_estimates_counts_where_only_the_sum_is_known(
    architecture: str, rng: np.random.Generator
) -> None:
    torch.manual_seed(3)
    arguments = {"n_levels": 4, "n_features": 8} if architecture == "wave_unet" else {}
    values = {"architecture": architecture, "size": "XS", "arguments": arguments}
    network = new_network(NetworkConfig.model_validate(values)).eval()
    sources = torch.from_numpy(rng.normal(0, 0.1, (1, 4, 2, 16384)).astype(np.float32))
    config = LossConfig(spectrum=1, waveform=1)

    def loss(given: torch.Tensor) -> float:
        parts = supervised_losses(network, given, config, is_bfloat16=False, partitions=[SUM])
        return sum(value.item() for value in parts.values())

    moved = sources.clone()
    moved[:, 0], moved[:, 1:3] = sources[:, :3].sum(1), 0
    assert loss(moved) == pytest.approx(loss(sources), rel=1e-4)
    whole = supervised_losses(network, moved, config, is_bfloat16=False)
    assert sum(value.item() for value in whole.values()) > 1.2 * loss(moved)


@pytest.mark.parametrize("coherent", [0.0, 1.0])
def test_examples_of_songs_with_sums_say_what_is_apart(
    coherent: float, tmp_path: Path, cache: AudioCache
) -> None:
    write_wave(tmp_path / "s" / "one" / "drums+bass+other.wav", tone(100, 1.0))
    write_wave(tmp_path / "s" / "one" / "vocals.wav", tone(700, 1.0))
    examples = examples_of(tmp_path / "s", cache, coherent)
    sources, partitions = examples.parted_batch(0, 0, 0, 3)
    assert partitions == [SUM] * 3
    assert examples.have_sums
    assert (sources.abs().amax(dim=(2, 3)) > 0.1).tolist() == [[True, False, False, True]] * 3


def test_songs_with_and_without_sums_are_mixed_across(tmp_path: Path, cache: AudioCache) -> None:
    write_wave(tmp_path / "s" / "one" / "drums+bass+other.wav", tone(100, 1.0))
    write_wave(tmp_path / "s" / "one" / "vocals.wav", tone(700, 1.0))
    for target in TARGETS:
        write_wave(tmp_path / "s" / "two" / f"{target}.wav", tone(300, 1.0))
    examples = examples_of(tmp_path / "s", cache, 0.0)
    _, partitions = examples.parted_batch(0, 0, 0, 24)
    assert set(partitions) == {SUM, TARGETS}


def test_a_recording_of_a_sum_is_mixed_with_what_it_lacks(
    tmp_path: Path, cache: AudioCache
) -> None:
    write_wave(tmp_path / "s" / "drums" / "a.wav", tone(900, 1.0))
    write_wave(tmp_path / "s" / "bass+other+vocals" / "b.wav", tone(100, 1.0))
    sources, partitions = examples_of(tmp_path / "s", cache, 0.5).parted_batch(0, 0, 0, 3)
    assert partitions == [("drums", "bass+other+vocals")] * 3
    pitches_hz = torch.fft.rfft(sources[:, :2, 0]).abs().argmax(-1) * 2  # half a second
    assert pitches_hz.tolist() == [[900, 100]] * 3
    assert not sources[:, 2:].any()


def test_the_share_of_examples_with_sums_can_be_told() -> None:
    counts = {"drums": 5, "bass": 5, "other": 5, "vocals": 5, "bass+other+vocals": 90}
    partitions = Partitions(["bass+other+vocals"], lambda name: counts.get(name, 0), 0.2)
    rng = np.random.default_rng(0)
    n_sums = sum(partitions.drawn(rng) != TARGETS for _ in range(400))
    assert 60 < n_sums < 100
    counts["bass+other+vocals"] = 0
    assert {partitions.drawn(rng) for _ in range(50)} == {TARGETS}


def test_a_target_that_no_part_covers_is_missing(tmp_path: Path, cache: AudioCache) -> None:
    write_wave(tmp_path / "s" / "one" / "drums+bass.wav", tone(100, 1.0))
    write_wave(tmp_path / "s" / "one" / "vocals.wav", tone(700, 1.0))
    with pytest.raises(ConfigError, match="no training material for other"):
        examples_of(tmp_path / "s", cache, 0.0)


def test_two_sums_with_a_target_in_common_are_never_drawn_together() -> None:
    counts = {"drums+bass": 2, "bass+other": 3, "drums": 1, "other": 1, "vocals": 9}
    partitions = Partitions(["drums+bass", "bass+other"], lambda name: counts.get(name, 0))
    rng = np.random.default_rng(0)
    found = {partitions.drawn(rng) for _ in range(30)}
    assert found == {("drums+bass", "other", "vocals"), ("drums", "bass+other", "vocals")}

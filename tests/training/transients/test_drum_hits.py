"""A network that hears hits, from a pack of drums: examples, steps and the model folder."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from libsep import config
from libsep.datasets.audio_cache import AudioCache
from libsep.errors import ConfigError
from libsep.nets.drum_hits import DRUMS, DrumHitNet
from libsep.training.records.curve import CURVE, read_curve
from libsep.training.synthesis.pack import load_pack
from libsep.training.transients.examples import HitExamples, render_examples
from libsep.training.transients.hits import DrumHitJob, _material, fit, measures, train_drum_hits
from libsep.transients.model import HitInfo, find_hit_model
from libsep.transients.weights import load_hit_network, save_hit_network

from ...conftest import SAMPLE_RATE

SETTINGS = config.DrumHitTrainingConfig(
    kind="drum_hits", n_loops=1, n_judged_loops=1, held_out_kits=("kit",), n_steps=60, n_batch=16
)


@pytest.fixture
def examples(pack_folder: Path, cache: AudioCache) -> HitExamples:
    collection = load_pack(pack_folder, cache)
    return render_examples(collection, (0, 0), 1, DrumHitNet(sample_rate=SAMPLE_RATE))


def test_a_few_steps_tell_a_kick_from_a_snare(examples: HitExamples, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"log_interval": 30})
    network = fit(examples, examples, settings, tmp_path, say=str)
    first, last = read_curve(tmp_path / CURVE)
    assert last["loss"] < 0.6 * first["loss"]
    scores = measures(network, examples)
    assert min(scores[drum]["f1"] for drum in ("kick", "snare")) > 0.8


def test_examples_are_the_same_for_the_same_seed(
    examples: HitExamples, pack_folder: Path, cache: AudioCache
) -> None:
    network = DrumHitNet(sample_rate=SAMPLE_RATE)
    again = render_examples(load_pack(pack_folder, cache), (0, 0), 1, network)
    np.testing.assert_array_equal(again.features, examples.features)
    np.testing.assert_array_equal(again.labels, examples.labels)
    assert examples.labels[:, DRUMS.index("kick")].any()
    assert not examples.labels[:, DRUMS.index("tom")].all()


def test_without_kits_to_learn_from_nothing_is_trained(pack_folder: Path, tmp_path: Path) -> None:
    job = DrumHitJob(
        config=SETTINGS,
        data=(pack_folder,),
        out=tmp_path / "run",
        cache=tmp_path / "cache",
        model=tmp_path / "model",
    )
    with pytest.raises(ConfigError, match="held_out_kits: no kits are left to be learned"):
        train_drum_hits(job, say=str)


def test_the_shipped_network_is_small_and_rebuilds(tmp_path: Path) -> None:
    model = find_hit_model("drum-hits")
    assert model.weights_path.stat().st_size < 512 * 1024
    assert (model.folder / "README.md").is_file()
    network = load_hit_network(model)
    assert sum(parameter.numel() for parameter in network.parameters()) == 25_157
    info = {key: value for key, value in model.model_dump().items() if key != "sha256"}
    copy = save_hit_network(tmp_path / "copy", HitInfo.model_validate(info), network)
    assert copy.sha256 == model.sha256
    assert min(model.scores[drum]["f1"] for drum in ("kick", "snare", "hat")) > 0.7


def test_what_was_rendered_is_kept_for_the_same_kits_only(
    pack_folder: Path, tmp_path: Path
) -> None:
    manifest = pack_folder / "manifest.csv"
    rows = manifest.read_text().splitlines()
    rows += [row.replace(",kit,", ",other,") for row in rows if ",kit,," in row]
    manifest.write_text("\n".join(rows) + "\n")
    job = DrumHitJob(SETTINGS, (pack_folder,), tmp_path, tmp_path / "cache", tmp_path / "model")
    said: list[str] = []
    learned, _ = _material(job, said.append)
    assert len(said) == 2
    again, _ = _material(job, said.append)
    assert len(said) == 2
    np.testing.assert_array_equal(again.features, learned.features)
    swapped = SETTINGS.model_copy(update={"held_out_kits": ("other",)})
    _material(dataclasses.replace(job, config=swapped), said.append)
    assert len(said) == 4

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from libsep.config import AdversarialConfig, TrainingConfig
from libsep.datasets.audio_cache import FULL_SCALE, AudioCache
from libsep.datasets.songs import UNSCORED, find_songs, load_song
from libsep.errors import ConfigError
from libsep.nets.band_split_unet import BandSplitUNet
from libsep.separation.registry import Model, ModelInfo
from libsep.separation.weights import save_model
from libsep.training.job import Job
from libsep.training.material.inputs import open_examples, open_unpaired, open_validation
from libsep.training.synthesis.pool import RenderPlan
from libsep.training.vocals_stage import VocalsStage

from ..conftest import tone, write_wave

LEAST = 1 / FULL_SCALE


@pytest.fixture
def stage(tiny_model: Model) -> VocalsStage:
    return VocalsStage(str(tiny_model.folder))


def job_in(folder: Path, songs: Path, model: Model, **material: object) -> Job:
    values = {
        "workers": 1,
        "network": {"size": "XS", "targets": ["drums", "bass", "other"]},
        "material": {"segment_s": 0.5, "n_renders": 0, "vocals_stage": str(model.folder)},
    }
    values["material"] |= material
    config = TrainingConfig.model_validate(values)
    return Job(config, (songs,), (songs,), folder / "run", folder / "cache")


def test_sources_add_up_to_what_the_stage_leaves(
    stage: VocalsStage, rng: np.random.Generator
) -> None:
    sources = rng.normal(0, 0.1, (4, 2, 30000)).astype(np.float32)
    mixture = sources.sum(axis=0)
    left = stage.leave(sources)
    assert np.array_equal(left[:3], sources[:3])
    estimate = stage.estimate(mixture)
    assert np.abs(estimate).max() > 0.01, "the stage takes something"
    np.testing.assert_allclose(left.sum(axis=0), mixture - estimate, atol=1e-5)


def test_songs_are_trained_on_as_the_stage_leaves_them(
    stage: VocalsStage, tmp_path: Path, songs_folder: Path, tiny_model: Model
) -> None:
    job = job_in(tmp_path, songs_folder, tiny_model)
    job.cache.mkdir()
    for song in open_examples(job).material.songs:
        files = next(each for each in find_songs(songs_folder) if each.name == song.name)
        true = load_song(files, AudioCache(tmp_path / "other", 44100))
        expected = true.mixture() - stage.estimate(true.mixture())
        np.testing.assert_allclose(song.mixture(), expected, atol=4 * LEAST)
        assert np.array_equal(song.sources["drums"], true.sources["drums"])


def test_the_validation_compares_with_the_true_sources(
    tmp_path: Path, songs_folder: Path, tiny_model: Model
) -> None:
    job = job_in(tmp_path, songs_folder, tiny_model)
    job.cache.mkdir()
    for song in open_validation(job):
        files = next(each for each in find_songs(songs_folder) if each.name == song.name)
        true = load_song(files, AudioCache(tmp_path / "other", 44100))
        assert song.scored_targets == ("drums", "bass", "other")
        assert np.array_equal(song.sources["other"], true.sources["other"])
        assert UNSCORED in song.sources


def test_unpaired_mixes_are_what_the_stage_leaves_and_targets_alone_are_as_they_are(
    stage: VocalsStage, tmp_path: Path, songs_folder: Path, tiny_model: Model
) -> None:
    plain = job_in(tmp_path, songs_folder, tiny_model, vocals_stage=None)
    plain.cache.mkdir()
    behind = job_in(tmp_path, songs_folder, tiny_model)
    for name in ("mix.wav", "drums/loop.wav"):
        write_wave(tmp_path / "unpaired" / name, tone(400, 1.0))
    examples, unpaired = open_examples(plain), (tmp_path / "unpaired",)
    found = [
        open_unpaired(dataclasses.replace(job, unpaired=unpaired), AdversarialConfig(), examples)
        for job in (plain, behind)
    ]
    before, after = (each.mixtures[0].astype(np.float32) / FULL_SCALE for each in found)
    np.testing.assert_allclose(after, before - stage.estimate(before), atol=2 * LEAST)
    assert np.abs(after - before).max() > 0.01
    assert np.array_equal(found[0].alone["drums"][0], found[1].alone["drums"][0])


def test_what_is_left_is_found_once(
    stage: VocalsStage,
    cache: AudioCache,
    songs_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    song = load_song(find_songs(songs_folder)[0], cache)
    first = stage.left_of(song, tmp_path, is_scored=False)

    def refuse(mixture: np.ndarray) -> np.ndarray:
        raise AssertionError("separated again")

    monkeypatch.setattr(stage, "estimate", refuse)
    again = stage.left_of(song, tmp_path, is_scored=False)
    assert np.array_equal(first.sources["vocals"], again.sources["vocals"])


def test_rendered_songs_are_what_the_stage_leaves(
    stage: VocalsStage, pack_folder: Path, tmp_path: Path, tiny_model: Model
) -> None:
    def render(name: str | None) -> np.ndarray:
        plan = RenderPlan(
            materials=(pack_folder,),
            cache=tmp_path / "cache",
            folder=tmp_path / "renders",
            n_songs=1,
            duration_s=2.0,
            sample_rate=44100,
            seed=4,
            interval_s=0.0,
            styles={"pop": 1.0},
            vocals_stage=name,
        )
        song = plan.render(plan.collection(), 0, plan.stage()).astype(np.float32)
        return song / np.float32(FULL_SCALE)

    true, left = render(None), render(str(tiny_model.folder))
    assert np.array_equal(true[:3], left[:3])
    expected = true.sum(axis=0) - stage.estimate(true.sum(axis=0))
    np.testing.assert_allclose(left.sum(axis=0), expected, atol=8 * LEAST)


def test_a_model_that_is_missing_or_has_no_vocals_is_no_stage(
    tmp_path: Path, tiny_model: Model
) -> None:
    with pytest.raises(ConfigError, match=r"material\.vocals_stage: .*nowhere"):
        VocalsStage(str(tmp_path / "nowhere"))
    targets = ("drums", "bass", "other")
    arguments = {**tiny_model.arguments, "targets": list(targets)}
    values = {name: getattr(tiny_model, name) for name in ModelInfo.model_fields}
    info = ModelInfo(**{**values, "name": "three", "arguments": arguments, "targets": targets})
    three = save_model(tmp_path / "three", info, BandSplitUNet(**arguments))
    with pytest.raises(ConfigError, match="gives drums, bass, other at 44100 Hz, expected vocals"):
        VocalsStage(str(three.folder))

from pathlib import Path

import numpy as np
import pytest
import torch

from libsep.config import AugmentConfig, MaterialConfig
from libsep.datasets.audio_cache import AudioCache
from libsep.errors import ConfigError
from libsep.training.material.data import load_material
from libsep.training.material.datasets import Dataset, open_datasets
from libsep.training.material.examples import Examples
from libsep.training.synthesis.pool import RenderPool

from ..conftest import tone, write_wave

SAMPLE_RATE = 44100
PLAIN = AugmentConfig(
    gain_db=0, varispeed=0, equaliser=0, drop=0, stereo=0, instrumental=0, mono=0, narrow=0,
    limiter=0, low_pass=0,
)  # fmt: skip


def make(
    folders: list[Path], cache: AudioCache, variations: AugmentConfig, **material: object
) -> Examples:
    config = MaterialConfig(segment_s=1.0, **material)
    return Examples(load_material(folders, cache, ()), None, config, variations, SAMPLE_RATE)


def hertz_of(source: torch.Tensor) -> float:
    return float(torch.fft.rfft(source.mean(0)).abs().argmax())  # one second: bins are Hz


def test_a_coherent_example_is_one_song_at_one_time(songs_folder: Path, cache: AudioCache) -> None:
    examples = make([songs_folder], cache, PLAIN, coherent=1.0)
    for seed in range(6):
        sources = examples.example(np.random.default_rng(seed))
        factors = [
            hertz_of(source) / hertz
            for source, hertz in zip(sources, (3000, 80, 500, 900), strict=True)
        ]
        assert factors in ([1.0] * 4, [1.5] * 4)


def test_a_mixed_example_takes_sources_from_several_songs(
    songs_folder: Path, cache: AudioCache
) -> None:
    examples = make([songs_folder], cache, PLAIN, coherent=0.0)
    combinations = {
        tuple(hertz_of(source) for source in examples.example(np.random.default_rng(seed)))
        for seed in range(20)
    }
    assert len(combinations) > 4
    assert {drums for drums, *_ in combinations} == {3000, 4500}


def test_the_same_seed_worker_and_step_give_the_same_batch(
    songs_folder: Path, cache: AudioCache
) -> None:
    examples = make([songs_folder], cache, AugmentConfig())
    again = make([songs_folder], cache, AugmentConfig())
    batch = examples.batch(1, 0, 7, 2)
    assert torch.equal(batch, again.batch(1, 0, 7, 2))
    assert not torch.equal(batch, examples.batch(1, 1, 7, 2))
    assert not torch.equal(batch, examples.batch(1, 0, 8, 2))


def test_all_variations_keep_examples_finite_and_in_range(
    songs_folder: Path, cache: AudioCache
) -> None:
    always = AugmentConfig(varispeed=1, equaliser=1, stereo=1, drop=0.5, limiter=1, low_pass=1)
    examples = make([songs_folder], cache, always)
    silent = 0
    for seed in range(12):
        sources = examples.example(np.random.default_rng(seed))
        assert sources.shape == (4, 2, SAMPLE_RATE)
        assert torch.isfinite(sources).all()
        assert sources.sum(0).abs().max() <= 1
        silent += int((sources.abs().amax(dim=(1, 2)) == 0).sum())
    assert 8 < silent < 40


def test_whole_mixtures_are_mono_or_nearly_so_as_often_as_is_said(
    songs_folder: Path, cache: AudioCache
) -> None:
    def widths(**shares: float) -> list[float]:
        variations = PLAIN.model_copy(update={"stereo": 1.0, **shares})
        examples = make([songs_folder], cache, variations, coherent=1.0)
        mixtures = [examples.example(np.random.default_rng(seed)).sum(0) for seed in range(40)]
        return [float((left - right).norm() / (left + right).norm()) for left, right in mixtures]

    wide = [width for width in widths() if width > 0.01]
    assert len(wide) > 30
    assert max(widths(mono=1.0)) == 0
    assert 8 < sum(width == 0 for width in widths(mono=0.5)) < 32
    assert 0 < np.median(widths(narrow=1.0)) < 0.5 * np.median(wide)


def test_a_bass_stays_in_the_middle_while_others_move(
    songs_folder: Path, cache: AudioCache
) -> None:
    moved = PLAIN.model_copy(update={"stereo": 1.0})
    examples = make([songs_folder], cache, moved, coherent=0.5)
    sides = torch.stack([
        (sources[:, 0] - sources[:, 1]).abs().amax(dim=1)
        for sources in (examples.example(np.random.default_rng(seed)) for seed in range(12))
    ])  # fmt: skip
    assert sides[:, 1].max() == 0
    assert (sides.amax(dim=0)[[0, 2, 3]] > 0.01).all()


def test_songs_can_be_left_out_and_weighted(songs_folder: Path, cache: AudioCache) -> None:
    material = load_material([songs_folder], cache, exclude=["first"])
    assert [song.name for song in material.songs] == ["second"]
    examples = make([songs_folder], cache, PLAIN, coherent=1.0, weights={"fir*": 0.0})
    for seed in range(5):
        assert hertz_of(examples.example(np.random.default_rng(seed))[1]) == 120


def test_songs_are_weighted_by_their_genre(songs_folder: Path, cache: AudioCache) -> None:
    (songs_folder / "genres.yaml").write_text("genres: {first: rock, second: jazz}")
    examples = make([songs_folder], cache, PLAIN, coherent=1.0, genres={"rock": 0.0})
    for seed in range(5):
        assert hertz_of(examples.example(np.random.default_rng(seed))[1]) == 120
    neither = make([songs_folder], cache, PLAIN, coherent=1.0, genres={"rock": 0.0, "jazz": 0.0})
    with pytest.raises(ConfigError, match="no song is left"):
        neither.example(np.random.default_rng(0))


def test_instrumental_examples_lack_the_vocals_alone(songs_folder: Path, cache: AudioCache) -> None:
    examples = make([songs_folder], cache, PLAIN.model_copy(update={"instrumental": 1.0}))
    sounding = examples.example(np.random.default_rng(0)).abs().amax(dim=(1, 2)) > 0
    assert sounding.tolist() == [True, True, True, False]


def test_recordings_are_used_for_targets_without_songs(tmp_path: Path, cache: AudioCache) -> None:
    for target, hertz in (("drums", 3000), ("bass", 60), ("other", 400), ("vocals", 700)):
        write_wave(tmp_path / target / "a.wav", tone(hertz, 2.0))
    examples = make([tmp_path], cache, PLAIN)
    sources = examples.example(np.random.default_rng(0))
    assert [hertz_of(source) for source in sources] == [3000, 60, 400, 700]


def test_recordings_shorter_than_an_example_are_followed_by_silence(
    tmp_path: Path, cache: AudioCache
) -> None:
    for target in ("drums", "bass", "other", "vocals"):
        write_wave(tmp_path / target / "a.wav", tone(300, 0.25))
    sources = make([tmp_path], cache, PLAIN).example(np.random.default_rng(0))
    assert sources[:, :, : SAMPLE_RATE // 4].abs().mean() > 0.05
    assert not sources[:, :, SAMPLE_RATE // 4 :].any()


def test_a_target_without_any_material_is_named(tmp_path: Path, cache: AudioCache) -> None:
    for target in ("drums", "bass", "other"):
        write_wave(tmp_path / target / "a.wav", tone(300, 1.0))
    with pytest.raises(ConfigError, match="no training material for vocals"):
        make([tmp_path], cache, PLAIN)


def test_an_empty_folder_is_named(tmp_path: Path, cache: AudioCache) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="empty: no training material, expected SONG/drums"):
        load_material([tmp_path / "empty"], cache, ())


def test_rendered_songs_are_used(tmp_path: Path, songs_folder: Path, cache: AudioCache) -> None:
    pool = RenderPool(tmp_path / "pool", 1, 2 * SAMPLE_RATE)
    tones = [tone(hertz, 2.0) for hertz in (5000, 100, 600, 1100)]
    pool.put(0, (np.stack(tones) * 32767).astype(np.int16))
    material = load_material([songs_folder], cache, ())
    config = MaterialConfig(segment_s=1.0, weight_songs=0)
    for coherent in (0.0, 1.0):
        examples = Examples(
            material, pool, config.model_copy(update={"coherent": coherent}), PLAIN, SAMPLE_RATE
        )
        sources = examples.example(np.random.default_rng(0))
        assert [hertz_of(source) for source in sources] == [5000, 100, 600, 1100]


NO_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
DEVICES = ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, NO_GPU])]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("memory", ["disk", "cpu", "auto"])
def test_examples_are_the_same_wherever_samples_are_and_on_every_device(
    songs_folder: Path, cache: AudioCache, memory: str, device: str
) -> None:
    always = AugmentConfig(varispeed=1, equaliser=1, stereo=1, limiter=0.5, low_pass=1)
    material = load_material([songs_folder], cache, ())
    config = MaterialConfig(segment_s=1.0, memory=memory)
    moved = Examples(material, None, config, always, SAMPLE_RATE, device=device)
    plain = make([songs_folder], cache, always, memory="disk")
    batch = moved.batch(1, 0, 2, 4)
    assert batch.device.type == device
    torch.testing.assert_close(batch.cpu(), plain.batch(1, 0, 2, 4), rtol=0, atol=2e-4)


def test_no_tensor_of_an_example_leaves_its_device(songs_folder: Path, cache: AudioCache) -> None:
    """Tensors that are made on another device than the example's would fail on a GPU."""
    always = AugmentConfig(varispeed=1, equaliser=1, stereo=1, limiter=1, low_pass=1)
    examples = make([songs_folder], cache, always)
    with torch.device("meta"):  # where a tensor is made whose device is not given
        batch = examples.batch(1, 0, 2, 4)
    assert batch.device.type == "cpu"
    assert torch.equal(batch, examples.batch(1, 0, 2, 4))


def test_samples_on_a_gpu_are_refused_where_the_training_has_none(
    songs_folder: Path, cache: AudioCache
) -> None:
    with pytest.raises(ConfigError, match=r"material\.memory: cuda, expected disk or cpu"):
        make([songs_folder], cache, PLAIN, memory="cuda")


def test_lists_of_samples_are_no_material_by_themselves(tmp_path: Path, cache: AudioCache) -> None:
    (tmp_path / "samples.yaml").write_text("kits: {}")
    assert load_material([tmp_path / "samples.yaml"], cache, ()).songs == []


def test_datasets_tell_what_they_have(
    songs_folder: Path, tmp_path: Path, cache: AudioCache
) -> None:
    write_wave(tmp_path / "own" / "drums" / "loop.wav", tone(300, 0.5))
    pool = RenderPool(tmp_path / "pool", 2, 1000)
    material = load_material([songs_folder, tmp_path / "own"], cache, ())
    datasets = open_datasets(material, pool, "disk", "cpu")
    assert all(isinstance(dataset, Dataset) for dataset in datasets.values())
    assert list(datasets["songs"].names()) == ["first", "second"]
    assert list(datasets["recordings"].names("drums")) == ["loop"]
    assert list(datasets["recordings"].names()) == []
    assert list(datasets["renders"].names("bass")) == []
    pool.put(0, np.full((4, 2, 1000), 32767, np.int16))
    assert datasets["renders"].n_samples(0) == 1000
    crop = datasets["renders"].crop(0, "bass", 900, 300)
    assert crop.shape == (1, 2, 300)
    assert (crop[0, :, :100] == 1).all()
    assert not crop[0, :, 100:].any(), "what is beyond the end is silent"

"""Passages of unlabelled mixes in which a target is silent: heard, written, and trained on."""

from pathlib import Path

import numpy as np
import pytest
import torch

from libsep.config import AugmentConfig, MaterialConfig, PresenceTrainingConfig, SearchConfig
from libsep.datasets.audio_cache import AudioCache
from libsep.errors import ConfigError
from libsep.track import TARGETS
from libsep.training.material.data import load_material
from libsep.training.material.examples import Examples
from libsep.training.presence.network import labels_of, loudness_db
from libsep.training.presence.passages import Passage, passages_of, write_passages
from libsep.training.presence.run import SCORES, PresenceJob, find_passages

from ...conftest import SAMPLE_RATE, tone, write_wave

PITCHES_HZ = {"drums": 3000, "bass": 60, "other": 300, "vocals": 900}
PLAIN = AugmentConfig(**dict.fromkeys(AugmentConfig.model_fields, 0.0) | {"drop": 0.2})
SETTINGS = PresenceTrainingConfig(
    kind="presence",
    material=MaterialConfig(segment_s=0.5, coherent=0),
    augment=PLAIN,
    n_steps=30,
    n_batch=8,
    search=SearchConfig(targets=("drums", "vocals"), max_chance=0.5, hop_s=0.5),
)


def test_a_source_sounds_by_its_loudest_half_second_against_the_mixture() -> None:
    sources = torch.zeros(4, 2, 2 * SAMPLE_RATE)
    sources[0] = 0.1
    sources[1, :, -SAMPLE_RATE // 2 :] = 0.1
    sources[2] = 0.1 * 10 ** (-40 / 20)
    loudness = loudness_db(sources)
    mixture_db = 20 * float(sources.sum(0).square().mean().sqrt().log10())
    np.testing.assert_allclose(loudness[:2], -20 - mixture_db, atol=1e-3)
    np.testing.assert_allclose(loudness[2], -60 - mixture_db, atol=1e-3)
    sounds, is_sure = labels_of(sources)
    assert sounds.tolist() == [True, True, False, False]
    assert is_sure.tolist() == [True, True, False, True]


def test_windows_that_touch_are_one_passage() -> None:
    chances = np.full((9, 4), 0.9, np.float32)
    chances[[0, 1, 2, 6, 8], 0] = 0.1
    chances[4:, 3] = np.nan
    found = list(passages_of("a", chances, 2 * SAMPLE_RATE, 1.0, {"drums": 0.5, "vocals": 0.95}))
    spans = [(p.target, p.start // SAMPLE_RATE, p.stop // SAMPLE_RATE) for p in found]
    assert spans == [("drums", 0, 4), ("drums", 6, 10), ("vocals", 0, 5)]
    assert str(found[1].place).startswith("bass+other+vocals/a-")
    assert found[1].place.name.endswith("-6.npy")


def test_passages_fill_their_space_and_old_ones_go(tmp_path: Path) -> None:
    mixes = {name: np.full((2, 90), number, np.int16) for number, name in enumerate("abc", 1)}
    found = [Passage(str(9 - i), name, "drums", 10, 60) for i, name in enumerate("abc")]
    stale = tmp_path / "drums+bass+other" / "old.npy"
    stale.parent.mkdir()
    stale.write_bytes(b"")
    kept = write_passages(tmp_path, found, mixes, 2.0 * found[0].n_bytes)
    assert [passage.mix for passage in kept] == ["c", "b"]
    paths = sorted(tmp_path.rglob("*.npy"))
    assert paths == sorted(tmp_path / passage.place for passage in kept)
    assert [int(np.load(path).max()) for path in paths] == [2, 3]
    assert paths[0].stat().st_size == found[0].n_bytes


@pytest.fixture
def job(tmp_path: Path) -> PresenceJob:
    """Return a search in a mix without drums in its first half, without vocals in its second."""
    for target, pitch_hz in PITCHES_HZ.items():
        write_wave(tmp_path / "stems" / "song" / f"{target}.wav", tone(pitch_hz, 1.0))
    sources = {target: tone(pitch_hz, 4.0, 0.1) for target, pitch_hz in PITCHES_HZ.items()}
    sources["drums"][:, : 2 * SAMPLE_RATE] = 0
    sources["vocals"][:, 2 * SAMPLE_RATE :] = 0
    write_wave(tmp_path / "mixes" / "Mix.wav", sum(sources.values()))
    for target, samples in sources.items():
        write_wave(tmp_path / "true" / "song" / f"{target}.wav", samples)
    return PresenceJob(
        config=SETTINGS,
        data=(tmp_path / "stems",),
        validation=(tmp_path / "true",),
        unpaired=(tmp_path / "mixes",),
        out=tmp_path / "run",
        cache=tmp_path / "cache",
    )


def test_a_search_finds_where_a_target_is_silent_and_it_becomes_material(
    job: PresenceJob, cache: AudioCache
) -> None:
    said: list[str] = []
    kept = find_passages(job, said.append)
    spans = {(p.target, p.start / SAMPLE_RATE, p.stop / SAMPLE_RATE) for p in kept}
    assert spans == {("drums", 0, 2), ("vocals", 2, 4)}
    assert any("drums: silent in 12 of 16 windows, found in 12, precision 1.000" in s for s in said)
    assert (job.out / SCORES).is_file()
    material = load_material([*job.data, job.out / "passages"], cache, ())
    mixed = MaterialConfig(segment_s=0.5, coherent=0, share_sums=1.0)
    examples = Examples(material, None, mixed, PLAIN.model_copy(update={"drop": 0.0}), SAMPLE_RATE)
    sources, partitions = examples.parted_batch(0, 0, 0, 8)
    assert set(partitions) == {("drums", "bass+other+vocals"), ("drums+bass+other", "vocals")}
    alone = TARGETS.index("drums"), partitions.index(("drums", "bass+other+vocals"))
    spectrum = torch.fft.rfft(sources[alone[1], :, 0]).abs()
    assert spectrum[0].argmax() == PITCHES_HZ["drums"] / 2
    assert spectrum[1, PITCHES_HZ["drums"] // 2] < 0.01 * spectrum[1].max()
    said.clear()
    assert find_passages(job, said.append) == kept
    assert any("trained already" in line for line in said)


def test_a_search_without_mixes_is_refused(job: PresenceJob, tmp_path: Path) -> None:
    for target in ("drums", "no_drums"):
        write_wave(tmp_path / "other" / target / "a.wav", tone(99, 0.1))
    said: list[str] = []
    with pytest.raises(ConfigError, match="no mixes"):
        find_passages(PresenceJob(**{**vars(job), "unpaired": (tmp_path / "other",)}), said.append)
    assert len(said) == 2
    with pytest.raises(ConfigError, match="--unpaired: expected"):
        find_passages(PresenceJob(**{**vars(job), "unpaired": ()}), said.append)

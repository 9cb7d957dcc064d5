from pathlib import Path

import numpy as np
import pytest

from libsep.datasets.audio_cache import AudioCache
from libsep.datasets.songs import Song, find_songs, load_song
from libsep.evaluation.baselines import IDEAL, QUARTER, RULES, baselines
from libsep.evaluation.separate import separate_song
from libsep.metrics import usdr
from libsep.separation.registry import Model
from libsep.separation.segments import SegmentGrid
from libsep.separation.separator import Separator
from libsep.separation.stream import separate_blocks
from libsep.track import TARGETS

SAMPLE_RATE = 44100
GRID = SegmentGrid.of_seconds(2.0, 0.5, SAMPLE_RATE)


@pytest.fixture
def song(songs_folder: Path, cache: AudioCache) -> Song:
    """Return four tones: 3000, 80, 500 and 900 Hz."""
    return load_song(find_songs(songs_folder)[0], cache)


def test_what_is_scored_is_what_a_conversion_makes(song: Song, tiny_model: Model) -> None:
    separator = Separator(tiny_model, device="cpu", precision="float32")
    mixture = song.mixture()
    blocks = np.split(mixture, [1, 30000, 30001, 99999], axis=1)
    path = Path("any")
    stems = [stems for _, stems in separate_blocks(blocks, separator, GRID, path=path)]
    estimates = separate_song(song, separator, GRID)
    assert estimates.shape == (4, *mixture.shape)
    np.testing.assert_array_equal(estimates, np.concatenate(stems, axis=-1))


def test_baselines_have_their_names(song: Song) -> None:
    assert list(baselines(song, GRID, SAMPLE_RATE)) == [QUARTER, RULES, IDEAL]


def test_a_quarter_is_a_quarter(song: Song) -> None:
    estimates = separate_song(song, baselines(song, GRID, SAMPLE_RATE)[QUARTER], GRID)
    np.testing.assert_allclose(estimates, np.stack([song.mixture() / 4] * 4), atol=1e-7)


def test_rules_find_a_low_tone(song: Song) -> None:
    estimates = separate_song(song, baselines(song, GRID, SAMPLE_RATE)[RULES], GRID)
    assert usdr(song.source("bass"), estimates[TARGETS.index("bass")]) > 10
    np.testing.assert_allclose(estimates.sum(0), song.mixture(), atol=1e-4)


def test_the_ideal_mask_separates_tones_in_every_segment(song: Song) -> None:
    estimates = separate_song(song, baselines(song, GRID, SAMPLE_RATE)[IDEAL], GRID)
    for target, estimate in zip(TARGETS, estimates, strict=True):
        assert usdr(song.source(target), estimate) > 30
    np.testing.assert_allclose(estimates.sum(0), song.mixture(), atol=1e-4)


def test_the_ideal_mask_knows_where_the_last_segment_lies(rng: np.random.Generator) -> None:
    n_samples = int(3.2 * SAMPLE_RATE)
    noise = rng.integers(-9000, 9000, (2, n_samples)).astype(np.int16)
    is_drums = (np.arange(n_samples) // (SAMPLE_RATE // 4)) % 2 == 0
    song = Song("turns", {"drums": noise * is_drums, "bass": noise * ~is_drums})
    drums = separate_song(song, baselines(song, GRID, SAMPLE_RATE)[IDEAL], GRID)[0]
    for start in (0, 2 * SAMPLE_RATE):
        assert usdr(song.source("drums", start), drums[:, start:]) > 8


def test_the_ideal_mask_gives_nobody_what_is_unscored(song: Song) -> None:
    sources = dict(song.sources)
    sources["unscored"] = sources.pop("bass")
    known = Song("one", sources)
    estimates = separate_song(known, baselines(known, GRID, SAMPLE_RATE)[IDEAL], GRID)
    assert not estimates[TARGETS.index("bass")].any()
    rest = known.mixture() - known.source("unscored")
    assert usdr(rest, estimates.sum(0)) > 30

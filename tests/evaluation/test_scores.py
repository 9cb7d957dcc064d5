import math
from pathlib import Path

import pytest

from libsep.datasets.audio_cache import AudioCache
from libsep.datasets.songs import find_songs, load_song
from libsep.evaluation.scores import mean_by_target, score_song
from libsep.track import TARGETS


def test_scores_are_those_of_the_whole_song(songs_folder: Path, cache: AudioCache) -> None:
    song = load_song(find_songs(songs_folder)[0], cache)
    scores = score_song(song, dict.fromkeys(TARGETS, song.mixture() / 4))
    # Four tones of equal level: energy 1 against (3/4)² + 3 × (1/4)² for each.
    expected = -10 * math.log10(9 / 16 + 3 / 16)
    assert scores == {target: pytest.approx(expected, abs=0.02) for target in TARGETS}


def test_the_mean_counts_each_target_once() -> None:
    scores = {"a": {"drums": 4.0, "bass": 1.0}, "b": {"drums": 2.0}}
    assert mean_by_target(scores) == {"drums": 3.0, "bass": 1.0, "mean": 2.0}
    assert mean_by_target({}) == {}

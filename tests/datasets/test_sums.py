"""Songs of which only the sum of several targets is known."""

from pathlib import Path

import numpy as np
import pytest

from libsep.datasets.audio_cache import AudioCache
from libsep.datasets.songs import Song, find_songs, load_song
from libsep.datasets.sums import in_order, is_source, merged_names, name_of
from libsep.errors import ConfigError
from libsep.evaluation.evaluate import gather_songs
from libsep.evaluation.scores import mean_by_target, score_song

from ..conftest import tone, write_wave


def test_a_sum_is_called_by_its_targets_in_their_usual_order() -> None:
    assert name_of(["other", "drums"]) == "drums+other"
    assert in_order(["vocals", "bass", "mixture", "drums+other"]) == (
        "drums+other",
        "bass",
        "vocals",
    )
    assert is_source("drums+bass")
    assert not is_source("drums+drums")
    assert not is_source("drums+kick")


def test_a_network_with_fewer_targets_is_compared_with_what_is_known() -> None:
    names = ["drums+bass", "other", "vocals"]
    assert merged_names(names, ("drums", "bass", "other")) == {
        "drums+bass": ["drums+bass"],
        "other": ["other", "vocals"],
    }
    assert merged_names(["drums+bass+other", "vocals"], ("drums", "bass", "other")) == {
        "drums+bass+other": ["drums+bass+other", "vocals"]
    }


def test_files_called_like_a_sum_are_songs_and_the_sum_is_scored(
    tmp_path: Path, cache: AudioCache
) -> None:
    write_wave(tmp_path / "a" / "bass+drums.wav", tone(99, 0.5))
    np.save(tmp_path / "a" / "vocals.npy", np.rint(tone(700, 0.5) * 32767).astype(np.int16))
    song = load_song(find_songs(tmp_path)[0], cache)
    assert song.known_sources == ("drums+bass", "vocals")
    assert song.scored_targets == ("vocals",)
    assert len(list(cache.folder.iterdir())) == 1, "samples are mapped where they lie"
    half = song.source("drums+bass") / 2
    scores = score_song(song, {"drums": half, "bass": half, "vocals": song.source("vocals")})
    assert min(scores.values()) > 60
    assert set(mean_by_target({"a": scores})) == {"drums+bass", "vocals", "mean"}


def test_what_is_no_song_of_samples_is_refused(tmp_path: Path, cache: AudioCache) -> None:
    folder = tmp_path / "a"
    for name in ("drums+bass", "bass+vocals"):
        write_wave(folder / f"{name}.wav", tone(99, 0.1))
    with pytest.raises(ConfigError, match="a: bass belongs to several of drums"):
        find_songs(tmp_path)
    (folder / "bass+vocals.wav").rename(folder / "other.wav")
    with pytest.raises(ConfigError, match=r"song a: drums\+bass is one source, expected each"):
        gather_songs([tmp_path])
    np.save(folder / "wrong.npy", np.zeros((2, 4)))
    with pytest.raises(ConfigError, match=r"wrong\.npy: float64 of shape \(2, 4\), expected int16"):
        cache.samples(folder / "wrong.npy")
    (folder / "torn.npy").write_bytes((folder / "wrong.npy").read_bytes()[:150])
    with pytest.raises(ConfigError, match=r"torn\.npy: training material cannot be read"):
        cache.samples(folder / "torn.npy")


def test_merging_keeps_the_mixture() -> None:
    values = {name: np.full((2, 9), n, np.int16) for n, name in enumerate(["drums+other", "bass"])}
    song = Song("a", values | {"vocals": np.full((2, 9), 7, np.int16)})
    merged = song.merged(("drums", "bass", "other"))
    assert set(merged.sources) == {"drums+other", "bass"}
    assert np.array_equal(merged.mixture(), song.mixture())

from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest

from libsep.config import TrainingConfig, load
from libsep.datasets.audio_cache import FULL_SCALE, AudioCache
from libsep.datasets.song_list import SongList
from libsep.datasets.songs import find_single_sources, find_songs, load_song
from libsep.errors import ConfigError
from libsep.track import TARGETS

from ..conftest import Encode, tone, write_wave


def test_folders_of_stems_are_songs(songs_folder: Path, cache: AudioCache) -> None:
    songs = find_songs(songs_folder)
    assert [song.name for song in songs] == ["first", "second"]
    song = load_song(songs[0], cache)
    assert song.scored_targets == ("drums", "bass", "other", "vocals")
    assert song.n_samples == 3 * 44100
    np.testing.assert_allclose(song.source("bass"), tone(80, 3.0), atol=1e-4)
    np.testing.assert_allclose(
        song.mixture(), sum(tone(f, 3.0) for f in (3000, 80, 500, 900)), atol=2e-4
    )


def test_missing_sources_are_silent_and_not_scored(tmp_path: Path, cache: AudioCache) -> None:
    write_wave(tmp_path / "a" / "drums.wav", tone(99, 0.5))
    write_wave(tmp_path / "a" / "bass.wav", tone(50, 0.5))
    song = load_song(find_songs(tmp_path)[0], cache)
    assert song.scored_targets == ("drums", "bass")
    assert not song.source("vocals").any()


def test_clipped_sources_are_told(
    encode: Encode, cache: AudioCache, caplog: pytest.LogCaptureFixture
) -> None:
    loud, quiet = (tone(50, 0.5, level=level).astype(np.float32) for level in (2.0, 1.0))
    cache.samples(encode("quiet.wav", quiet, "-c:a", "pcm_f32le"))
    assert caplog.messages == []
    path = encode("loud.wav", loud, "-c:a", "pcm_f32le")
    assert np.abs(cache.samples(path)).max() == FULL_SCALE
    (said,) = caplog.messages
    assert said.startswith(f"{path}: 66.7 % of its samples are above full scale")
    assert said.endswith("all files of the song 6.0 dB quieter would avoid it")


def test_files_whose_sum_is_clipped_are_told(
    tmp_path: Path, cache: AudioCache, caplog: pytest.LogCaptureFixture
) -> None:
    for name, level in (("kick", 0.8), ("snare", 0.8), ("bass", 0.9)):
        write_wave(tmp_path / f"{name}.wav", tone(50, 0.5, level=level))
    listed = tmp_path / "songs.yaml"
    listed.write_text("songs: {Loud: {drums: [kick.wav, snare.wav], bass: [bass.wav]}}\n")
    (song,) = find_songs(listed)
    assert np.abs(load_song(song, cache).sources["drums"]).max() == FULL_SCALE
    (said,) = caplog.messages
    assert said.startswith("song Loud, sum of 2 files: 57.")
    assert said.endswith("all files of the song 4.1 dB quieter would avoid it")


def test_a_list_adds_files_and_keeps_what_is_unscored(tmp_path: Path, cache: AudioCache) -> None:
    for name, hertz in (("kick", 60), ("snare", 200), ("rest", 700)):
        write_wave(tmp_path / "audio" / f"{name}.wav", tone(hertz, 0.5, level=0.2))
    (tmp_path / "list.yaml").write_text(
        "root: audio\nsongs:\n  one: {drums: [kick.wav, snare.wav], unscored: [rest.wav]}\n"
    )
    song = load_song(find_songs(tmp_path / "list.yaml")[0], cache)
    assert song.scored_targets == ("drums",)
    expected = tone(60, 0.5, 0.2) + tone(200, 0.5, 0.2)
    np.testing.assert_allclose(song.source("drums"), expected, atol=2e-4)
    np.testing.assert_allclose(song.mixture(), expected + tone(700, 0.5, 0.2), atol=3e-4)


def test_sources_that_end_a_little_early_are_padded(tmp_path: Path, cache: AudioCache) -> None:
    write_wave(tmp_path / "a" / "drums.wav", tone(99, 1.0))
    write_wave(tmp_path / "a" / "bass.wav", tone(99, 0.97))
    song = load_song(find_songs(tmp_path)[0], cache)
    assert song.source("bass").shape == (2, 44100)
    assert not song.source("bass")[:, 43000:].any()


def test_sources_of_unequal_length_are_refused(tmp_path: Path, cache: AudioCache) -> None:
    write_wave(tmp_path / "a" / "drums.wav", tone(99, 1.0))
    write_wave(tmp_path / "a" / "bass.wav", tone(99, 0.5))
    with pytest.raises(ConfigError, match=r"unequal length \(drums.wav:0 1.00 s, bass.wav:0 0.50"):
        load_song(find_songs(tmp_path)[0], cache)


def test_a_missing_file_of_a_list_is_named(tmp_path: Path, cache: AudioCache) -> None:
    (tmp_path / "list.yaml").write_text("songs: {one: {drums: [gone.wav]}}")
    with pytest.raises(ConfigError, match=r"gone\.wav: training material cannot be read"):
        load_song(find_songs(tmp_path / "list.yaml")[0], cache)


def test_a_file_that_is_no_audio_is_named(tmp_path: Path, cache: AudioCache) -> None:
    (tmp_path / "bad.wav").write_text("no audio")
    with pytest.raises(ConfigError, match=r"bad\.wav: training material cannot be decoded"):
        cache.samples(tmp_path / "bad.wav")


def test_an_unknown_target_of_a_list_is_named(tmp_path: Path) -> None:
    (tmp_path / "list.yaml").write_text("songs: {one: {guitar: [a.wav]}}")
    with pytest.raises(ConfigError, match="unknown target 'guitar'"):
        find_songs(tmp_path / "list.yaml")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="gone: not found"):
        find_songs(tmp_path / "gone")


def test_folders_called_like_targets_hold_single_sources(tmp_path: Path) -> None:
    write_wave(tmp_path / "loops" / "Drums" / "a.wav", tone(99, 0.1))
    write_wave(tmp_path / "vocals" / "b.wav", tone(99, 0.1))
    write_wave(tmp_path / "Other+bass+vocals" / "c.wav", tone(99, 0.1))
    write_wave(tmp_path / "drums+bass+other+vocals" / "d.wav", tone(99, 0.1))
    found = find_single_sources(tmp_path)
    assert {target: [path.name for path in paths] for target, paths in found.items()} == {
        "drums": ["a.wav"], "bass": [], "other": [], "vocals": ["b.wav"],
        "bass+other+vocals": ["c.wav"],
    }  # fmt: skip


def test_a_file_is_decoded_once_and_again_when_it_changes(
    tmp_path: Path, cache: AudioCache
) -> None:
    path = tmp_path / "a.wav"
    write_wave(path, tone(99, 0.2))
    first = np.array(cache.samples(path))
    cached = list(cache.folder.iterdir())
    np.testing.assert_array_equal(cache.samples(path), first)
    assert list(cache.folder.iterdir()) == cached
    write_wave(path, tone(99, 0.3))
    assert cache.samples(path).shape[1] == int(0.3 * 44100)


def test_a_recording_of_a_few_samples_is_read(tmp_path: Path, cache: AudioCache) -> None:
    """Some libraries keep such files for microphones that hear nothing of a stroke."""
    write_wave(tmp_path / "far.wav", np.full((2, 6), 0.25))
    samples = cache.samples(tmp_path / "far.wav")
    assert samples.shape == (2, 6)
    assert (samples == 8192).all()


def test_targets_that_are_not_wanted_become_part_of_other(
    songs_folder: Path, cache: AudioCache
) -> None:
    song = load_song(find_songs(songs_folder)[0], cache)
    merged = song.merged(("drums", "bass", "other"))
    assert merged.scored_targets == ("drums", "bass", "other")
    expected = song.sources["other"].astype(int) + song.sources["vocals"]
    assert np.array_equal(merged.sources["other"], expected)
    np.testing.assert_allclose(merged.mixture(), song.mixture(), atol=1e-6)
    assert song.merged(song.scored_targets) is song


@pytest.mark.parametrize("path", sorted(Path("configs/songs").glob("*.yaml")), ids=str)
def test_a_shipped_list_names_each_file_once_and_each_song_completely(path: Path) -> None:
    songs = load(SongList, path).songs
    files = [file for sources in songs.values() for group in sources.values() for file in group]
    assert len(set(files)) == len(files)
    for song, sources in songs.items():
        assert {"drums", "other", "vocals"} <= set(sources) <= set(TARGETS)
        name = f".{song.removeprefix('eif-')}_Stem_"
        assert all(name in file.name for group in sources.values() for file in group)


def test_trainings_take_all_songs_of_the_shipped_list() -> None:
    names = load(SongList, Path("configs/songs/everything-is-free.yaml")).songs
    for path in Path("configs/train").glob("accompaniment_*.yaml"):
        material = load(TrainingConfig, path).material
        assert not set(names) & set(material.exclude_songs), path
        assert all(any(fnmatch(name, w) for w in material.weights) for name in names), path


def test_a_song_of_the_shipped_list_is_read_from_its_clone(
    tmp_path: Path, cache: AudioCache
) -> None:
    shipped = Path("configs/songs/everything-is-free.yaml")
    path = tmp_path / shipped.name
    path.write_text(shipped.read_text())
    sources = load(SongList, shipped).songs["eif-Hydrogen"]
    for file in (file for group in sources.values() for file in group):
        write_wave(tmp_path / "everythingisremixed/src" / file, tone(220, 0.2))
    song = load_song(find_songs(path)[0], cache)
    assert song.name == "eif-Hydrogen"
    assert set(song.sources) == set(sources)

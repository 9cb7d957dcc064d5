import dataclasses
import os
from pathlib import Path

import av
import numpy as np
import pytest

from libsep.library.demo import files, make_demo_library
from libsep.library.demo.catalogue import CATALOGUE
from libsep.library.demo.cover import draw_cover
from libsep.library.demo.render import render
from libsep.library.demo.sounds import SAMPLE_RATE, note, voice
from libsep.library.scan import scan
from libsep.media.ffmpeg import find_ffmpeg
from libsep.media.tags import read_tags


@pytest.fixture(scope="module")
def short_catalogue() -> list[files.DemoTrack]:
    """Return the whole catalogue with songs of three bars, the voice in the last."""
    return [
        dataclasses.replace(track, song=dataclasses.replace(track.song, n_bars=3))
        for track in CATALOGUE
    ]


@pytest.fixture(scope="module")
def demo(
    tmp_path_factory: pytest.TempPathFactory, short_catalogue: list[files.DemoTrack]
) -> list[Path]:
    """Return the tracks of a demo library of short songs, in a folder ``demo``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "CATALOGUE", tuple(short_catalogue))
        return make_demo_library(tmp_path_factory.mktemp("x") / "demo", ffmpeg=find_ffmpeg())


def test_the_demo_library_is_found_and_kept(
    demo: list[Path], monkeypatch: pytest.MonkeyPatch, short_catalogue: list[files.DemoTrack]
) -> None:
    folder = next(parent for parent in demo[0].parents if parent.name == "demo")
    extensions = ("aiff", "flac", "m4a", "mp3", "ogg", "opus", "wav")
    found = list(scan(folder, extensions=extensions))
    assert {track.path for track in found} == set(demo)
    assert {track.path.suffix[1:].lower() for track in found} == set(extensions)
    for track in found:
        assert track.genres, track.path
        assert track.duration_s is not None
        assert track.duration_s > 3
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    demo[0].unlink()
    monkeypatch.setattr(files, "CATALOGUE", tuple(short_catalogue))
    assert make_demo_library(folder, ffmpeg=find_ffmpeg()) == demo
    after = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert set(after) == set(before)
    changed = {path for path in before if before[path] != after[path]}
    assert changed == {demo[0], demo[0].parent}


def test_tags_and_covers_arrive_in_every_format(
    demo: list[Path], short_catalogue: list[files.DemoTrack]
) -> None:
    for path, track in zip(demo, short_catalogue, strict=False):
        tags = read_tags(path)
        assert tags.fields["title"] == (track.title,)
        assert tags.fields["artist"] == (track.artist,)
        assert tags.fields["album"] == (track.album,)
        assert tags.fields["genre"] == (track.genre,)
        if track.cover:
            assert [picture.data for picture in tags.pictures] == [
                draw_cover(track.song.seed, track.cover)
            ]


def test_the_excerpt_is_the_mixture_with_its_licence_beside_it(demo: list[Path]) -> None:
    with av.open(os.fspath(demo[-1])) as container:
        assert [stream.type for stream in container.streams] == ["audio"]
    assert "CC BY-NC-SA 3.0" in (demo[-1].parent / "LICENCE.txt").read_text()


def test_a_song_is_stereo_audible_and_the_same_every_time() -> None:
    song = dataclasses.replace(CATALOGUE[0].song, n_bars=3)
    samples = render(song)
    assert samples.shape == (2, round(3 * song.bar_s * SAMPLE_RATE))
    assert np.abs(samples).max() == pytest.approx(0.9)
    assert 0.05 < np.sqrt((samples**2).mean()) < 0.4
    assert not np.allclose(samples[0], samples[1])
    assert np.array_equal(samples, render(song))


def test_all_songs_differ_and_last_twenty_to_forty_seconds() -> None:
    lengths_s = [track.song.n_bars * track.song.bar_s for track in CATALOGUE]
    assert all(20 <= length_s <= 40 for length_s in lengths_s)
    assert len({track.song.tempo_bpm for track in CATALOGUE}) == len(CATALOGUE)


@pytest.mark.parametrize("make", ["note", "voice"])
def test_a_pitch_sounds_at_its_frequency(make: str) -> None:
    if make == "note":
        sound = note(69, 1.0, slope=1.5, decay_s=1.0)
    else:
        sound = voice([(0.0, 1.0, 69)], 1.0, seed=3)
    power = np.abs(np.fft.rfft(sound)) ** 2
    hz = np.fft.rfftfreq(sound.size, 1 / SAMPLE_RATE)
    near = [power[np.abs(hz - k * 440) < 25].sum() for k in (1, 2, 3)]
    between = [power[np.abs(hz - k * 440) < 25].sum() for k in (0.5, 1.5, 2.5)]
    assert min(near) > 20 * max(between)

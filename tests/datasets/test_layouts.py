"""Every layout of songs on disk, written as its makers write it."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from libsep.datasets.audio_cache import AudioCache
from libsep.datasets.song_list import GENRES_FILE
from libsep.datasets.songs import find_songs, load_song
from libsep.errors import ConfigError
from libsep.media import stems
from libsep.media.encode import StemEncoder
from libsep.track import TARGETS

from ..conftest import tone, write_wave

HERTZ = {"drums": 3000, "bass": 80, "other": 500, "vocals": 900}
MIXTURE_HZ = 9000


def pitch(samples: np.ndarray) -> float:
    """Return the strongest frequency of the first second, in Hz."""
    return float(np.argmax(np.abs(np.fft.rfft(samples[0, :44100]))))


def write_stems(path: Path, manifest: dict[str, Any] | None, ffmpeg: Path) -> None:
    """Write five tones as a stem file with this manifest, or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    signals = [tone(hertz, 1.0) for hertz in (MIXTURE_HZ, *HERTZ.values())]
    streams = np.stack(signals).astype(np.float32)
    encoded = path.with_name("encoded.mp4")
    with StemEncoder(encoded, ffmpeg=ffmpeg, codec="aac", bitrate_kbps=128) as encoder:
        encoder.write(streams[0], streams[1:])
        encoder.close()
    if manifest is None:
        encoded.rename(path)
        return
    stems.finalise(encoded, path)
    old = json.dumps(stems.MANIFEST["stems"]).encode()
    content = path.read_bytes()
    new = json.dumps(manifest["stems"]).encode()
    assert content.count(old) == 1
    path.write_bytes(content.replace(old, new.ljust(len(old))))
    encoded.unlink()


def named(*names: str) -> dict[str, Any]:
    return {"stems": [{"name": name} for name in names]}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # stempeg's pipes
def test_the_layout_of_musdb18_as_stempeg_writes_it(
    tmp_path: Path, cache: AudioCache, stempeg: ModuleType
) -> None:
    signals = [tone(hertz, 1.0).T for hertz in (MIXTURE_HZ, *HERTZ.values())]
    path = tmp_path / "musdb18" / "test" / "Artist - Title.stem.mp4"
    path.parent.mkdir(parents=True)
    stempeg.write_stems(
        str(path), np.stack(signals), sample_rate=44100, writer=stempeg.StreamsWriter(codec="aac")
    )
    (files,) = find_songs(tmp_path / "musdb18")
    song = load_song(files, cache, with_mixture=True)
    assert song.name == "Artist - Title"
    assert {target: pitch(song.source(target)) for target in TARGETS} == HERTZ
    assert pitch(song.mixture()) == MIXTURE_HZ
    assert find_songs(path) == [files]


def test_the_layout_of_musdb18_hq(tmp_path: Path, cache: AudioCache) -> None:
    for split, title in (("train", "A - One"), ("test", "B - Two")):
        for name, hertz in (HERTZ | {"mixture": MIXTURE_HZ}).items():
            write_wave(tmp_path / split / title / f"{name}.wav", tone(hertz, 1.0))
    songs = find_songs(tmp_path)
    assert [song.name for song in songs] == ["test/B - Two", "train/A - One"]
    song = load_song(songs[0], cache, with_mixture=True)
    assert song.scored_targets == TARGETS
    assert pitch(song.source("bass")) == HERTZ["bass"]
    assert pitch(song.mixture()) == MIXTURE_HZ
    summed = load_song(songs[0], cache)
    np.testing.assert_allclose(
        summed.mixture(), sum(tone(hertz, 1.0) for hertz in HERTZ.values()), atol=2e-4
    )


def test_the_layout_of_dsd100(tmp_path: Path, cache: AudioCache) -> None:
    title = "001 - A - B"
    for split in ("Dev", "Test"):
        for target, hertz in HERTZ.items():
            write_wave(tmp_path / "Sources" / split / title / f"{target}.wav", tone(hertz, 1.0))
        write_wave(tmp_path / "Mixtures" / split / title / "mixture.wav", tone(MIXTURE_HZ, 1.0))
    songs = find_songs(tmp_path)
    assert [song.name for song in songs] == [f"Dev/{title}", f"Test/{title}"]
    assert pitch(load_song(songs[1], cache, with_mixture=True).mixture()) == MIXTURE_HZ
    (part,) = find_songs(tmp_path / "Sources" / "Test")
    assert (part.name, part.mixture) == (title, songs[1].mixture)
    (tmp_path / "Mixtures" / "Dev" / title / "mixture.wav").unlink()
    with pytest.raises(ConfigError, match=r"Dev/001 - A - B: its mixture is missing, expected it"):
        find_songs(tmp_path)


def test_stems_of_native_instruments_are_found_by_their_names(
    tmp_path: Path, cache: AudioCache, ffmpeg: Path
) -> None:
    write_stems(tmp_path / "a.stem.mp4", named("Vox", "Synth 1", "Beat", "Synth 2"), ffmpeg)
    (files,) = find_songs(tmp_path)
    song = load_song(files, cache, with_mixture=True)
    assert song.scored_targets == ("drums", "other", "vocals")
    # The first stem, a tone of HERTZ["drums"], is called Vox, and so on.
    assert pitch(song.source("vocals")) == HERTZ["drums"]
    assert pitch(song.source("drums")) == HERTZ["other"]
    expected = tone(HERTZ["bass"], 1.0) + tone(HERTZ["vocals"], 1.0)
    middle = slice(4096, 40000)
    np.testing.assert_allclose(song.source("other")[:, middle], expected[:, middle], atol=0.02)
    assert pitch(song.mixture()) == MIXTURE_HZ


def test_a_stem_whose_name_says_nothing_is_refused(tmp_path: Path, ffmpeg: Path) -> None:
    write_stems(tmp_path / "a.stem.mp4", named("Drums", "Bass", "Stem 3", "Vocals"), ffmpeg)
    with pytest.raises(ConfigError, match=r"a\.stem\.mp4: stems Drums, .*'Stem 3' is no target"):
        find_songs(tmp_path)


def test_a_stem_atom_without_names_is_refused(tmp_path: Path, ffmpeg: Path) -> None:
    write_stems(tmp_path / "a.stem.mp4", {"stems": ["Drums"]}, ffmpeg)
    with pytest.raises(ConfigError, match="its stem atom names no stems"):
        find_songs(tmp_path)


def test_a_stem_atom_that_is_damaged_is_refused(tmp_path: Path, ffmpeg: Path) -> None:
    path = tmp_path / "a.stem.mp4"
    write_stems(path, stems.MANIFEST, ffmpeg)
    path.write_bytes(path.read_bytes().replace(b'{"mastering_dsp"', b'["mastering_dsp"'))
    with pytest.raises(ConfigError, match=r"a\.stem\.mp4: stem atom is no JSON"):
        find_songs(tmp_path)


def test_a_song_with_a_mixture_must_have_all_its_stems(tmp_path: Path) -> None:
    for name in ("mixture", "drums", "vocals"):
        write_wave(tmp_path / "test" / "A - One" / f"{name}.wav", tone(99, 0.1))
    with pytest.raises(ConfigError, match=r"A - One: .*drums, vocals, but bass, other missing"):
        find_songs(tmp_path)


def test_a_folder_of_mixtures_holds_no_songs(tmp_path: Path) -> None:
    write_wave(tmp_path / "A - One" / "mixture.wav", tone(99, 0.1))
    assert find_songs(tmp_path) == []


def test_a_list_names_mixtures_and_genres(tmp_path: Path, cache: AudioCache) -> None:
    write_wave(tmp_path / "d.wav", tone(3000, 1.0))
    write_wave(tmp_path / "m.wav", tone(9000, 1.0))
    entries = "{one: {drums: [d.wav], mixture: [m.wav]}, two: {drums: [d.wav]}}"
    (tmp_path / "list.yaml").write_text(f"songs: {entries}\ngenres: {{one: rock}}\n")
    one, two = (load_song(s, cache, with_mixture=True) for s in find_songs(tmp_path / "list.yaml"))
    assert (one.genre, two.genre) == ("rock", None)
    assert (pitch(one.mixture()), pitch(two.mixture())) == (9000, 3000)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("songs: {one: {drums: [a.wav]}}\ngenres: {two: pop}", "genre of 'two', but there is no"),
        ("songs: {one: {drums: [a.wav], mixture: [b.wav, c.wav]}}", "one: 2 mixtures, expected"),
        ("songs: {one: {mixture: [b.wav]}}", "one: no sources, expected some of"),
        ("songs: {one: {drums: [a.wav]}}\ngenres: {one: ''}", r"genres\.one: expected a text"),
    ],
)
def test_a_wrong_list_is_refused_with_what_is_wrong(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "list.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        find_songs(tmp_path / "list.yaml")


def test_a_folder_tells_the_genres_of_its_songs(songs_folder: Path, cache: AudioCache) -> None:
    (songs_folder / GENRES_FILE).write_text("genres: {first: Deep House}")
    songs = find_songs(songs_folder)
    assert [load_song(song, cache).genre for song in songs] == ["Deep House", None]
    (songs_folder / GENRES_FILE).write_text("genres: {third: jazz}")
    with pytest.raises(ConfigError, match=r"genres\.yaml: genre of 'third', but there is no such"):
        find_songs(songs_folder)

"""Collections as Traktor and Rekordbox write them, small; and what hostile ones may not do."""

import datetime
from pathlib import Path

import pytest

from libsep.dj.collection import Playlist
from libsep.dj.keys import KEYS, key_number
from libsep.dj.read import read_collection
from libsep.dj.rekordbox import read_rekordbox
from libsep.dj.traktor import read_traktor
from libsep.errors import ConfigError
from libsep.media.tags.serato import from_id3
from libsep.media.tags.serato_cues import Cue, GridMarker, read_cues, read_grid

from ..serato_data import GRID, cue, loop, markers2

HERE = Path(__file__).parent
NML = (HERE / "collection.nml").read_text(encoding="utf-8")
REKORDBOX = (HERE / "rekordbox.xml").read_text(encoding="utf-8")


@pytest.fixture
def written(tmp_path: Path) -> Path:
    (tmp_path / "collection.nml").write_text(NML, encoding="utf-8")
    (tmp_path / "rekordbox.xml").write_text(REKORDBOX, encoding="utf-8")
    return tmp_path


def test_a_traktor_collection_is_read(written: Path) -> None:
    collection = read_traktor(written / "collection.nml")
    one, two = collection.entries
    assert (one.location, two.location) == ("/Users/dj/Music/a/one.mp3", "D:/Music/two.flac")
    assert (one.title, one.artist, one.album, one.genre) == (
        "One & Two",
        "Ärtist",
        "Record",
        "House",
    )
    assert (one.bpm, one.rating, one.duration_s, one.key) == (124, 80, 200.5, "1m")
    assert one.key_number == KEYS.index("Am")
    assert one.added == datetime.date(2025, 12, 31)
    assert one.size_bytes == 8000 * 1024
    assert one.grid == (GridMarker(position_s=0.0525, bpm=124.0),)
    assert one.cues == (
        Cue(position_s=30.02025, name="Drop", slot=0, color=(255, 128, 0)),
        Cue(kind="loop", position_s=60.0, length_s=1.9355, slot=3),
    )
    warm_up = Playlist(path=("Club", "Warm-up"), locations=(two.location, one.location))
    assert collection.playlists == (warm_up,)
    assert (one.play_count, one.last_played, one.color) == (
        7, datetime.date(2026, 1, 1), "yellow",
    )  # fmt: skip


def test_a_rekordbox_export_is_read(written: Path) -> None:
    collection = read_rekordbox(written / "rekordbox.xml")
    (one,) = collection.entries
    assert one.location == "D:/Music/a b/one#1.mp3"
    assert (one.bpm, one.rating, one.key, one.duration_s) == (124, 80, "Am", 200)
    assert one.grid == (GridMarker(position_s=0.053, bpm=124.0, beat=3),)
    assert (one.play_count, one.color) == (9, "rekordbox:0xFF007F")
    assert one.cues[0] == Cue(position_s=30.02, name="Drop", slot=0, color=(255, 128, 0))
    assert one.cues[1].kind == "loop"
    assert one.cues[1].length_s == pytest.approx(1.936)
    warm_up = Playlist(path=("Warm-up",), locations=(one.location,))
    assert collection.playlists == (warm_up,)


def test_the_outermost_element_tells_the_program(written: Path) -> None:
    assert len(read_collection(written / "collection.nml").entries) == 2
    assert len(read_collection(written / "rekordbox.xml").entries) == 1
    (written / "other.xml").write_text("<html/>")
    with pytest.raises(ConfigError, match=r"expected a playlist .* found html"):
        read_collection(written / "other.xml")


@pytest.mark.parametrize(
    "content",
    [
        NML[: len(NML) // 2],
        '<!DOCTYPE x [<!ENTITY a "aaaa">]><NML>&a;</NML>',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><NML>&a;</NML>',
        "no xml",
        "",
    ],
)
def test_broken_and_hostile_files_are_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "collection.nml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=r"cannot be read as XML of Traktor"):
        read_traktor(path)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_collection(tmp_path / "none.nml")


def test_numbers_that_are_none_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "collection.nml"
    bad = NML.replace('START="30020.25"', 'START="nan"').replace('BPM="124.000000"', 'BPM="-3"')
    bad = bad.replace('RANKING="204"', 'RANKING="x"').replace('TYPE="5"', 'TYPE="99"')
    path.write_text(bad.replace("2025/12/31", "2025/13/31").replace('PLAYTIME_FLOAT="200.5"', ""))
    entry = read_traktor(path).entries[0]
    assert (entry.cues, entry.bpm, entry.rating, entry.added) == ((), None, None, None)
    assert entry.duration_s == 201


def test_a_grid_whose_beat_or_metre_is_not_said_begins_on_the_first_of_four(
    tmp_path: Path,
) -> None:
    path = tmp_path / "rekordbox.xml"
    for said in ("", 'Battito="5"', 'Metro="0/4" Battito="0"'):
        text = REKORDBOX.replace('Metro="4/4" Battito="3"', said)
        path.write_text(text, encoding="utf-8")
        (marker,) = read_rekordbox(path).entries[0].grid
        assert (marker.beat, marker.meter) == (1, (4, 4))


def test_keys_have_the_numbers_of_traktor() -> None:
    names = ("C", "Am", "f#", "Ebm", "Bb min", "B\N{MUSIC FLAT SIGN} Major", "Cb", "x", "AM", "")
    assert [key_number(key) for key in names] == [
        0, 21, 6, 15, 22, 10, 11, None, None, None,
    ]  # fmt: skip
    assert [key_number(key) for key in KEYS] == list(range(24))


def test_keys_on_a_wheel_follow_the_circle_of_fifths() -> None:
    majors = [
        "C",
        "G",
        "D",
        "A",
        "E",
        "B",
        "Gb",
        "Db",
        "Ab",
        "Eb",
        "Bb",
        "F",
    ]  # upwards in fifths, from Open Key's 1
    minors = ["Am", "Em", "Bm", "F#m", "C#m", "G#m", "D#m", "Bbm", "Fm", "Cm", "Gm", "Dm"]
    # both upwards in fifths, from Open Key's 1
    for hour, (major, minor) in enumerate(zip(majors, minors, strict=True), start=1):
        camelot = (hour + 6) % 12 + 1
        assert key_number(f"{hour}d") == key_number(f"{camelot}B") == KEYS.index(major)
        assert key_number(f"{hour}m") == key_number(f"{camelot}a") == KEYS.index(minor)
    assert [key_number(key) for key in ("08A", "0A", "13m", "8C")] == [21, None, None, None]


def test_cues_and_grid_of_serato_are_read_from_the_atoms_of_a_stem_file() -> None:
    objects = {
        "Serato Markers2": markers2(cue(0, 1500, b"Drop"), loop(1, 4000, 6000), cue(4, 90_000)),
        "Serato BeatGrid": GRID,
    }
    atoms, problems = from_id3(objects, mp3=None)
    assert problems == []
    first, repeated, last = read_cues(atoms["markersv2"])
    assert first == Cue(position_s=1.5, name="Drop", slot=0, color=(0xCC, 0x88, 0))
    assert (repeated.kind, repeated.position_s, repeated.length_s) == ("loop", 4.0, 2.0)
    assert (last.slot, last.position_s) == (4, 90.0)
    (marker,) = read_grid(atoms["beatgrid"])
    assert marker.position_s == pytest.approx(0.304994, abs=1e-6)
    assert marker.bpm == 115


def test_the_tempo_between_two_markers_of_serato_follows_from_the_beats() -> None:
    grid = bytes.fromhex("010000000002 3f000000 00000010 41080000 42f00000 37")  # 16 beats in 8 s
    atoms, _ = from_id3({"Serato BeatGrid": grid}, mp3=None)
    first, last = read_grid(atoms["beatgrid"])
    assert (first.position_s, first.bpm) == (0.5, 120)
    assert (last.position_s, last.bpm) == (8.5, 120)


def test_atoms_that_are_not_of_serato_are_refused() -> None:
    with pytest.raises(ValueError, match="base64"):
        read_cues(b"!!!")
    with pytest.raises(ValueError, match="expected an object"):
        read_grid(b"AAAA")

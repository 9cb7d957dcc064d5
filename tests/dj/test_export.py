"""Lists of stem files, read back with parsers of others."""

import datetime
import json
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree

import pytest
from typer.testing import CliRunner

from libsep.cli.app import app
from libsep.dj.collection import Collection, Entry, Playlist
from libsep.dj.colors import color_for, color_of
from libsep.dj.rekordbox import read_rekordbox, write_rekordbox
from libsep.dj.stems import StemTrack, closest, read_stem_tracks, sources_in
from libsep.dj.traktor import read_traktor, write_traktor
from libsep.media.stems import MANIFEST
from libsep.media.tags.serato_cues import GridMarker

from .conftest import MakeStem
from .test_collections import NML, REKORDBOX

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pyrekordbox.rbxml import RekordboxXml
    from traktor_nml_utils.models.collection import Nml
    from xsdata.formats.dataclass.parsers import XmlParser

run = CliRunner().invoke


def test_traktor_lists_are_read_by_another_parser(stems: Path, tmp_path: Path) -> None:
    (tmp_path / "collection.nml").write_text(NML, encoding="utf-8")
    result = run(
        app,
        ["export", str(stems), "--to", "traktor", "--collection", str(tmp_path / "collection.nml"),
         "--path-map", f"{stems}=/Volumes/DJ/Stems"],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "2 tracks, 2 with cues, 2 with a beat grid; 2 playlists" in result.output
    assert "1 source could not be looked at" in result.output
    nml = XmlParser().from_bytes((stems / "stems.nml").read_bytes(), Nml)
    two, one = nml.collection.entry
    assert (one.title, one.artist) == ("One <1>", "Ä")
    location = one.location
    assert (location.volume, location.dir, location.file) == ("DJ", "/:Stems/:a/:", "one.stem.mp4")
    assert [(cue.type, cue.start) for cue in one.cue_v2] == [
        (4, 52.5), (0, 30020.25), (5, 60000.0),
    ]  # fmt: skip
    assert one.info.ranking == 204
    assert two.tempo.bpm == 115
    assert two.musical_key.value_attribute == 21
    # Serato's grid and cue of the FLAC, which the collection knows nothing of
    assert [round(c.start, 3) for c in two.cue_v2] == [304.994, 1500.0]
    assert (one.info.playcount, one.info.last_played, one.info.color) == (7, "2026/1/1", 3)
    assert one.musical_key.value_attribute == 21
    # Traktor's own form of the atom: no spaces, the keys in their order
    assert one.stems.stems == json.dumps(MANIFEST, sort_keys=True, separators=(",", ":"))
    keys = [key for key in (stems / "stems.nml").read_text().splitlines() if "<PRIMARYKEY" in key]
    assert len(keys) == 4
    assert all('TYPE="STEM"' in key for key in keys)
    again = read_traktor(stems / "stems.nml")
    places = tuple(entry.location for entry in again.entries)
    assert places == ("/Volumes/DJ/Stems/Music/two.stem.mp4", "/Volumes/DJ/Stems/a/one.stem.mp4")
    assert again.playlists == (
        Playlist(path=("STEMS",), locations=places),
        Playlist(path=("Club", "Warm-up"), locations=places),
    )


def test_rekordbox_lists_are_read_by_another_parser(stems: Path, tmp_path: Path) -> None:
    source = tmp_path / "rekordbox.xml"
    source.write_text(REKORDBOX.replace("a%20b/one%231.mp3", "a/one.mp3"), encoding="utf-8")
    result = run(
        app,
        ["export", str(stems), "--to", "rekordbox", "--collection", str(source),
         "--path-map", f"{stems}=D:\\Stems", "--mp3-shift-ms", "-26"],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "could not be looked at" not in result.output
    xml = RekordboxXml(stems / "stems.xml")
    _two, one = xml.get_tracks()
    assert one["Name"] == "One <1>"
    assert one["Location"].endswith("D:/Stems/a/one.stem.mp4")
    assert one["AverageBpm"] == 124
    assert [(mark["Type"], mark["Start"], mark["Num"]) for mark in one.marks] == [
        ("cue", 30.042, 0), ("loop", 60.022, -1),
    ]  # fmt: skip
    assert one.tempos[0]["Inizio"] == pytest.approx(0.075)
    assert (one.tempos[0]["Metro"], one.tempos[0]["Battito"]) == ("4/4", 3)
    assert (one["PlayCount"], one["Colour"]) == (9, "0xFF007F")
    assert xml.get_playlist("Warm-up").get_tracks() == [2]
    assert read_rekordbox(stems / "stems.xml").entries[1].location == "D:/Stems/a/one.stem.mp4"


def test_m3u_lists_name_the_files(stems: Path, tmp_path: Path) -> None:
    (tmp_path / "collection.nml").write_text(NML, encoding="utf-8")
    result = run(
        app,
        ["export", str(stems), "--to", "m3u", "--collection", str(tmp_path / "collection.nml")],
    )
    assert result.exit_code == 0, result.output
    lines = (stems / "stems.m3u8").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#EXTM3U"
    files = [line for line in lines if not line.startswith("#")]
    assert files == [str(path) for path in sorted(stems.rglob("*.stem.mp4"))]
    assert "#EXTINF:200,Ä - One <1>" in lines
    warm_up = (stems / "playlists" / "Club_Warm-up.m3u8").read_text(encoding="utf-8")
    assert [line for line in warm_up.splitlines() if not line.startswith("#")] == files


def test_a_file_of_somebody_else_is_never_replaced(stems: Path) -> None:
    collection = stems / "collection.nml"
    collection.write_text(NML, encoding="utf-8")
    refused = run(app, ["export", str(stems), "--to", "traktor", "-o", str(collection)])
    assert refused.exit_code != 0
    assert "libsep did not write it" in str(refused.exception)
    assert collection.read_text(encoding="utf-8") == NML
    for _ in range(2):  # a list of its own is
        assert run(app, ["export", str(stems), "--to", "traktor"]).exit_code == 0


def test_what_cannot_stand_in_a_list_is_named(stems: Path) -> None:
    (stems / "broken.stem.mp4").write_bytes(b"no mp4")
    (stems / "bad\x01.stem.mp4").write_bytes(b"")
    result = run(app, ["export", str(stems), "--to", "rekordbox"])
    assert result.exit_code == 0
    assert result.output.count("left out") == 2
    assert "no list can hold" in result.output
    assert len(read_rekordbox(stems / "stems.xml").entries) == 2


def test_a_stem_file_of_another_program_has_its_length(make_stem: MakeStem) -> None:
    """Rekordbox takes no cues of a track without ``TotalTime`` (FrankwaP/mixxx-utils)."""
    path = make_stem("bought.wav", is_ours=False)
    (track,) = read_stem_tracks(path.parent).tracks
    assert track.entry.duration_s == pytest.approx(0.1)


def test_a_track_of_another_length_is_not_the_source(stems: Path, tmp_path: Path) -> None:
    collection = tmp_path / "collection.nml"
    other = NML.replace('PLAYTIME="201" PLAYTIME_FLOAT="200.5"', 'PLAYTIME_FLOAT="77"')
    collection.write_text(other, encoding="utf-8")
    run(app, ["export", str(stems), "--to", "traktor", "--collection", str(collection)])
    one = next(e for e in read_traktor(stems / "stems.nml").entries if "one" in e.location)
    assert (one.cues, one.rating) == ((), None)


SETS = (
    Playlist(path=("Set",), locations=("/1.mp4",)),
    Playlist(path=("Club", "Set"), locations=("/2.mp4",)),
    Playlist(path=("Club", "Late", "Set"), locations=("/1.mp4",)),
    Playlist(path=("Last",), locations=("/2.mp4",)),
    Playlist(path=("Club", "Set (2)"), locations=("/1.mp4",)),
)


@pytest.mark.parametrize(
    ("write", "read"), [(write_traktor, read_traktor), (write_rekordbox, read_rekordbox)]
)
def test_playlists_keep_their_folders(
    write: Callable[..., Element], read: Callable[[Path], Collection], tmp_path: Path
) -> None:
    entries = [Entry(location="/1.mp4"), Entry(location="/2.mp4")]
    root = write(entries, SETS, today=datetime.date(2026, 1, 1))
    ElementTree(root).write(tmp_path / "list")
    first, *in_club, last = read(tmp_path / "list").playlists
    assert (first, *in_club[:2], last) == (SETS[0], SETS[1], SETS[2], SETS[3])
    assert in_club[2:] == [SETS[4]]


def test_both_of_two_playlists_of_one_name_are_written(stems: Path, tmp_path: Path) -> None:
    text = REKORDBOX.replace("a%20b/one%231.mp3", "a/one.mp3")
    (node,) = re.findall(r'<NODE Name="Warm-up".*?</NODE>', text, re.DOTALL)
    empty = '<NODE Name="Nothing" Type="1" KeyType="0" Entries="0"/>'
    (tmp_path / "two.xml").write_text(text.replace(node, node + node + empty), encoding="utf-8")
    arguments = ["export", str(stems), "--to", "rekordbox", "--collection"]
    result = run(app, [*arguments, str(tmp_path / "two.xml")])
    assert "left out playlists without any stem file: 'Nothing'" in result.output
    _, *lists = read_rekordbox(stems / "stems.xml").playlists
    assert [playlist.name for playlist in lists] == ["Warm-up", "Warm-up (2)"]
    assert lists[0].locations == lists[1].locations == (str(stems / "a/one.stem.mp4"),)


@pytest.mark.parametrize(
    ("meter", "beat", "first_s"),
    [((4, 4), 1, 0.4), ((4, 4), 3, 1.4), ((4, 4), 4, 0.9), ((3, 4), 2, 1.4)],
)
def test_the_grid_of_traktor_begins_on_the_first_beat_of_a_bar(
    meter: tuple[int, int], beat: int, first_s: float
) -> None:
    marker = GridMarker(position_s=0.4, bpm=120.0, meter=meter, beat=beat)
    root = write_traktor(
        [Entry(location="/a.mp4", grid=(marker,))], [], today=datetime.date(2026, 1, 1)
    )
    (written,) = root.iter("CUE_V2")
    assert float(written.get("START", "")) == pytest.approx(1000 * first_s)


def test_a_tempo_that_ends_before_its_bar_does_has_no_marker_in_traktor() -> None:
    beats = [GridMarker(position_s=n / 2, bpm=120.0, beat=n % 4 + 1) for n in range(2, 9)]
    root = write_traktor(
        [Entry(location="/a.mp4", grid=tuple(beats))], [], today=datetime.date(2026, 1, 1)
    )
    starts = [float(written.get("START", "")) for written in root.iter("CUE_V2")]
    assert starts == [2000.0, 4000.0]


def test_colours_that_both_programs_have_go_over() -> None:
    assert color_for("rekordbox", color_of("traktor", "1")) == "0xFF0000"
    assert color_for("traktor", color_of("traktor", "7")) == "7"
    assert color_for("rekordbox", color_of("traktor", "7")) == ""
    assert color_of("traktor", "0") == ""


def test_two_m3u_exports_into_one_folder_keep_their_playlists_apart(
    stems: Path, tmp_path: Path
) -> None:
    (tmp_path / "collection.nml").write_text(NML, encoding="utf-8")
    for name in ("a.m3u8", "b.m3u8"):
        run(
            app,
            ["export", str(stems), "--to", "m3u", "--collection", str(tmp_path / "collection.nml"),
             "-o", str(tmp_path / name)],
        )  # fmt: skip
    found = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("Club*.m3u8")]
    assert sorted(found) == [f"{n}.m3u8 playlists/Club_Warm-up.m3u8" for n in "ab"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "m3u", "--mp3-shift-ms", "nan"], "expected less than a second"),
        (["--to", "serato"], "expected one of traktor, rekordbox, m3u"),
        (["--to", "m3u", "--path-map", "x"], "expected HERE=THERE"),
        (["--to", "m3u", "--path-map", "/a=/M\udcfcsik"], r"/M\udcfcsik: a path with characters"),
    ],
)
def test_wrong_options_are_said(arguments: list[str], message: str, stems: Path) -> None:
    result = run(app, ["export", str(stems), *arguments])
    assert message in str(result.exception)


def test_a_folder_without_stem_files_is_an_error(tmp_path: Path) -> None:
    result = run(app, ["export", str(tmp_path), "--to", "m3u"])
    assert "no stem files found" in str(result.exception)


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (read_traktor, '<NML><PLAYLISTS><NODE TYPE="PLAYLIST" NAME="Set"/></PLAYLISTS></NML>'),
        (
            read_rekordbox,
            '<DJ_PLAYLISTS><PLAYLISTS><NODE Type="1" Name="Set"/></PLAYLISTS></DJ_PLAYLISTS>',
        ),
    ],
)
def test_a_playlist_in_no_folder_has_its_name(
    tmp_path: Path, read: Callable[[Path], Collection], text: str
) -> None:
    (tmp_path / "collection").write_text(text)
    assert [each.path for each in read(tmp_path / "collection").playlists] == [("Set",)]


def test_of_stem_files_that_fit_a_place_the_one_with_the_longest_path_is_it() -> None:
    stems = [
        StemTrack(path=Path(name), source=name, entry=Entry(location=f"/{name}"))
        for name in ("one.mp3", "A B/one.mp3")
    ]
    entry = Entry(location="/Music/A%20B/one.mp3")
    collection = Collection(entries=(entry,))
    found = sources_in(collection, tuple(stems))
    assert found[entry.location].source == "A B/one.mp3"


def test_sources_that_differ_in_case_alone_keep_their_own_stem_files() -> None:
    stems = [
        StemTrack(path=Path(f"{number}.stem.mp4"), source=name, entry=Entry(location=f"/{number}"))
        for number, name in enumerate(("A/One.mp3", "A/one.mp3", "A/Two.mp3"))
    ]
    spelt = (
        "/Music/A/One.mp3",
        "/Music/A/one.mp3",
        "/Music/A/ONE.mp3",
        "/Music/a/two.MP3",
        "A/Two.mp3",
    )
    collection = Collection(entries=tuple(Entry(location=each) for each in spelt))
    found = sources_in(collection, tuple(stems))
    assert {place: track.source for place, track in found.items()} == {
        "/Music/A/One.mp3": "A/One.mp3",
        "/Music/A/one.mp3": "A/one.mp3",
        "/Music/a/two.MP3": "A/Two.mp3",
        "A/Two.mp3": "A/Two.mp3",
    }


def test_of_two_entries_for_one_stem_file_that_of_the_exact_path_counts(
    make_stem: MakeStem, tmp_path: Path
) -> None:
    """A collection may hold a track where it lay before, too."""
    stems = make_stem("A/one.mp3").parents[1]
    text = REKORDBOX.replace("a%20b/one%231.mp3", "A/one.mp3")
    (track,) = re.findall(r"<TRACK TrackID.*?</TRACK>", text, re.DOTALL)[:1]
    other = track.replace("A/one.mp3", "a/ONE.mp3").replace('Rating="', 'Rating="0" Was="')
    number = re.search(r'TrackID="([^"]*)"', other)
    assert number is not None
    other = other.replace(number.group(), 'TrackID="99"')
    (tmp_path / "rekordbox.xml").write_text(text.replace(track, track + other), encoding="utf-8")
    arguments = ["--to", "rekordbox", "--collection", str(tmp_path / "rekordbox.xml")]
    result = run(app, ["export", str(stems), *arguments])
    assert result.exit_code == 0, result.output
    assert "left aside, as another one fits the same stem file better: 1\n" in result.output
    (found,) = read_rekordbox(stems / "stems.xml").entries
    assert found.rating
    own = Entry(location="/S")
    stem = StemTrack(path=Path("x"), source="A/one.mp3", entry=own)
    entries = [Entry(location=f"{root}/A/one.mp3") for root in ("/Old", "/Music", "/New")]
    assert closest(stem, entries, Path("/Music")) is entries[1]
    assert closest(stem, entries, None) is entries[0]

"""Lists of stem files, read back with parsers of others."""

import warnings
from pathlib import Path

import pytest
from typer.testing import CliRunner

from libsep.cli.app import app
from libsep.dj.export import _unused
from libsep.dj.rekordbox import read_rekordbox
from libsep.dj.traktor import read_traktor
from libsep.media.tags.serato import from_id3

from ..serato_data import GRID, cue, markers2
from .conftest import MakeMp3, MakeStem
from .test_collections import NML, REKORDBOX

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pyrekordbox.rbxml import RekordboxXml
    from traktor_nml_utils.models.collection import Nml
    from xsdata.formats.dataclass.parsers import XmlParser

run = CliRunner().invoke


@pytest.fixture
def stems(make_stem: MakeStem) -> Path:
    serato, _ = from_id3(
        {"Serato Markers2": markers2(cue(2, 1500, b"Intro")), "Serato BeatGrid": GRID},
        mp3_sample_rate=None,
    )
    make_stem("Music/two.flac", title="Two", artist="B", serato=serato, bpm="115", key="Am")
    return make_stem("a/one.mp3", title="One <1>", artist="Ä").parents[1]


def test_traktor_lists_are_read_by_another_parser(stems: Path, tmp_path: Path) -> None:
    (tmp_path / "collection.nml").write_text(NML, encoding="utf-8")
    result = run(
        app,
        ["export", str(stems), "--to", "traktor", "--collection", str(tmp_path / "collection.nml"),
         "--path-map", f"{stems}=/Volumes/DJ/Stems"],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "2 tracks, 2 with cues, 2 with a beat grid; 2 playlists" in result.output
    assert "1 MP3 could not be looked at" in result.output
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
    again = read_traktor(stems / "stems.nml")
    assert again.playlists["STEMS"] == tuple(entry.location for entry in again.entries)
    assert again.playlists["Club/Warm-up"] == (
        "/Volumes/DJ/Stems/Music/two.stem.mp4", "/Volumes/DJ/Stems/a/one.stem.mp4",
    )  # fmt: skip


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
        ("cue", 29.994, 0), ("loop", 59.974, -1),
    ]  # fmt: skip
    assert one.tempos[0]["Inizio"] == pytest.approx(0.027)
    assert xml.get_playlist("Warm-up").get_tracks() == [2]
    assert read_rekordbox(stems / "stems.xml").entries[1].location == "D:/Stems/a/one.stem.mp4"


@pytest.mark.parametrize(
    ("header", "traktor_s", "rekordbox_s"),
    [
        ("none", 30.02025, 30.02),
        ("plain", 30.02025 - 0.026122, 30.02),
        ("unverified", 30.02025 - 0.026122, 30.02),
        ("lame", 30.02025 - 0.026122, 30.02 - 0.026122),
    ],
)
def test_cues_of_an_mp3_move_as_its_header_asks(
    header: str, traktor_s: float, rekordbox_s: float, stems: Path, tmp_path: Path, mp3: MakeMp3
) -> None:
    """The frames that programs count are those of Mixxx and dj-data-converter (`mp3_time`)."""
    mp3(header, tmp_path / "music" / "a" / "one.mp3")
    (stems / ".libsep").mkdir()
    (stems / ".libsep" / "library").write_text(str(tmp_path / "music"), encoding="utf-8")
    (tmp_path / "collection.nml").write_text(NML, encoding="utf-8")
    rekordbox = REKORDBOX.replace("a%20b/one%231.mp3", "a/one.mp3")
    (tmp_path / "rekordbox.xml").write_text(rekordbox, encoding="utf-8")
    for name, expected_s in (("collection.nml", traktor_s), ("rekordbox.xml", rekordbox_s)):
        result = run(
            app,
            ["export", str(stems), "--to", "rekordbox", "--collection", str(tmp_path / name)],
        )
        assert result.exit_code == 0, result.output
        assert "could not be looked at" not in result.output
        (one,) = (e for e in read_rekordbox(stems / "stems.xml").entries if "one" in e.location)
        assert one.cues[0].position_s == pytest.approx(expected_s, abs=0.001)


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


def test_a_track_of_another_length_is_not_the_source(stems: Path, tmp_path: Path) -> None:
    collection = tmp_path / "collection.nml"
    other = NML.replace('PLAYTIME="201" PLAYTIME_FLOAT="200.5"', 'PLAYTIME_FLOAT="77"')
    collection.write_text(other, encoding="utf-8")
    run(app, ["export", str(stems), "--to", "traktor", "--collection", str(collection)])
    one = next(e for e in read_traktor(stems / "stems.nml").entries if "one" in e.location)
    assert (one.cues, one.rating) == ((), None)


def test_lists_of_one_name_do_not_replace_each_other() -> None:
    taken = {"stems", "a_b"}
    assert [_unused(name, taken) for name in ("a/b", "A_B", "STEMS", "c")] == [
        "a/b (2)", "A_B (3)", "STEMS (2)", "c",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "m3u", "--mp3-shift-ms", "nan"], "expected less than a second"),
        (["--to", "serato"], "expected one of traktor, rekordbox, m3u"),
        (["--to", "m3u", "--path-map", "x"], "expected HERE=THERE"),
    ],
)
def test_wrong_options_are_said(arguments: list[str], message: str, stems: Path) -> None:
    result = run(app, ["export", str(stems), *arguments])
    assert message in str(result.exception)


def test_a_folder_without_stem_files_is_an_error(tmp_path: Path) -> None:
    result = run(app, ["export", str(tmp_path), "--to", "m3u"])
    assert "no stem files found" in str(result.exception)

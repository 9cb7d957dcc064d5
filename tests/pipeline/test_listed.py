"""Tracks of lists, found on this machine."""

import datetime
import os
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from libsep.config import LibraryConfig, ScanConfig, parse
from libsep.dj.collection import Entry
from libsep.errors import ConfigError
from libsep.library.on_disk import Disk
from libsep.library.reasons import LeftOut, Reason
from libsep.library.scan import scan
from libsep.library.survey import lister_of
from libsep.library.walk import Problem
from libsep.pipeline.listed import ListedTracks, find_here, mapped, why_not_wanted
from libsep.track import FoundFile


@pytest.fixture
def music(tmp_path: Path, encode: Callable[..., Path]) -> Path:
    """Return a folder ``library`` with two tracks, and one track beside it."""
    noise = 0.1 * np.random.default_rng(1).standard_normal((2, 22050))
    tags = ("-metadata", "genre=Tech House")
    for name in ("library/a/One.mp3", "library/Two.flac", "usb/Three.mp3"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        encode(name, noise, *tags)
    return tmp_path


def listed(
    music: Path, *lines: object, **config: object
) -> tuple[list[FoundFile], list[Problem], list[LeftOut]]:
    """Return what comes of a playlist of these lines."""
    playlist = music / "list.m3u8"
    playlist.write_text("\n".join(map(str, lines)), encoding="utf-8")
    problems: list[Problem] = []
    left_out: list[LeftOut] = []
    tracks = ListedTracks(music / "library", [str(playlist)], LibraryConfig(**config))
    found = list(tracks(ScanConfig(), {}, problems.append, left_out.append))
    return found, problems, left_out


def test_a_track_in_the_library_is_what_a_scan_says_it_is(music: Path) -> None:
    found, problems, left_out = listed(music, "library/Two.flac", music / "library/a/One.mp3")
    scanned = {file.source: file for file in scan(music / "library", extensions=("mp3", "flac"))}
    assert {file.source: file for file in found} == scanned
    assert [str(file.source) for file in found] == ["Two.flac", "a/One.mp3"]
    assert (problems, left_out) == ([], [])


def test_a_track_elsewhere_keeps_its_whole_path(music: Path) -> None:
    (file,), _, _ = listed(music, "usb/Three.mp3")
    assert file.path == music / "usb/Three.mp3"
    place = (music / "usb/Three.mp3").resolve()
    assert file.source == Path("Outside the library", *place.parts[1:])
    (music / "library" / "Outside the library").mkdir()
    (file,), _, _ = listed(music, "usb/Three.mp3")
    assert file.source.parts[0] == "Outside the library~"


def test_a_place_that_cannot_be_looked_at_is_one_of_no_track(music: Path) -> None:
    (music / "library" / "odd.mp3").symlink_to("x" * 300)
    found, problems, _ = listed(music, "library/odd.mp3", "library/Two.flac")
    assert [str(file.source) for file in found] == ["Two.flac"]
    assert len(problems) == 1


def test_what_is_named_twice_is_converted_once(music: Path) -> None:
    found, _, _ = listed(music, "library/Two.flac", "library/a/../Two.flac", "library/Two.flac")
    assert [str(file.source) for file in found] == ["Two.flac"]


def test_beside_the_library_only_tracks_elsewhere_are_added(music: Path) -> None:
    playlist = music / "list.m3u8"
    playlist.write_text("usb/Three.mp3\nlibrary/Two.flac\nlibrary/a/One.mp3\n")
    library = music / "library"
    (library / "a" / "secret").mkdir()
    shutil.copy(library / "a" / "One.mp3", library / "a" / "secret" / "One.mp3")
    with playlist.open("a") as file:
        file.write("library/a/secret/One.mp3\n")  # what a scan leaves out stays out
    wishes = LibraryConfig(genres=("Tech House",))
    both = ListedTracks(library, [str(playlist)], wishes, lister_of(library, None))
    left_out: list[LeftOut] = []
    config = ScanConfig(exclude=("a/secret/*",))
    found = [str(file.source) for file in both(config, {}, print, left_out.append)]
    guest = Path("Outside the library", *(music / "usb/Three.mp3").resolve().parts[1:])
    assert found[2:] == [str(guest)]
    assert set(found[:2]) == {"Two.flac", "a/One.mp3"}


def test_what_is_not_there_is_listed_and_counted(music: Path) -> None:
    found, problems, left_out = listed(music, "gone.mp3", "library/Two.flac", "library")
    assert len(found) == 1
    assert [str(problem.path) for problem in problems] == [
        str(music / "gone.mp3"),
        str(music / "library"),
    ]
    assert problems[0].reason == "named by a list, but not there (list.m3u8)"
    assert {each.reason for each in left_out} == {Reason.NOT_THERE}


def test_a_list_of_a_collection_is_called_by_its_whole_name(music: Path) -> None:
    collection = music / "rb.xml"
    collection.write_text(
        '<DJ_PLAYLISTS><COLLECTION><TRACK TrackID="1" Location="file://localhost/gone.mp3"/>'
        '</COLLECTION><PLAYLISTS><NODE Type="0" Name="ROOT"><NODE Type="1" Name="on / off">'
        '<TRACK Key="1"/></NODE></NODE></PLAYLISTS></DJ_PLAYLISTS>'
    )
    problems: list[Problem] = []
    lists = [f"{collection}#on / off"]
    tracks = ListedTracks(music / "library", lists, LibraryConfig())
    assert not list(tracks(ScanConfig(), {}, problems.append, lambda _: None))
    assert [problem.reason for problem in problems] == [
        "named by a list, but not there (rb.xml#on / off)"
    ]


def test_stem_files_and_pictures_in_a_list_are_no_tracks(music: Path) -> None:
    for name in ("x.stem.mp4", "cover.jpg"):
        (music / name).write_bytes(b"x")
    found, _, left_out = listed(music, "x.stem.mp4", "cover.jpg")
    assert found == []
    assert [each.reason for each in left_out] == [Reason.STEMS, Reason.NOT_AUDIO]


def test_genres_of_the_tags_count_where_the_list_knows_none(music: Path) -> None:
    assert len(listed(music, "library/Two.flac", genres=("*house",))[0]) == 1
    found, _, left_out = listed(music, "library/Two.flac", exclude_genres=("tech*",))
    assert (found, left_out) == ([], [LeftOut(Path("Two.flac"), Reason.NOT_WANTED, "genre")])
    assert listed(music, "library/Two.flac", genres=("Jazz",))[0] == []


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({}, ""),
        ({"min_rating": 4}, ""),
        ({"min_rating": 4.5}, "rating"),
        ({"added_since": datetime.date(2025, 12, 31)}, ""),
        ({"added_since": datetime.date(2026, 1, 1)}, "date"),
        ({"min_bpm": 120, "max_bpm": 125}, ""),
        ({"min_bpm": 124.6}, "tempo"),
        ({"max_bpm": 124}, "tempo"),
    ],
)
def test_rating_date_and_tempo_choose(config: dict[str, object], reason: str) -> None:
    day = datetime.date(2025, 12, 31)
    entry = Entry(location="/x", rating=80, added=day, bpm=124.5)
    assert why_not_wanted(entry, LibraryConfig(**config)) == reason
    if config:  # what the list does not know is not wanted
        assert why_not_wanted(Entry(location="/x"), LibraryConfig(**config)) != ""


def test_a_tempo_that_no_track_can_have_is_refused() -> None:
    with pytest.raises(ConfigError, match="min_bpm 130 is above max_bpm 120"):
        parse(LibraryConfig, {"min_bpm": 130, "max_bpm": 120}, origin="here")


@pytest.mark.parametrize(
    ("location", "here"),
    [
        ("D:/Music/a.mp3", "/mnt/d/a.mp3"),
        ("d:\\music\\A b.mp3", "/mnt/d/A b.mp3"),
        ("D:/Music/House/a.mp3", "/house/a.mp3"),
        ("D:/Musical/a.mp3", "D:/Musical/a.mp3"),
        ("/Volumes/USB/a.mp3", "/media/usb/a.mp3"),
        ("/Volumes/usb/a.mp3", "/Volumes/usb/a.mp3"),
        ("/a\\b.mp3", "/a\\b.mp3"),
        ("//nas/music/a.mp3", "/nas/a.mp3"),
    ],
)
def test_paths_of_other_machines_are_mapped(location: str, here: str) -> None:
    path_map = {
        "D:\\Music": "/mnt/d/",
        "D:/Music/House/": "/house",
        "/Volumes/USB": "/media/usb",
        "\\\\nas\\music": "/nas",
    }
    assert mapped(location, path_map) == here


def test_accents_may_be_stored_in_either_form(tmp_path: Path) -> None:
    composed, apart = (unicodedata.normalize(form, "Café.mp3") for form in ("NFC", "NFD"))
    (tmp_path / apart).touch()
    assert find_here(f"{tmp_path}/{composed}", {}, Disk()) == tmp_path / apart
    assert find_here(f"{tmp_path}/{apart}", {}, Disk()) == tmp_path / apart
    assert find_here("relative.mp3", {}, Disk()) is None
    assert find_here(f"{tmp_path}/a\0b.mp3", {}, Disk()) is None


def test_a_name_in_latin_letters_is_found_by_a_list_in_them_and_by_one_in_unicode(
    music: Path,
) -> None:
    folder = music / "library" / os.fsdecode("Übung".encode("cp1252"))
    (music / "library/a").rename(folder)
    source = os.fsencode(folder.name) + b"/" + "café 1’30.mp3".encode("cp1252")
    (folder / "One.mp3").rename(music / "library" / os.fsdecode(source))
    (music / "latin.m3u").write_bytes(b"library/" + source)
    (music / "unicode.m3u").write_text("library/Übung/CAFÉ 1’30.mp3", encoding="utf-8")
    for name in ("latin.m3u", "unicode.m3u"):
        tracks = ListedTracks(music / "library", [str(music / name)], LibraryConfig())
        problems: list[Problem] = []
        (found,) = tracks(ScanConfig(), {}, problems.append, lambda _: None)
        assert (os.fsencode(found.source_name), problems) == (source, [])


@pytest.mark.parametrize(
    "written",
    [
        "library/A/ONE.MP3",
        "LIBRARY\\a\\one.mp3",
        "Library/a\\one.mp3",
        "library/%61/One%2Emp3",
        "library/./a/../a/one.mp3",
    ],
)
def test_a_track_keeps_its_name_however_a_list_spells_it(music: Path, written: str) -> None:
    found, problems, _ = listed(music, written, "library/a/One.mp3")
    assert [str(file.source) for file in found] == ["a/One.mp3"]
    assert problems == []


def test_of_two_names_that_differ_in_case_only_the_exact_one_is_taken(tmp_path: Path) -> None:
    for name in ("x.mp3", "X.mp3", "50%20.mp3"):
        (tmp_path / name).touch()
    for name in ("x.mp3", "X.mp3", "50%20.mp3"):
        assert find_here(f"{tmp_path}/{name}", {}, Disk()) == tmp_path / name
    assert find_here(f"{tmp_path}/x.MP3", {}, Disk()) is None


def test_spaces_around_a_name_are_part_of_it_if_there_is_such_a_file(tmp_path: Path) -> None:
    for name in ("x.mp3", " x.mp3", "y.flac ", "z.mp3"):
        (tmp_path / name).touch()
    for name in ("x.mp3", " x.mp3", "y.flac "):
        assert find_here(f"{tmp_path}/{name}", {}, Disk()) == tmp_path / name
    for name in (" z.mp3", "z.mp3 ", "\tz.mp3"):
        assert find_here(f"{tmp_path}/{name}", {}, Disk()) == tmp_path / "z.mp3"


def test_a_name_in_unicode_comes_before_one_in_latin_letters(tmp_path: Path) -> None:
    latin = os.fsdecode(b"caf\xe9.mp3")
    for name in ("café.mp3", latin, os.fsdecode(b"\x81.mp3"), os.fsdecode(b"\x9d.mp3")):
        (tmp_path / name).touch()
    assert Disk().find(f"{tmp_path}/CAFÉ.mp3") == tmp_path / "café.mp3"
    assert Disk().find(f"{tmp_path}/{latin}") == tmp_path / latin
    assert Disk().find(f"{tmp_path}/\x9d.MP3") == tmp_path / os.fsdecode(b"\x9d.mp3")


def test_a_folder_that_cannot_be_listed_is_entered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.mp3").touch()
    monkeypatch.setattr(Disk, "_listed", lambda *_: frozenset())
    assert Disk().find(f"{tmp_path}/x.mp3") == tmp_path / "x.mp3"
    assert Disk().find(f"{tmp_path}/y.mp3") is None

"""Lists as M3U, Serato, Mixxx and iTunes write them, small; and what hostile ones may not do."""

import datetime
import plistlib
import sqlite3
from pathlib import Path

import pytest
from serato_tools.crate import Crate

from libsep.dj.collection import Entry, Playlist
from libsep.dj.itunes import read_itunes
from libsep.dj.m3u import read_m3u, read_playlist
from libsep.dj.mixxx import read_mixxx
from libsep.dj.read import read_collection, read_list
from libsep.dj.serato import read_crate
from libsep.errors import ConfigError

MIXXX_SCHEMA = """
CREATE TABLE track_locations (id INTEGER PRIMARY KEY AUTOINCREMENT, location varchar(512) UNIQUE,
    filename varchar(512), directory varchar(512), filesize INTEGER, fs_deleted INTEGER,
    needs_verification INTEGER);
CREATE TABLE library (id INTEGER PRIMARY KEY AUTOINCREMENT, artist varchar(64), title varchar(64),
    album varchar(64), year varchar(16), genre varchar(64), tracknumber varchar(3),
    location integer REFERENCES track_locations(location), comment varchar(256), url varchar(256),
    duration float, bitrate integer, samplerate integer, cuepoint integer, bpm float,
    wavesummaryhex blob, channels integer, datetime_added DEFAULT CURRENT_TIMESTAMP,
    mixxx_deleted integer, played integer, header_parsed integer DEFAULT 0,
    filetype varchar(8) DEFAULT '?', replaygain float DEFAULT 0, timesplayed integer DEFAULT 0,
    rating integer DEFAULT 0, key varchar(8) DEFAULT '');
CREATE TABLE Playlists (id INTEGER primary key, name varchar(48), position INTEGER,
    hidden INTEGER DEFAULT 0 NOT NULL, date_created datetime, date_modified datetime,
    locked integer DEFAULT 0);
CREATE TABLE PlaylistTracks (id INTEGER primary key, playlist_id INTEGER REFERENCES Playlists(id),
    track_id INTEGER REFERENCES "library_old"(id), position INTEGER, pl_datetime_added);
CREATE TABLE crates (id INTEGER PRIMARY KEY AUTOINCREMENT, name VARCHAR(48) UNIQUE NOT NULL,
    count INTEGER DEFAULT 0, show INTEGER DEFAULT 1, locked integer DEFAULT 0,
    autodj_source integer DEFAULT 0);
CREATE TABLE crate_tracks (crate_id INTEGER NOT NULL REFERENCES crates(id),
    track_id INTEGER NOT NULL REFERENCES "library_old"(id), UNIQUE (crate_id, track_id));
INSERT INTO track_locations VALUES (7, '/home/dj/Ä/one.mp3', 'one.mp3', '/home/dj/Ä', 900, 0, 0),
    (8, 'D:/Music/two.flac', 'two.flac', 'D:/Music', 0, 0, 0), (9, '/gone.mp3', '', '', 1, 1, 0);
INSERT INTO library
    (id, location, title, artist, genre, bpm, rating, datetime_added, duration, key, timesplayed,
    mixxx_deleted)
    VALUES (1, 7, 'One', 'A', 'House', 124.5, 4, '2025-12-31 23:10:00', 200.5, 'Am', 7, 0),
    (2, 8, 'Two', NULL, NULL, 0, 0, NULL, NULL, NULL, 0, 0),
    (3, 9, 'Gone', '', '', 1, 1, '', 1, '', 0, 1);
INSERT INTO Playlists (id, name, hidden) VALUES (1, 'Friday', 0), (2, 'Auto DJ', 1);
INSERT INTO PlaylistTracks (playlist_id, track_id, position) VALUES (1, 1, 2), (1, 2, 1), (1, 3, 3),
    (2, 1, 1);
INSERT INTO crates (id, name) VALUES (1, 'Best');
INSERT INTO crate_tracks VALUES (1, 2);
"""
"""The tables of Mixxx 2.3 (res/schema.xml), with a track that was deleted and a hidden playlist."""

ITUNES = {
    "Major Version": 1,
    "Application Version": "12.9.5.5",
    "Music Folder": "file:///Users/dj/Music/",
    "Tracks": {
        "101": {
            "Track ID": 101,
            "Name": "One & Two",
            "Artist": "Ä",
            "Genre": "House",
            "BPM": 124,
            "Rating": 80,
            "Total Time": 200500,
            "Size": 900,
            "Date Added": datetime.datetime(2025, 12, 31, 23, 10),
            "Play Count": 7,
            "Play Date UTC": datetime.datetime(2026, 1, 2, 23, 10),
            "Location": "file:///Users/dj/Music/one%20%26%20two%231.mp3",
        },
        "102": {
            "Track ID": 102,
            "Rating": 60,
            "Rating Computed": True,
            "Location": "file://localhost/D:/Music/%C3%84.m4a",
        },
        "103": {"Track ID": 103, "Name": "Cloud", "Track Type": "Remote"},
    },
    "Playlists": [
        {"Master": True, "Name": "Library", "Playlist Items": [{"Track ID": 101}]},
        {"Name": "Sets", "Folder": True, "Playlist Persistent ID": "AA", "Playlist Items": []},
        {
            "Name": "Friday",
            "Playlist Persistent ID": "BB",
            "Parent Persistent ID": "AA",
            "Playlist Items": [{"Track ID": 103}, {"Track ID": 102}, {"Track ID": 101}],
        },
    ],
}


@pytest.fixture
def mixxx(tmp_path: Path) -> Path:
    """Return a library of Mixxx."""
    path = tmp_path / "mixxx" / "mixxxdb.sqlite"
    path.parent.mkdir()
    with sqlite3.connect(path) as database:
        database.executescript(MIXXX_SCHEMA)
    database.close()
    return path


ITUNES_TRACK = (
    '<plist version="1.0"><dict><key>Tracks</key><dict><key>1</key><dict><key>Location</key>'
    "<string>file:///a.mp3</string>{}</dict></dict></dict></plist>"
)


@pytest.fixture
def itunes(tmp_path: Path) -> Path:
    """Return a library of iTunes, with the document type that Apple writes."""
    path = tmp_path / "iTunes Music Library.xml"
    path.write_bytes(plistlib.dumps(ITUNES))
    assert b"<!DOCTYPE plist PUBLIC" in path.read_bytes()
    return path


def test_a_mixxx_library_is_read(mixxx: Path) -> None:
    collection = read_mixxx(mixxx)
    assert collection.entries == (
        Entry(
            location="/home/dj/Ä/one.mp3", title="One", artist="A", genre="House", bpm=124.5,
            rating=80, added=datetime.date(2025, 12, 31), duration_s=200.5, key="Am",
            size_bytes=900, play_count=7,
        ),
        Entry(location="D:/Music/two.flac", title="Two"),
    )  # fmt: skip
    assert collection.playlists == (
        Playlist(path=("Best",), locations=("D:/Music/two.flac",)),
        Playlist(path=("Friday",), locations=("D:/Music/two.flac", "/home/dj/Ä/one.mp3")),
    )


def test_reading_mixxx_writes_nothing_even_while_it_is_in_use(mixxx: Path) -> None:
    before = mixxx.read_bytes()
    with sqlite3.connect(mixxx, isolation_level=None) as running:
        running.execute("BEGIN EXCLUSIVE")
        assert len(read_mixxx(mixxx).entries) == 2
        running.execute("ROLLBACK")
    running.close()
    assert [path.name for path in mixxx.parent.iterdir()] == [mixxx.name]
    assert mixxx.read_bytes() == before


def test_an_itunes_library_is_read(itunes: Path) -> None:
    one, two = read_itunes(itunes).entries
    assert one == Entry(
        location="/Users/dj/Music/one & two#1.mp3", title="One & Two", artist="Ä", genre="House",
        bpm=124.0, rating=80, added=datetime.date(2025, 12, 31), duration_s=200.5, size_bytes=900,
        play_count=7, last_played=datetime.date(2026, 1, 2),
    )  # fmt: skip
    assert two == Entry(location="D:/Music/Ä.m4a")
    assert read_itunes(itunes).playlists == (
        Playlist(path=("Sets", "Friday"), locations=(two.location, one.location)),
    )


def test_folders_of_itunes_that_hold_each_other_end(tmp_path: Path) -> None:
    playlist = {"Name": "A", "Playlist Persistent ID": "1", "Parent Persistent ID": "1"}
    path = tmp_path / "loop.xml"
    path.write_bytes(plistlib.dumps({"Tracks": {}, "Playlists": [playlist]}))
    assert [playlist.locations for playlist in read_itunes(path).playlists] == [()]


@pytest.mark.parametrize("playlists", ["none", ["Set"], [{"Name": "Set", "Playlist Items": [7]}]])
def test_what_is_no_playlist_of_itunes_is_left_out(tmp_path: Path, playlists: object) -> None:
    path = tmp_path / "iTunes Library.xml"
    path.write_bytes(plistlib.dumps({"Tracks": {}, "Playlists": playlists}))
    assert not [each.locations for each in read_itunes(path).playlists if each.locations]


@pytest.mark.parametrize(
    ("begin", "values", "message"),
    [
        ('<?xml version="1.0" encoding="klingon"?>', "", "unknown encoding: klingon"),
        ("", "<key>Date Added</key><date>tomorrow</date>", "a date is none"),
    ],
)
def test_a_damaged_itunes_library_is_said_to_be_one(
    begin: str, values: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "iTunes Library.xml"
    path.write_text(begin + ITUNES_TRACK.format(values), encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        read_collection(path)


def test_numbers_of_itunes_that_are_none_are_not_known(tmp_path: Path) -> None:
    path = tmp_path / "iTunes Library.xml"
    keys = ("Size", "Rating", "Total Time", "Play Count", "BPM")
    endless = "".join(f"<key>{key}</key><real>inf</real>" for key in keys)
    path.write_text(ITUNES_TRACK.format(endless), encoding="utf-8")
    assert read_collection(path).entries == (Entry(location="/a.mp3"),)


@pytest.mark.parametrize("root", ["<NML/>", "<DJ_PLAYLISTS/>"])
def test_xml_in_an_encoding_that_nobody_knows_is_refused(root: str, tmp_path: Path) -> None:
    path = tmp_path / "collection"
    path.write_text(f'<?xml version="1.0" encoding="klingon"?>{root}', encoding="utf-8")
    with pytest.raises(ConfigError, match="unknown encoding: klingon"):
        read_collection(path)


def test_an_itunes_library_with_entities_is_refused(itunes: Path) -> None:
    bomb = "<!DOCTYPE plist [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;'>]>"
    text = itunes.read_text(encoding="utf-8").split("<plist", 1)[1]
    itunes.write_text(f"<?xml version='1.0'?>{bomb}<plist{text}", encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot be read as a library of iTunes"):
        read_collection(itunes)


def write_crate(path: Path, *names: str) -> Path:
    """Write a crate with serato-tools, which others wrote."""
    path.parent.mkdir(parents=True, exist_ok=True)
    crate = Crate(str(path))
    crate.data = [
        ("vrsn", "1.0/Serato ScratchLive Crate"),
        ("osrt", [("tvcn", "key"), ("brev", False)]),
        *[(Crate.TRACK_FIELD, [("ptrk", name)]) for name in names],
    ]
    crate.save()
    assert Crate(str(path)).tracks() == list(names)
    return path


def test_a_crate_is_read_as_another_program_wrote_it(tmp_path: Path) -> None:
    drive = tmp_path / "usb"
    (drive / "Music").mkdir(parents=True)
    (drive / "Music" / "on the drive.mp3").touch()
    crate = write_crate(
        drive / "_Serato_" / "Subcrates" / "House%%Deep.crate",
        "Music/on the drive.mp3",
        "Users/dj/Ä/two.mp3",
    )
    collection = read_crate(crate)
    places = ((drive / "Music/on the drive.mp3").as_posix(), "/Users/dj/Ä/two.mp3")
    assert collection.playlists == (Playlist(path=("House", "Deep"), locations=places),)
    assert [entry.location for entry in collection.entries] == list(places)


def test_a_damaged_crate_is_an_error(tmp_path: Path) -> None:
    crate = write_crate(tmp_path / "a.crate", "Music/a.mp3")
    whole = crate.read_bytes()
    for cut in (len(whole) - 1, len(whole) - 25):
        crate.write_bytes(whole[:cut])
        with pytest.raises(ConfigError, match="cut short"):
            read_crate(crate)
    crate.write_bytes(b"ID3" + whole)
    with pytest.raises(ConfigError, match="expected a crate"):
        read_crate(crate)


def test_playlists_of_windows_keep_their_drives(tmp_path: Path) -> None:
    playlist = tmp_path / "set.m3u"
    lines = "D:\\Music\\a.mp3\r\nE:/b.mp3\r\nfile:///F:/c%20d.mp3\r\nfile://nas/share/e.mp3\r\n"
    playlist.write_text(f"#EXTM3U\r\n{lines}", encoding="utf-16")
    assert [entry.location for entry in read_m3u(playlist).entries] == [
        "D:/Music/a.mp3",
        "E:/b.mp3",
        "F:/c d.mp3",
        "//nas/share/e.mp3",
    ]
    assert len(read_playlist(playlist)) == 4


def test_names_with_signs_of_urls_and_lines_are_whole(tmp_path: Path) -> None:
    playlist = tmp_path / "set.m3u8"
    lines = (
        "file:///m/Track #1.mp3",
        "FILE:/m/What?.mp3",
        "file://D:/x.mp3",
        "/m/a\u2028b\x85.mp3",
    )
    playlist.write_text("\n".join((*lines, "file:///m/%E9.mp3")), encoding="utf-8")
    assert [entry.location for entry in read_m3u(playlist).entries] == [
        "/m/Track #1.mp3",
        "/m/What?.mp3",
        "D:/x.mp3",
        "/m/a\u2028b\x85.mp3",
        "/m/\udce9.mp3",
    ]


def test_a_playlist_with_a_relative_path_names_files_beside_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "night.m3u").write_text("a.mp3\n")
    monkeypatch.chdir(tmp_path)
    assert read_playlist(Path("night.m3u")) == (tmp_path / "a.mp3",)
    assert [entry.location for entry in read_list("night.m3u")] == [str(tmp_path / "a.mp3")]


def test_a_playlist_is_chosen_by_its_name(mixxx: Path, itunes: Path, tmp_path: Path) -> None:
    assert [entry.title for entry in read_list(f"{mixxx}#Friday")] == ["Two", "One"]
    assert [entry.title for entry in read_list(f"{itunes}#friday")] == ["", "One & Two"]
    assert len(read_list(str(mixxx))) == 2
    with pytest.raises(ConfigError, match="has no playlist 'Sunday', but 'Best', 'Friday'"):
        read_list(f"{mixxx}#Sunday")
    odd = tmp_path / "set #1.m3u"
    odd.write_text("/a.mp3\n")
    assert [entry.location for entry in read_list(str(odd))] == ["/a.mp3"]


def test_two_playlists_of_one_name_must_be_told_apart(tmp_path: Path) -> None:
    playlists = []
    for folder in ("A", "B"):
        playlists += [
            {"Name": folder, "Playlist Persistent ID": folder, "Folder": True},
            {"Name": "Mix", "Playlist Persistent ID": f"{folder}m", "Parent Persistent ID": folder},
        ]
    path = tmp_path / "library.xml"
    path.write_bytes(plistlib.dumps({"Tracks": {}, "Playlists": playlists}))
    with pytest.raises(ConfigError, match="may be 'A/Mix', 'B/Mix'; give the whole name"):
        read_list(f"{path}#mix")
    assert read_list(f"{path}#a/mix") == ()


def test_two_playlists_of_one_name_in_one_folder_are_told_apart_by_numbers(tmp_path: Path) -> None:
    path = tmp_path / "rekordbox.xml"
    tracks = "".join(f'<TRACK TrackID="{n}" Location="file:///{n}.mp3"/>' for n in (1, 2))
    nodes = "".join(f'<NODE Name="Set" Type="1"><TRACK Key="{n}"/></NODE>' for n in (1, 2))
    path.write_text(
        f"<DJ_PLAYLISTS><COLLECTION>{tracks}</COLLECTION>"
        f'<PLAYLISTS><NODE Name="ROOT" Type="0">{nodes}</NODE></PLAYLISTS></DJ_PLAYLISTS>'
    )
    with pytest.raises(ConfigError, match=r"'set' may be 'Set \(1\)', 'Set \(2\)'; give the"):
        read_list(f"{path}#set")
    assert [entry.location for entry in read_list(f"{path}#Set (2)")] == ["/2.mp3"]


@pytest.mark.parametrize("content", [b"", b"hello", b"<html></html>", b"SQLite format 3\0" * 70])
def test_what_is_no_list_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "list"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="list: "):
        read_collection(path)
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_collection(tmp_path / "none")

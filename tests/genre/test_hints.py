"""Folders and playlists as hints, and playlists as people have them."""

import os
from pathlib import Path
from urllib.parse import quote

import pytest

from libsep.dj.m3u import read_playlist
from libsep.errors import ConfigError
from libsep.genre.hints import FolderHints, PlaylistHints

from .conftest import MakeTrack


@pytest.mark.parametrize(
    ("pattern", "source", "is_match"),
    [
        ("Techno/**", "Techno/a.mp3", True),
        ("Techno/**", "techno/x/y/a.mp3", True),
        ("Techno", "Techno/x/a.mp3", True),
        ("Techno/", "Techno/x/a.mp3", True),
        ("Techno", "Technology/a.mp3", False),
        ("**/Techno", "DJ/2024/Techno/a.mp3", True),
        ("**/Techno", "Techno/a.mp3", True),
        ("*/Techno", "DJ/2024/Techno/a.mp3", False),
        ("*/*.mp3", "Techno/a.mp3", True),
        ("Techno/*.mp3", "Techno/x/a.mp3", False),
        ("Tr?nce", "Trance/a.mp3", True),
        ("[A]", "[A]/a.mp3", True),
        ("Café", "Cafe\u0301/a.mp3", True),
    ],
)
def test_a_pattern_matches_folders_and_all_that_is_in_them(
    make_track: MakeTrack, pattern: str, source: str, is_match: bool
) -> None:
    hint = FolderHints({pattern: "jazz"}).find(make_track(source=source))
    assert hint == (("jazz", pattern) if is_match else None)


def test_the_first_folder_pattern_counts(make_track: MakeTrack) -> None:
    hints = FolderHints({"a/b": "jazz", "a": "rock"})
    assert hints.find(make_track(source="a/b/x.mp3")) == ("jazz", "a/b")
    assert hints.find(make_track(source="a/x.mp3")) == ("rock", "a")


def test_many_stars_take_no_time(make_track: MakeTrack) -> None:
    hints = FolderHints({"**/" * 40 + "*" * 40 + "x": "jazz"})
    assert hints.find(make_track(source="a/" * 40 + "b.mp3")) is None


@pytest.mark.parametrize("pattern", ["", "/", "/music/Techno"])
def test_a_pattern_is_relative_to_the_library(pattern: str) -> None:
    with pytest.raises(ConfigError, match="relative to the library"):
        FolderHints({pattern: "jazz"})


def test_a_playlist_names_files_relative_to_itself_or_absolute(tmp_path: Path) -> None:
    playlist = tmp_path / "set.m3u8"
    playlist.write_text(
        "\ufeff#EXTM3U\n#EXTINF:123,Artist - Title\nmusic/a.mp3\r\n\n../b.mp3\n/abs/c.mp3\n"
        "file:///abs/d%20e.mp3\nhttps://radio.example/stream\nmusic\\f.mp3\nrtsp://x/y\n",
        encoding="utf-8",
    )
    assert read_playlist(playlist) == (
        tmp_path / "music/a.mp3",
        tmp_path / "../b.mp3",
        Path("/abs/c.mp3"),
        Path("/abs/d e.mp3"),
        tmp_path / "music/f.mp3",
    )


def test_a_playlist_of_the_last_century_is_read(tmp_path: Path) -> None:
    (tmp_path / "old.m3u").write_bytes("Café.mp3\n".encode("cp1252"))
    assert read_playlist(tmp_path / "old.m3u") == (tmp_path / "Café.mp3",)


def test_each_line_of_a_playlist_is_read_in_its_own_encoding(tmp_path: Path) -> None:
    # What `find` lists of a library that was renamed in part.
    lines = ["Übung.mp3".encode(), "Café.mp3".encode("cp1252"), b"\x81.mp3", b"\x9d.mp3"]
    (tmp_path / "all.m3u").write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(lines))
    names = ("Übung.mp3", "Café.mp3", "\x81.mp3", "\x9d.mp3")
    assert read_playlist(tmp_path / "all.m3u") == tuple(tmp_path / name for name in names)


@pytest.mark.parametrize("name", [b"caf\xe9.flac", b"caf\x81.flac"])
def test_a_name_in_latin_letters_has_the_hint_for_them_unless_another_file_is_called_so(
    tmp_path: Path, make_track: MakeTrack, name: bytes
) -> None:
    in_letters = name.decode("latin-1")
    (tmp_path / "old.m3u").write_bytes(name)
    hints = PlaylistHints({tmp_path / "old.m3u": "jazz"})
    latin, unicode = make_track(source=os.fsdecode(name)), make_track(source=in_letters)
    assert hints.find(latin) == hints.find(unicode) == ("jazz", "old.m3u")
    assert hints.find(make_track(source=os.fsdecode(b"caf\x8d.flac"))) is None
    (tmp_path / in_letters).touch()
    assert hints.find(latin) is None
    assert hints.find(unicode) == ("jazz", "old.m3u")
    link = quote(f"file://{tmp_path}/", safe=":/") + quote(name)
    (tmp_path / "exact.m3u").write_text(link, encoding="ascii")
    hints = PlaylistHints({tmp_path / "exact.m3u": "rock"})
    assert hints.find(latin) == ("rock", "exact.m3u")


def test_a_pls_names_files_by_number(tmp_path: Path) -> None:
    text = "[playlist]\nFile1=a.mp3\nTitle1=A\nfile2 = b.mp3\nFile3=http://x/y\nLength1=12\n"
    (tmp_path / "set.pls").write_text(text)
    assert read_playlist(tmp_path / "set.pls") == (tmp_path / "a.mp3", tmp_path / "b.mp3")


def test_what_is_no_playlist_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.m3u").write_bytes(b"ID3\x04\0\0\0")
    with pytest.raises(ConfigError, match=r"expected a playlist .*, found a binary file"):
        read_playlist(tmp_path / "a.m3u")
    with pytest.raises(ConfigError, match="the playlist cannot be read: No such file"):
        read_playlist(tmp_path / "none.m3u")


def test_the_first_playlist_that_names_a_track_counts(
    tmp_path: Path, make_track: MakeTrack
) -> None:
    (tmp_path / "one.m3u").write_text("A/../a/TRACK.flac\n")
    (tmp_path / "two.m3u").write_text("a/track.flac\nb.flac\n")
    hints = PlaylistHints({tmp_path / "one.m3u": "jazz", tmp_path / "two.m3u": "rock"})
    assert hints.find(make_track()) == ("jazz", "one.m3u")
    assert hints.find(make_track(source="b.flac")) == ("rock", "two.m3u")
    assert hints.find(make_track(source="c.flac")) is None

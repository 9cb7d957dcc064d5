"""Playlists as files of their own: what they are called, and what they leave alone."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from libsep.cli.app import app
from libsep.dj.collection import Entry, Playlist
from libsep.dj.export import told_apart
from libsep.dj.m3u import read_m3u
from libsep.dj.m3u_lists import write_lists
from libsep.errors import ConfigError

from .test_lists import write_crate


def test_lists_of_one_name_do_not_replace_each_other() -> None:
    paths = [("stems",), ("a_b",), ("a", "b"), ("A_B",), ("STEMS",), ("c",)]
    apart = told_apart([Playlist(path=path, locations=("/a",)) for path in paths])
    assert [playlist.name for playlist in apart] == [
        "stems", "a_b", "a/b (2)", "A_B (3)", "STEMS (2)", "c",
    ]  # fmt: skip


def test_lists_whose_names_are_too_long_for_files_are_cut_and_stay_apart(tmp_path: Path) -> None:
    names = ["あ" * 200, "あ" * 200, "あ" * 200 + "!", "two\nlines", ""]
    every = [Playlist(path=(name,), locations=("/a",)) for name in ("stems", *names)]
    lists = list(told_apart(every))
    assert [each.name for each in lists[1:3]] == ["あ" * 200, "あ" * 200 + " (2)"]
    goal, folder = tmp_path / "stems.m3u8", tmp_path / "playlists"
    files = write_lists(goal, folder, [Entry(location="/a")], lists)
    assert len({path.name.lower() for path in files}) == 6
    assert [path.name for path in files[4:]] == ["two_lines.m3u8", "_.m3u8"]
    assert "あ" * 200 in files[1].read_text(encoding="utf-8")  # the program shows all of it


def test_what_lies_beside_the_playlists_stays(tmp_path: Path) -> None:
    entries = [Entry(location="/1.mp4")]
    own = Playlist(path=("STEMS",), locations=("/1.mp4",))
    friday = Playlist(path=("Friday",), locations=("/1.mp4",))
    goal, folder = tmp_path / "stems.m3u8", tmp_path / "playlists"
    write_lists(goal, folder, entries, [own, friday])
    foreign = folder / "mine.m3u8"
    foreign.write_text("#EXTM3U\n#EXTINF:1,A - written by libsep\n/1.mp4\n")
    sunday = Playlist(path=("Sunday",), locations=("/1.mp4",))
    files = write_lists(goal, folder, entries, [own, sunday])
    assert files == (goal, folder / "Sunday.m3u8")
    kept = {"Friday.m3u8", "Sunday.m3u8", "mine.m3u8"}  # a user may have changed or copied it
    assert {path.name for path in folder.iterdir()} == kept
    foreign.write_text("#EXTM3U\n/2.mp4\n")
    with pytest.raises(ConfigError, match=r"mine\.m3u8: exists, and libsep did not write it"):
        write_lists(goal, folder, entries, [own, Playlist(path=("mine",))])
    assert foreign.read_text() == "#EXTM3U\n/2.mp4\n"


@pytest.mark.parametrize("program", ["m3u", "traktor", "rekordbox"])
@pytest.mark.parametrize("ending", [".crate", ".m3u8"])
def test_lists_whose_names_are_no_unicode_are_written_as_text(
    stems: Path, tmp_path: Path, ending: str, program: str
) -> None:
    """Names in Windows' Latin letters, as of an old drive."""
    collection = tmp_path / os.fsdecode(b"Fr\xfchling" + ending.encode())
    if ending == ".crate":
        write_crate(tmp_path / "a.crate", "Music/two.flac").rename(collection)
    else:
        collection.write_text("/Music/two.flac\n", encoding="utf-8")
    arguments = ["export", str(stems), "--to", program, "--collection", str(collection)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.exception
    written = (path for path in stems.rglob("*") if path.suffix in (".m3u8", ".nml", ".xml"))
    assert any("Frühling" in path.read_text(encoding="utf-8") for path in written)


def test_spaces_and_a_hash_may_be_part_of_a_name(tmp_path: Path) -> None:
    lines = (
        " leading.mp3",
        "trailing.flac ",
        "/m/Album /x.mp3 ",
        "  /m/y.mp3",
        "  D:\\m\\z.mp3",
        "#1 hit.mp3",
        "#2.mp3",
    )
    (tmp_path / "#1 hit.mp3").touch()
    playlist = tmp_path / "set.m3u8"
    playlist.write_text("#EXTM3U\r\n" + "\r\n".join((*lines, " ", "  # x", "")), encoding="utf-8")
    expected = [
        f"{tmp_path}/ leading.mp3",
        f"{tmp_path}/trailing.flac ",
        "/m/Album /x.mp3 ",
        "/m/y.mp3",
        "D:/m/z.mp3",
        f"{tmp_path}/#1 hit.mp3",
    ]
    assert [entry.location for entry in read_m3u(playlist).entries] == expected
    pls = tmp_path / "set.pls"
    pls.write_text("[playlist]\nFile1= leading.mp3\nFile2=trailing.flac \n", encoding="utf-8")
    assert [entry.location for entry in read_m3u(pls).entries] == expected[:2]

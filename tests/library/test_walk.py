import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from libsep.errors import ConfigError
from libsep.library.reasons import LeftOut, Reason
from libsep.library.walk import Problem, Walk

EXTENSIONS = ("mp3", "flac", "mp4", "m4a")


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def walked(library: Path, stems: Path | None = None, **options: object) -> list[str]:
    def fail(problem: Problem) -> None:
        raise AssertionError(problem)

    values = {"extensions": EXTENSIONS, "on_problem": fail, **options}
    return [os.fspath(file.source) for file in Walk(library, stems, **values)]


def test_tracks_are_found_in_a_fixed_order_whatever_the_case_of_their_extension(
    tmp_path: Path,
) -> None:
    for name in ("b.FLAC", "a.mp3", "B.Mp3", "z/a.m4a", "c/d/e.mp3", "c/x.mp3", "cover.jpg"):
        touch(tmp_path / name)
    expected = ["B.Mp3", "a.mp3", "b.FLAC", "c/x.mp3", "c/d/e.mp3", "z/a.m4a"]
    walk = Walk(tmp_path, extensions=EXTENSIONS)
    assert [os.fspath(file.source) for file in walk] == expected
    assert [os.fspath(file.source) for file in walk] == expected


def test_names_that_begin_with_a_dot_are_music_but_for_those_of_systems_and_programs(
    tmp_path: Path,
) -> None:
    music = [
        "...Baby One More Time/01 ...Baby One More Time.mp3",
        "..Hits/07.mp3",
        ".38 Special/Hold On Loosely.mp3",
        ".hidden.mp3",
        ".sync of it all.mp3",
        "good.mp3",
        "track.mp3 ",
        "track2.MP3.",
    ]
    others = {
        "._good.mp3": Reason.SYSTEM,
        ".Trash": Reason.SYSTEM,
        ".Trash-1000": Reason.SYSTEM,
        ".stversions": Reason.SYSTEM,
        "@eaDir": Reason.SYSTEM,
        "__MACOSX": Reason.SYSTEM,
        "$Recycle.Bin": Reason.SYSTEM,
        "System Volume Information": Reason.SYSTEM,
        "a.stem.mp4": Reason.STEMS,
        "b.STEM.M4A": Reason.STEMS,
        "got.mp3.part": Reason.UNFINISHED,
        "got.mp3.download": Reason.UNFINISHED,
        ".song.mp3.icloud": Reason.UNFINISHED,
        ".song.mp3.x7Kd9Q": Reason.UNFINISHED,
        ".a.stem.mp4.part-libsep-0123456789abcdef": Reason.UNFINISHED,
        "song.mp3~": Reason.BACKUP,
        "song.mp3.bak": Reason.BACKUP,
        "song.wav": Reason.NOT_CHOSEN,
        "song.mid": Reason.OTHER_AUDIO,
        "cover.jpg": Reason.NOT_AUDIO,
        "mp3": Reason.NOT_AUDIO,
        "noise": Reason.NOT_AUDIO,
    }
    for name in music:
        touch(tmp_path / name)
    for name, reason in others.items():
        is_folder = reason is Reason.SYSTEM and not name.startswith("._")
        touch(tmp_path / name / "a.mp3" if is_folder else tmp_path / name)
    left_out: list[LeftOut] = []
    assert sorted(walked(tmp_path, on_left_out=left_out.append)) == music
    assert {each.path.name: each.reason for each in left_out} == others


def test_a_file_whose_extension_says_nothing_is_a_track_if_its_content_says_so(
    tmp_path: Path,
) -> None:
    flac = b"fLaC" + bytes(100)
    for name in ("01 Intro", "01. Mr. Title", "01 Dr.Dre", "song.dat", "song.jpg"):
        (tmp_path / name).write_bytes(flac)
    (tmp_path / "README").write_text("Not fLaC.")
    (tmp_path / "tune").write_bytes(b"MThd" + bytes(100))
    left_out: list[LeftOut] = []
    found = walked(tmp_path, on_left_out=left_out.append)
    assert found == ["01 Dr.Dre", "01 Intro", "01. Mr. Title", "song.dat"]
    assert left_out == [
        LeftOut(Path("README"), Reason.NOT_AUDIO),
        LeftOut(Path("song.jpg"), Reason.NOT_AUDIO, "jpg"),
        LeftOut(Path("tune"), Reason.OTHER_AUDIO, "midi"),
    ]


def test_size_and_time_are_those_of_the_file(tmp_path: Path) -> None:
    path = touch(tmp_path / "a.mp3")
    os.utime(path, ns=(0, 1_700_000_000_123_456_789))
    (file,) = Walk(tmp_path, extensions=EXTENSIONS)
    assert (file.path, file.size_bytes) == (path, 1)
    assert file.mtime_ns == path.stat().st_mtime_ns


def test_names_keep_their_bytes(tmp_path: Path) -> None:
    names = [
        b"\xff\xfe.mp3",
        "日本語.mp3".encode(),
        b"new\nline.mp3",
        b"e\xcc\x81.mp3",
        b"\xc3\xa9.mp3",
    ]
    for name in names:
        touch(tmp_path / os.fsdecode(name))
    assert sorted(os.fsencode(name) for name in walked(tmp_path)) == sorted(names)


def test_each_folder_is_walked_once_and_the_real_one_before_its_links(tmp_path: Path) -> None:
    touch(tmp_path / "music/real/a.mp3")
    (tmp_path / "music/a link").symlink_to(tmp_path / "music/real")
    (tmp_path / "music/real/up").symlink_to(tmp_path / "music")
    (tmp_path / "music/real/self").symlink_to(".")
    touch(tmp_path / "elsewhere/b.mp3")
    (tmp_path / "elsewhere/back").symlink_to(tmp_path / "music/real")
    (tmp_path / "music/more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "music/linked.mp3").symlink_to(tmp_path / "elsewhere/b.mp3")
    assert walked(tmp_path / "music") == ["linked.mp3", "real/a.mp3", "more/b.mp3"]
    assert walked(tmp_path / "music", follow_symlinks=False) == ["real/a.mp3"]


def test_the_output_folder_is_left_out_by_whatever_name_it_is_reached(tmp_path: Path) -> None:
    touch(tmp_path / "music/a.mp3")
    touch(tmp_path / "music/stems/b.mp3")
    (tmp_path / "music/also").symlink_to("stems")
    (tmp_path / "out").symlink_to("music/stems")
    assert walked(tmp_path / "music", tmp_path / "out") == ["a.mp3"]
    assert walked(tmp_path / "music", tmp_path / "not there yet") == ["a.mp3", "stems/b.mp3"]


def test_excluded_patterns_are_relative_to_the_library(tmp_path: Path) -> None:
    for name in ("a.mp3", "Samples/kick.mp3", "x/Samples/b.mp3", "x/b demo.mp3"):
        touch(tmp_path / name)
    left_out: list[LeftOut] = []
    options = {"exclude": ("Samples", "*demo*"), "on_left_out": left_out.append}
    assert walked(tmp_path, **options) == ["a.mp3", "x/Samples/b.mp3"]
    assert [(os.fspath(each.path), each.reason) for each in left_out] == [
        ("Samples", Reason.EXCLUDED),
        ("x/b demo.mp3", Reason.EXCLUDED),
    ]


def test_what_cannot_be_walked_is_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    touch(tmp_path / "z.mp3")
    (tmp_path / "dangling.mp3").symlink_to("nowhere")
    (tmp_path / "loop.mp3").symlink_to("loop.mp3")
    os.mkfifo(tmp_path / "fifo.mp3")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fspath(tmp_path / "s.mp3"))
    problems: list[Problem] = []
    left_out: list[LeftOut] = []
    found = walked(tmp_path, on_problem=problems.append, on_left_out=left_out.append)
    assert found == ["z.mp3"]
    assert [each.reason for each in left_out] == 4 * [Reason.UNREADABLE]
    reasons = {problem.path.name: problem.reason for problem in problems}
    assert sorted(reasons) == ["dangling.mp3", "fifo.mp3", "loop.mp3", "s.mp3"]
    assert "No such file" in reasons["dangling.mp3"]
    assert "symbolic links" in reasons["loop.mp3"]
    assert reasons["fifo.mp3"] == reasons["s.mp3"] == "no regular file but a pipe, socket or device"


def test_a_folder_that_goes_during_the_walk_is_reported(tmp_path: Path) -> None:
    touch(tmp_path / "a.mp3")
    touch(tmp_path / "going/b.mp3")
    touch(tmp_path / "staying/c.mp3")
    problems: list[Problem] = []
    files = iter(Walk(tmp_path, extensions=EXTENSIONS, on_problem=problems.append))
    assert next(files).source == Path("a.mp3")
    shutil.rmtree(tmp_path / "going")
    assert [file.source for file in files] == [Path("staying/c.mp3")]
    assert [problem.path for problem in problems] == [tmp_path / "going"]


def test_an_unreadable_folder_is_reported(tmp_path: Path) -> None:
    """Root can read everything, so the walk is done by somebody else."""
    touch(tmp_path / "closed/a.mp3")
    touch(tmp_path / "open/b.mp3")
    (tmp_path / "closed").chmod(0)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o755)
    script = (
        "import os, sys\n"
        "from libsep.library.walk import Walk\n"
        "if os.getuid() == 0: os.setuid(65534)\n"
        "walk = Walk(__import__('pathlib').Path(sys.argv[1]), extensions=('mp3',),\n"
        "            on_problem=lambda problem: print(problem.path.name, problem.reason))\n"
        "print([str(file.source) for file in walk])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True
    )
    (tmp_path / "closed").chmod(0o755)
    assert done.stdout.splitlines() == [
        "closed folder cannot be read: Permission denied",
        "['open/b.mp3']",
    ]


@pytest.mark.parametrize("make", [lambda path: None, Path.touch])
def test_a_library_that_is_no_folder_is_an_error(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "music")
    with pytest.raises(ConfigError, match="music: expected a folder of music"):
        Walk(tmp_path / "music", extensions=EXTENSIONS)


def test_a_library_that_is_the_output_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(ConfigError, match="library and output folder are the same"):
        Walk(tmp_path, tmp_path / "link", extensions=EXTENSIONS)

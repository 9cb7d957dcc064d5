"""Files that are no music under its names, and names that are no words, through the pipeline."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from libsep.errors import ProbeError
from libsep.library.survey import track_of_file
from libsep.library.walk import Problem, Walk

from .worker import Result

SCRIPTS = {
    "hls.mp3": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n",
    "list.flac": "#EXTM3U\n{target}\n",
    "pls.wav": "[playlist]\nFile1={target}\nNumberOfEntries=1\n",
    "concat.m4a": "ffconcat version 1.0\nfile '{target}'\n",
    "dash.mp4": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static">'
    '<Period><AdaptationSet><Representation id="1"><BaseURL>{target}</BaseURL>'
    "</Representation></AdaptationSet></Period></MPD>",
    "asx.wma": '<asx version="3.0"><entry><ref href="{target}"/></entry></asx>',
}

NAMES = [
    b"two\nlines.wav",
    b"-i.wav",
    b"--help.wav",
    b"%d %s %05d.wav",
    b"a:b|c.wav",
    b"http:::x.wav",
    b"concat:a.wav|b.wav",
    b"\xff\xfe\x80.wav",
    "\u202eevom.xm \u05e9\u05d9\u05e8.wav".encode(),
    b"$(touch x) `id` ;'\"\\.wav",
    b" .wav",
    b"x" * 251 + b".wav",
    "é".encode() * 125 + b".wav",
]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Return a socket on loopback that is listened to and never answered."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_opens_neither_an_address_nor_another_file(
    name: str, listener: socket.socket, tmp_path: Path, convert_one: Callable[[Path], Result]
) -> None:
    canary = tmp_path / "canary.wav"
    canary.write_bytes(b"RIFF")
    os.utime(canary, ns=(0, 10**9))  # it has been read when this time changes
    port = listener.getsockname()[1]
    path = tmp_path / name
    for target in (f"http://127.0.0.1:{port}/a.wav", f"tcp://127.0.0.1:{port}", str(canary)):
        path.write_text(SCRIPTS[name].replace("{target}", target))
        outcome = convert_one(path).outcome
        assert (outcome.status, outcome.kind) == ("failed", "file")
        assert "is a playlist" in outcome.message
    with pytest.raises(BlockingIOError):
        listener.accept()
    assert canary.stat().st_atime_ns == 0


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_only_a_name(
    name: bytes,
    bases: dict[str, bytes],
    tmp_path: Path,
    convert_one: Callable[[Path], Result],
) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(bases["wav"])
    outcome = convert_one(path).outcome
    assert (outcome.status, outcome.message) == ("done", "")
    [made] = (tmp_path / "stems").iterdir()
    assert made.name.endswith(".stem.mp4")
    assert sorted(os.fsencode(each.name) for each in tmp_path.iterdir()) == sorted([name, b"stems"])


def test_a_protected_file_is_named_so(
    bases: dict[str, bytes], tmp_path: Path, convert_one: Callable[[Path], Result]
) -> None:
    path = tmp_path / "bought.m4p"
    path.write_bytes(bases["m4a"].replace(b"mp4a", b"drms"))
    outcome = convert_one(path).outcome
    assert (outcome.status, outcome.kind) == ("failed", "file")
    assert "protected by DRM" in outcome.message


def test_what_is_no_regular_file_is_listed_and_never_opened(tmp_path: Path) -> None:
    library, outside = tmp_path / "library", tmp_path / "outside"
    library.mkdir()
    outside.mkdir()
    (outside / "away.wav").write_bytes(b"RIFF")
    os.mkfifo(library / "pipe.mp3")
    (library / "zero.mp3").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fspath(library / "socket.mp3"))
        (library / "linked").symlink_to(outside)
        problems: list[Problem] = []
        found = list(Walk(library, extensions=["mp3", "wav"], on_problem=problems.append))
        kept_in = list(Walk(library, extensions=["mp3", "wav"], follow_symlinks=False))
    # Links are followed, also out of the library, unless scan.follow_symlinks says no.
    assert [file.source for file in found] == [Path("linked/away.wav")]
    assert kept_in == []
    assert {problem.path.name for problem in problems} == {"pipe.mp3", "zero.mp3", "socket.mp3"}
    for name in ("pipe.mp3", "zero.mp3"):
        with pytest.raises(ProbeError, match="expected a file"):
            track_of_file(library / name)

import dataclasses
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import ffmpeg as graphs
import pytest

from libsep.errors import ConfigError, ProbeError
from libsep.ledger import Ledger
from libsep.ledger.holder import is_alive
from libsep.library.demo.files import example_stem_file
from libsep.library.naming import Namer
from libsep.library.rebuild import outcomes_from_files
from libsep.library.scan import named, scan
from libsep.library.survey import track_of_file
from libsep.media.ffmpeg import find_ffmpeg
from libsep.media.tags import Fingerprint, write_fingerprint
from libsep.track import Outcome

from ..processes import wait_until

EXTENSIONS = ("mp3", "flac", "m4a", "mp4")


def make_track(path: Path, *, genre: str, duration_s: float = 1.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tone = graphs.input(f"sine=duration={duration_s}", f="lavfi")
    tone.output(str(path), metadata=f"genre={genre}").run(cmd=str(find_ffmpeg()), quiet=True)
    return path


def test_each_track_comes_with_length_and_genres(tmp_path: Path) -> None:
    make_track(tmp_path / "a.flac", genre="Jazz")
    make_track(tmp_path / "b.mp3", genre="Deep House", duration_s=2.0)
    (tmp_path / "c.mp3").write_text("<html>this is a download that failed</html>")
    (tmp_path / "d.mp3").touch()
    tracks = list(scan(tmp_path, extensions=EXTENSIONS))
    assert [track.source.name for track in tracks] == ["a.flac", "b.mp3", "c.mp3", "d.mp3"]
    assert [track.genres for track in tracks] == [("Jazz",), ("Deep House",), (), ()]
    assert tracks[0].duration_s == pytest.approx(1.0, abs=0.01)
    assert tracks[1].duration_s == pytest.approx(2.0, abs=0.1)
    assert tracks[3].duration_s is None


def test_a_stem_file_is_left_out_whatever_its_name(tmp_path: Path) -> None:
    shutil.copy(example_stem_file(), tmp_path / "looks like a song.MP4")
    make_track(tmp_path / "song.m4a", genre="Pop")
    (tmp_path / "broken.m4a").write_bytes(b"\0\0\0\x18ftypM4A \0\0\0\0\0\0\0\0\0\0\0\0moov")
    names = [track.source.name for track in scan(tmp_path, extensions=EXTENSIONS)]
    assert names == ["broken.m4a", "song.m4a"]


def known_outcome(path: Path, **fields: object) -> Outcome:
    status = path.stat()
    values = {"size_bytes": status.st_size, "mtime_ns": status.st_mtime_ns, **fields}
    return Outcome(source=path.name, output="o", status="done", **values)


def test_a_file_that_the_ledger_knows_unchanged_is_not_opened(tmp_path: Path) -> None:
    first = make_track(tmp_path / "a.mp3", genre="Jazz")
    second = make_track(tmp_path / "b.mp3", genre="Jazz")
    known = {
        "a.mp3": known_outcome(first, duration_s=77.0, tag_genres=("rock",)),
        "b.mp3": known_outcome(second, duration_s=77.0, tag_genres=("rock",), mtime_ns=1),
    }
    tracks = list(scan(tmp_path, extensions=EXTENSIONS, known=known))
    assert [track.genres for track in tracks] == [("rock",), ("Jazz",)]
    assert tracks[0].duration_s == 77.0


@pytest.fixture
def big_library(tmp_path: Path) -> Path:
    """Return a library of 640 tracks, ten batches; the number in the name tells the genre."""
    originals = [make_track(tmp_path / f"{genre}.flac", genre=genre) for genre in ("Jazz", "Pop")]
    library = tmp_path / "library"
    for number in range(640):
        path = library / f"{number // 100}" / f"{number:03d}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.hardlink_to(originals[number % 2])
    return library


def test_a_big_library_is_read_by_several_processes_in_order(big_library: Path) -> None:
    tracks = list(scan(big_library, extensions=EXTENSIONS, n_workers=2))
    assert [track.source.stem for track in tracks] == [f"{number:03d}" for number in range(640)]
    assert [track.genres[0] for track in tracks] == ["Jazz", "Pop"] * 320
    known = {
        os.fspath(track.source): known_outcome(track.path, tag_genres=("x",))
        for track in tracks[5:]
    }
    again = list(scan(big_library, extensions=EXTENSIONS, known=known, n_workers=2))
    assert [track.genres[0] for track in again[:6]] == ["Jazz", "Pop", "Jazz", "Pop", "Jazz", "x"]


def test_readers_that_die_cost_no_track(
    big_library: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tracks = scan(big_library, extensions=EXTENSIONS, n_workers=1)
    names = [next(tracks).source.stem]
    for process in multiprocessing.active_children():
        process.kill()
        process.join()
    rest = list(tracks)
    names += [track.source.stem for track in rest]
    assert names == [f"{number:03d}" for number in range(640)]
    n_without = sum(track.duration_s is None for track in rest)
    assert n_without <= 64 * 2
    if n_without:
        assert "their reader died" in caplog.text
    assert all(track.is_header_known == (track.duration_s is not None) for track in rest)


def test_a_header_that_could_not_be_read_for_a_moment_is_read_by_the_next_scan(
    tmp_path: Path,
) -> None:
    path = make_track(tmp_path / "a.flac", genre="Jazz")
    (tmp_path / "b.flac").write_text("<html>this is a download that failed</html>")
    away = tmp_path.with_name("away")
    tracks = scan(tmp_path, extensions=EXTENSIONS, on_left_out=lambda _: path.rename(away))
    (tmp_path / "a.txt").touch()  # left out when the walk has listed the folder
    known = {}
    for track in named(tracks, Namer()):
        row = known_outcome(track.path) if track.path.exists() else known_outcome(away)
        name = track.source.name
        known[name] = dataclasses.replace(row, source=name, tag_genres=track.tag_genres)
    assert [row.tag_genres for row in known.values()] == [None, ()]
    away.rename(path)
    again = list(scan(tmp_path, extensions=EXTENSIONS, known=known))
    assert [track.genres for track in again] == [("Jazz",), ()]


def test_stopping_early_leaves_no_process(big_library: Path) -> None:
    tracks = scan(big_library, extensions=EXTENSIONS, n_workers=2)
    next(tracks)
    tracks.close()
    assert multiprocessing.active_children() == []


SCAN_UNTIL = """
import multiprocessing, os, signal, sys
from pathlib import Path
from libsep.library.scan import scan
tracks = scan(Path(sys.argv[1]), extensions=("flac",), n_workers=2)
next(tracks)
print(*(child.pid for child in multiprocessing.active_children()), flush=True)
if sys.argv[2] == "SIGKILL":
    os.kill(os.getpid(), signal.SIGKILL)
os.killpg(0, signal.SIGINT)  # as a terminal does
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_readers_end_with_the_scan_however_that_ends(
    big_library: Path, tmp_path: Path, number: signal.Signals
) -> None:
    command = [sys.executable, "-c", SCAN_UNTIL, big_library, number.name]
    out, err = tmp_path / "out", tmp_path / "err"  # no pipes, which readers would keep open
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # not ignored there
    with out.open("w") as stdout, err.open("w") as stderr:
        ended = subprocess.run(command, stdout=stdout, stderr=stderr, process_group=0)
    signal.signal(signal.SIGINT, before)
    assert ended.returncode == -number
    readers = [int(pid) for pid in out.read_text().split()]
    assert readers
    wait_until(lambda: not any(map(is_alive, readers)), timeout_s=60)
    assert err.read_text().count("Traceback") == (number == signal.SIGINT)  # that of the script


def test_tracks_are_named_in_the_order_of_the_scan(tmp_path: Path) -> None:
    make_track(tmp_path / "x.mp3", genre="Pop")
    make_track(tmp_path / "x.flac", genre="Pop")
    tracks = list(named(scan(tmp_path, extensions=EXTENSIONS), Namer()))
    assert [os.fspath(track.output) for track in tracks] == ["x.stem.mp4", "x.mp3.stem.mp4"]
    assert tracks[0].genres == ("Pop",)
    assert tracks[0].path == tmp_path / "x.flac"


def test_one_file_is_a_track_with_its_stem_file_beside_it_or_where_it_is_told(
    tmp_path: Path,
) -> None:
    path = make_track(tmp_path / "in" / "a.mp3", genre="Pop")
    track, root = track_of_file(path)
    assert (root / track.output, track.source) == (tmp_path / "in/a.stem.mp4", Path("a.mp3"))
    assert (track.genres, track.size_bytes) == (("Pop",), path.stat().st_size)
    track, root = track_of_file(path, tmp_path)
    assert root / track.output == tmp_path / "a.stem.mp4"
    track, root = track_of_file(path, tmp_path / "new" / "b.stem.m4a")
    assert root / track.output == tmp_path / "new/b.stem.m4a"
    with pytest.raises(ConfigError, match=r"b\.mp4: expected a folder .*, or a name that ends"):
        track_of_file(path, tmp_path / "b.mp4")


def test_what_is_no_track_is_refused_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(ProbeError, match=r"none\.mp3: cannot be read: No such file"):
        track_of_file(tmp_path / "none.mp3")
    with pytest.raises(ProbeError, match="found a folder"):
        track_of_file(tmp_path)
    with pytest.raises(ProbeError, match="is a stem file already"):
        track_of_file(example_stem_file())


def test_a_lost_ledger_is_rebuilt_from_the_stem_files(tmp_path: Path) -> None:
    fingerprint = Fingerprint(
        source="a/x \\xff.mp3",
        audio_sha256="audio",
        tags_sha256="tags",
        model="generic",
        model_sha256="model",
        config_sha256="config",
        size_bytes=10,
        mtime_ns=20,
        duration_s=1.5,
        genre="jazz",
        run="r1",
        version="0.9",
        classifier_sha256="classifier",
        genre_probabilities={"jazz": 0.75, "rock": 0.25},
        heard_tags=("bebop", "swing"),
    )
    path = make_track(tmp_path / "a" / "x.stem.mp4", genre="Jazz")
    write_fingerprint(path, fingerprint)
    make_track(tmp_path / "foreign.stem.mp4", genre="Jazz")
    (tmp_path / "broken.stem.mp4").write_bytes(b"broken")
    make_track(tmp_path / ".libsep" / "hidden.mp4", genre="Jazz").rename(
        tmp_path / ".libsep" / "hidden.stem.mp4"
    )
    ledger = Ledger(tmp_path / ".libsep")
    assert ledger.rebuild(outcomes_from_files(tmp_path), run="rebuild-1") == 1
    (row,) = ledger.latest().values()
    assert (row.source, row.output) == ("a/x \\xff.mp3", "a/x.stem.mp4")
    assert (row.status, row.output_size_bytes) == ("done", path.stat().st_size)
    kept = {name: getattr(row, name) for name in dataclasses.asdict(fingerprint)}
    assert kept == dataclasses.asdict(fingerprint) | {"run": "rebuild-1"}

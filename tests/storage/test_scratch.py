"""Room for tracks in flight: never more than the bound, and nothing is left behind."""

import errno
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from libsep.config import StorageConfig
from libsep.errors import TransferError
from libsep.storage.scratch import Scratch, scratch_folder

from ..faults.causes import can_mount, small_disk

SONG = Path("a/song.mp3")
MB = 1_000_000


@pytest.fixture
def config(tmp_path: Path) -> StorageConfig:
    return StorageConfig(scratch=tmp_path / "scratch", max_scratch_bytes=100 * MB)


def left_in(config: StorageConfig) -> list[str]:
    return [path.name for path in scratch_folder(config).iterdir() if path.name != "gate"]


def test_room_is_a_folder_that_is_gone_afterwards(config: StorageConfig) -> None:
    with Scratch(config).room(MB, SONG) as folder:
        (folder / "x").write_bytes(b"x")
        assert folder.is_relative_to(scratch_folder(config))
    with pytest.raises(OSError, match="exists"), Scratch(config).room(MB, SONG) as folder:
        (folder / ".").mkdir()
    assert left_in(config) == []


def test_nothing_is_left_on_a_drive_that_keeps_open_files(
    config: StorageConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FUSE and NFS give a file another name that is deleted while it is open."""
    really_close = os.close
    with Scratch(config).room(MB, SONG):

        def remove(path: Path, **_: object) -> None:
            (path / ".alive").rename(path / ".fuse_hidden1")

        def close(handle: int) -> None:
            really_close(handle)
            monkeypatch.undo()

        monkeypatch.setattr(shutil, "rmtree", remove)
        monkeypatch.setattr(os, "close", close)
    assert left_in(config) == []


def test_a_drive_without_locks_is_told_as_such(
    config: StorageConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (
        pytest.raises(TransferError, match=r"its drive has no locks \(flock\); storage.scratch"),
        Scratch(config).room(MB, SONG),
    ):
        pass


def test_a_track_that_never_fits_fails_at_once(config: StorageConfig) -> None:
    with (
        pytest.raises(TransferError, match=r"needs 100\.0 MB of scratch, .*allows 100\.0 MB"),
        Scratch(config).room(100 * MB + 1, SONG),
    ):
        pass


def test_one_at_a_time_counts_and_reserves(config: StorageConfig) -> None:
    """A reservation that is just being made has no owner yet, and would be removed."""
    with Scratch(config).room(MB, SONG):
        pass
    has_room = threading.Event()

    def reserve() -> None:
        with Scratch(config).room(MB, SONG):
            has_room.set()

    with (scratch_folder(config) / "gate").open("rb+") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        thread = threading.Thread(target=reserve)
        thread.start()
        assert not has_room.wait(0.1)
    thread.join(60)
    assert has_room.is_set()


def test_a_track_waits_until_another_one_has_gone(config: StorageConfig) -> None:
    order: list[str] = []
    has_first, may_end = threading.Event(), threading.Event()

    def first() -> None:
        with Scratch(config).room(60 * MB, SONG):
            has_first.set()
            may_end.wait(60)
            order.append("first ends")

    def second() -> None:
        with Scratch(config).room(50 * MB, SONG):
            order.append("second has room")

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert has_first.wait(60)
    threads[1].start()
    with Scratch(config).room(40 * MB, SONG):  # what fits beside the first need not wait
        assert order == []
    may_end.set()
    for thread in threads:
        thread.join(60)
    assert order == ["first ends", "second has room"]


def test_a_track_that_waits_too_long_fails_and_says_what_is_taken(config: StorageConfig) -> None:
    impatient = config.model_copy(update={"scratch_wait_s": 0.1})
    with (
        Scratch(config).room(60 * MB, SONG),
        pytest.raises(TransferError, match=r"60\.0 MB of 100\.0 MB are taken, 50\.0 MB needed"),
        Scratch(impatient).room(50 * MB, SONG),
    ):
        pass


def test_what_a_killed_process_left_is_removed_and_counts_no_more(config: StorageConfig) -> None:
    code = (
        "import os, signal; from pathlib import Path;"
        "from libsep.config import StorageConfig; from libsep.storage.scratch import Scratch;"
        f"room = Scratch(StorageConfig(scratch=Path({str(config.scratch)!r}),"
        f" max_scratch_bytes={100 * MB})).room({90 * MB}, Path('x'));"
        "folder = room.__enter__(); (folder / 'half.mp3').write_bytes(b'x');"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    assert len(left_in(config)) == 1
    with Scratch(config).room(90 * MB, SONG):
        assert len(left_in(config)) == 1
    assert left_in(config) == []


def test_what_others_keep_in_the_folder_is_left_alone(config: StorageConfig) -> None:
    """Somebody may name a folder that holds music, and albums are called like that."""
    album = scratch_folder(config) / "Best Of-1999"
    album.mkdir(parents=True)
    (album / "song.mp3").write_bytes(b"music")
    with Scratch(config).room(100 * MB, SONG):
        pass
    assert left_in(config) == [album.name]
    assert (album / "song.mp3").read_bytes() == b"music"


def test_a_full_disk_is_said_before_anything_is_fetched(
    config: StorageConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": MB})
    monkeypatch.setattr("libsep.storage.scratch.shutil.disk_usage", lambda _: usage)
    with (
        pytest.raises(TransferError, match=r"scratch disk full: .*1\.0 MB free, 2\.0 MB needed"),
        Scratch(config).room(2 * MB, SONG),
    ):
        pass


@pytest.mark.skipif(not can_mount(), reason="needs a small disk")
def test_what_others_have_reserved_and_not_written_yet_is_not_free(tmp_path: Path) -> None:
    config = StorageConfig(scratch=tmp_path / "disk", max_scratch_bytes=1000 * MB)
    impatient = config.model_copy(update={"scratch_wait_s": 0.1})
    with small_disk(tmp_path / "disk", 100 * MB):
        with Scratch(config).room(60 * MB, SONG) as folder:
            for _ in range(2):  # before it is written, and afterwards
                with (
                    pytest.raises(
                        TransferError, match=r"60\.0 MB of .* are taken, 50\.0 MB needed"
                    ),
                    Scratch(impatient).room(50 * MB, SONG),
                ):
                    pass
                (folder / "stems").mkdir(exist_ok=True)
                (folder / "stems" / "song.stem.mp4").write_bytes(bytes(55 * MB))
            with Scratch(impatient).room(35 * MB, SONG):  # what fits beside it need not wait
                pass
            # the rest of the disk and what the other track will leave, as it waits for that
            assert 85 * MB < Scratch(config).most_bytes() < 95 * MB
        with Scratch(impatient).room(95 * MB, SONG):
            pass


def test_a_scratch_that_cannot_be_made_is_a_fault_of_the_track(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    config = StorageConfig(scratch=tmp_path / "file" / "scratch")
    with (
        pytest.raises(TransferError, match="scratch cannot be used"),
        Scratch(config).room(1, SONG),
    ):
        pass


def test_a_scratch_that_somebody_else_has_laid_out_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody can write to /tmp, and so can put a link where our folder is to be."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    config = StorageConfig()
    (tmp_path / "theirs").mkdir()
    scratch_folder(config).symlink_to(tmp_path / "theirs")
    with (
        pytest.raises(TransferError, match="made by another user"),
        Scratch(config).room(1, Path("track.flac")),
    ):
        pass
    assert list((tmp_path / "theirs").iterdir()) == []


def test_a_scratch_that_was_chosen_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    config = StorageConfig(scratch=tmp_path / "link")
    with Scratch(config).room(1, Path("track.flac")) as folder:
        assert folder.resolve().parent == tmp_path / "disk"

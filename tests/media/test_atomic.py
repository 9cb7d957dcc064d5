import errno
import os
import time
from pathlib import Path

import pytest

from libsep.errors import ConfigError, StemsError
from libsep.media.atomic import (
    NOBODYS_S,
    refuse_to_replace,
    remove_stale,
    replacing,
    temporary,
    write_text,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_whole_in_a_new_folder(tmp_path) -> None:
    goal = tmp_path / "a" / "b" / "track.stem.mp4"
    with replacing(goal) as part:
        part.write_bytes(b"whole")
        assert part.parent == goal.parent
        assert part.name.startswith(".track.stem.mp4.part-")
        assert not goal.exists()
    assert names(goal.parent) == ["track.stem.mp4"]
    assert goal.read_bytes() == b"whole"


@pytest.mark.usefixtures("waits_by_fsync")
def test_a_file_is_on_the_disk_before_it_has_its_name_and_the_name_before_the_block_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The power may fail at any moment."""
    goal = tmp_path / "track.stem.mp4"
    synced, fsync = [], os.fsync

    def noted(descriptor: int) -> None:
        fsync(descriptor)
        synced.append((os.fstat(descriptor).st_ino, goal.exists()))

    monkeypatch.setattr(os, "fsync", noted)
    with replacing(goal) as part:
        part.write_bytes(b"whole")
    assert synced == [(goal.stat().st_ino, False), (tmp_path.stat().st_ino, True)]


def test_a_text_goes_through_links_and_into_pipes(tmp_path) -> None:
    (tmp_path / "link").symlink_to("text")
    write_text(tmp_path / "link", "one")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "text").read_text() == "one"
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_text(tmp_path / "pipe", "two")
    assert os.read(reader, 9) == b"two"
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()


def test_a_text_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text(tmp_path / "config.yaml", "old: é")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(StemsError, match=r"config\.yaml: cannot be written: No space left on dev"):
        write_text(tmp_path / "config.yaml", "new: 1")
    assert names(tmp_path) == ["config.yaml"]
    assert (tmp_path / "config.yaml").read_bytes() == "old: é".encode()


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path) -> None:
    goal = tmp_path / "track.stem.mp4"
    goal.write_bytes(b"old")

    def fail(part: Path) -> None:
        part.write_bytes(b"half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), replacing(goal) as part:
        fail(part)
    assert names(tmp_path) == ["track.stem.mp4"]
    assert goal.read_bytes() == b"old"


def test_a_block_that_writes_nothing_is_an_error(tmp_path) -> None:
    goal = tmp_path / "track.stem.mp4"
    with pytest.raises(StemsError, match="No such file"), replacing(goal):
        pass
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path) -> None:
    (tmp_path / "a").write_bytes(b"a file")
    with pytest.raises(StemsError, match="folder cannot be made"), replacing(tmp_path / "a" / "b"):
        pytest.fail("the block must not run")


def test_a_goal_that_is_a_folder_is_an_error_and_stays(tmp_path) -> None:
    goal = tmp_path / "track.stem.mp4"
    goal.mkdir()
    with pytest.raises(StemsError, match="cannot be put in its place"), replacing(goal) as part:
        part.write_bytes(b"whole")
    assert names(tmp_path) == ["track.stem.mp4"]


@pytest.mark.parametrize("name", ["x" * 255, "é" * 127, "日" * 85, os.fsdecode(b"\xe9" * 255)])
def test_a_name_of_full_length_has_room_for_the_temporary_one(tmp_path, name) -> None:
    goal = tmp_path / name
    with replacing(goal) as part:
        assert len(os.fsencode(part.name)) <= 255
        assert os.fsencode(part.name).decode(), "no character is cut in two"
        part.write_bytes(b"whole")
    assert names(tmp_path) == [name]


def test_two_temporary_files_of_one_goal_do_not_meet(tmp_path) -> None:
    goal = tmp_path / "track.stem.mp4"
    with temporary(goal) as first, temporary(goal) as second:
        assert first != second


def test_what_a_crash_left_is_removed_and_nothing_else(tmp_path) -> None:
    goal = tmp_path / "track.stem.mp4"
    with temporary(goal) as part:
        left = part.name
    (tmp_path / left).write_bytes(b"half")
    others = [
        "track.stem.mp4",
        ".track.stem.mp4.part-1",
        ".hidden",
        left[1:],
        f"{left}.bak",
        left.replace("libsep", "rsync"),
    ]
    for name in others:
        (tmp_path / name).write_bytes(b"mine")
    (tmp_path / left.replace("track", "linked")).symlink_to("track.stem.mp4")
    (tmp_path / left.replace("track", "folder")).mkdir()
    before = set(names(tmp_path))
    assert remove_stale(tmp_path) == [tmp_path / left]
    assert before - set(names(tmp_path)) == {left}


def test_of_others_only_what_nobody_wrote_to_for_long_is_removed(tmp_path: Path) -> None:
    parts = []
    for name, age_s in (("dead.wav", NOBODYS_S + 60), ("at-work.wav", NOBODYS_S - 60)):
        with temporary(tmp_path / name) as part:
            pass
        part.write_bytes(b"half")
        os.utime(part, (time.time() - age_s, time.time() - age_s))
        parts.append(part)
    assert remove_stale(tmp_path, untouched_s=NOBODYS_S) == parts[:1]
    assert names(tmp_path) == [parts[1].name]


def test_a_disk_that_is_read_only_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:  # also of what is not there
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", refuse)
    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(StemsError, match="cannot be written: Read-only file system"):
        write_text(tmp_path / "a", "text")
    assert caplog.records == []


def test_stale_names_may_hold_any_byte(tmp_path) -> None:
    with temporary(tmp_path / os.fsdecode(b"a\nb\xe9.stem.mp4")) as part:
        part.write_bytes(b"half")
        assert remove_stale(tmp_path) == [part]


def test_only_files_of_its_kind_are_replaced(tmp_path) -> None:
    goal = tmp_path / "picture"
    refuse_to_replace(goal, b"<html>")
    for content in (b"", b"\n<html>old", b"<html>"):
        goal.write_bytes(content)
        refuse_to_replace(goal, b"<html>")
    for content in (b"ID3 a track", b"<htm"):
        goal.write_bytes(content)
        with pytest.raises(ConfigError, match="picture: exists, and is no such file as would rep"):
            refuse_to_replace(goal, b"<html>")
    os.mkfifo(tmp_path / "pipe")
    refuse_to_replace(tmp_path / "pipe", b"<html>")
    with pytest.raises(ConfigError, match="is a folder, expected a file"):
        refuse_to_replace(tmp_path, b"<html>")

"""Whether a track was edited during a run, or its disk is away, which may stop the run."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from libsep.errors import ConfigError
from libsep.library.gone import closed_failures, expect_disk, was_edited
from libsep.library.naming import OUTSIDE
from libsep.track import Outcome, Track

SOURCE = "Inbox/Album/song.mp3"


def change(library: Path) -> None:
    (library / SOURCE).write_bytes(b"new tags")


def delete(library: Path) -> None:
    (library / SOURCE).unlink()


def rename_the_folder(library: Path) -> None:
    (library / "Inbox/Album").rename(library / "Album")


def empty_the_inbox(library: Path) -> None:
    (library / "Inbox").rename(library.parent / "elsewhere")


def unplug(library: Path) -> None:
    library.rename(library.parent / "away")


def unmount(library: Path) -> None:
    unplug(library)
    library.mkdir()


def unmount_the_inbox(library: Path) -> None:
    empty_the_inbox(library)
    (library / "Inbox").mkdir()


def unplug_the_disk_of_the_inbox(library: Path) -> None:
    empty_the_inbox(library)
    (library / "Inbox").symlink_to("/of/a/disk/that/is/away")


def put_a_file_in_place_of_the_inbox(library: Path) -> None:
    empty_the_inbox(library)
    (library / "Inbox").touch()


def do_nothing(library: Path) -> None:
    assert library.is_dir()


WHAT_TAKES_IT = [
    (delete, True),
    (rename_the_folder, True),
    (empty_the_inbox, True),
    (unplug, False),
    (unmount, False),
    (unmount_the_inbox, False),
    (unplug_the_disk_of_the_inbox, False),
    (put_a_file_in_place_of_the_inbox, False),
    (do_nothing, False),
]
"""Whether a track was taken from its library by each of these."""


@pytest.mark.parametrize(("act", "is_edited"), [(change, True), *WHAT_TAKES_IT])
def test_a_track_was_edited_if_its_library_is_still_there(
    tmp_path: Path, act: Callable[[Path], None], is_edited: bool
) -> None:
    track = made(tmp_path / "music", SOURCE)
    act(tmp_path / "music")
    assert was_edited(track) is is_edited


@pytest.mark.parametrize(("act", "is_closed"), [(change, False), *WHAT_TAKES_IT])
def test_a_failure_is_closed_if_its_track_was_taken_from_a_library_that_is_there(
    tmp_path: Path, act: Callable[[Path], None], is_closed: bool
) -> None:
    library = tmp_path / "music"
    made(library, SOURCE)
    act(library)
    failed = Outcome(source=SOURCE, output="song.stem.mp4", status="failed", kind="file")
    rows = list(closed_failures([failed], library))
    assert [(row.source, row.kind, row.has_gone) for row in rows] == [
        (SOURCE, "file", True)
    ] * is_closed
    assert list(closed_failures(rows, library)) == [], "it is said once"


def test_a_failure_outside_the_library_stays_open(tmp_path: Path) -> None:
    made(tmp_path / "music", SOURCE)
    source = f"{OUTSIDE}/media/usb/song.mp3"
    failed = Outcome(source=source, output="song.stem.mp4", status="failed", kind="file")
    assert list(closed_failures([failed], tmp_path / "music")) == []


def test_of_a_track_outside_the_library_the_folder_must_be_there(tmp_path: Path) -> None:
    track = made(tmp_path / "stick", SOURCE, f"{OUTSIDE}{tmp_path}/stick/{SOURCE}")
    track.path.unlink()
    assert was_edited(track)
    shutil.rmtree(track.path.parent)
    assert not was_edited(track), "the folder above may be a mount point"


def test_an_empty_library_of_which_tracks_are_known_is_a_disk_that_is_away(tmp_path: Path) -> None:
    expect_disk(tmp_path, 0)
    with pytest.raises(
        ConfigError, match=r"is empty, and held 1 track before; is its disk there\?"
    ):
        expect_disk(tmp_path, 1)
    (tmp_path / "cover.jpg").touch()
    expect_disk(tmp_path, 1)


def made(library: Path, name: str, source: str = "") -> Track:
    """Return a track with another one beside it."""
    path = library / name
    path.parent.mkdir(parents=True)
    (path.parent / "another.mp3").touch()
    (path.parents[1] / "Another album").mkdir()
    (library / "other.mp3").touch()
    path.write_bytes(b"sound")
    status = path.stat()
    return Track(
        path_name=str(path),
        source_name=source or name,
        output_name="song.stem.mp4",
        size_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
    )

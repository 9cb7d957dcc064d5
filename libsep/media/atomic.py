"""Files appear whole or not at all: write beside the goal, sync, rename."""

import contextlib
import logging
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from libsep.errors import ConfigError, StemsError
from libsep.machine import sync, sync_folder
from libsep.media.file_names import MAX_NAME_BYTES
from libsep.media.mounts import expect_drive

logger = logging.getLogger(__name__)

NOBODYS_S = 24 * 3600.0
"""Nobody is writing a file any more to which nothing was added for so long."""

_PART = re.compile(rb"\..*\.part-libsep-[0-9a-f]{16}[^\w/]*", re.DOTALL)  # `trial_in` adds marks


@contextlib.contextmanager
def replacing(goal: Path) -> Iterator[Path]:
    """Yield the path of a file to write; it becomes ``goal`` when the block ends well.

    The file lies hidden beside ``goal``, in a folder that is made if needed. It is synced before
    it is renamed, and the folder after, so that a power cut leaves the old file or the new one.
    When the block fails, or wrote nothing, ``goal`` stays as it was.

    Raises
    ------
    StemsError
        The folder cannot be made, or the file cannot be synced or renamed (disk full, no
        permission, or the block wrote no file).
    """
    with _translated(goal, "folder cannot be made"):
        goal.parent.mkdir(parents=True, exist_ok=True)
    with temporary(goal) as part:
        yield part
        with _translated(goal, "cannot be put in its place"):
            _sync(part)
            part.replace(goal)
            sync_folder(goal.parent)


def write_text(goal: Path, text: str) -> None:
    """Write a text in UTF-8 as `replacing` does; links are followed, pipes and devices written to.

    Raises
    ------
    StemsError
        It cannot be written; what was there before stays.
    """
    if os.path.exists(goal) and not os.path.isfile(goal):  # noqa: PTH110, PTH113 - may not raise
        with _translated(goal, "cannot be written"):
            goal.write_text(text, encoding="utf-8")
        return
    with replacing(goal.resolve()) as part, _translated(goal, "cannot be written"):
        part.write_text(text, encoding="utf-8")


def expect_folder(path: Path) -> None:
    """Do nothing if a path is a folder, or can become one, on the drive that belongs there.

    Raises
    ------
    ConfigError
        It, or a part of it, is a file; or its drive is not mounted (see `expect_drive`).
    """
    expect_drive(path)
    for place in (path, *path.parents):
        if os.path.isdir(place):  # noqa: PTH112 - may not raise
            return
        if os.path.exists(place):  # noqa: PTH110 - may not raise
            raise ConfigError(f"{place}: expected a folder, found a file")


def make_folder(path: Path) -> None:
    """Make a folder, and those that it lies in, unless it is there.

    Raises
    ------
    ConfigError
        It cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise ConfigError(f"{path}: the folder cannot be made: {exc.strerror}") from exc


def refuse_to_replace(goal: Path, begin: bytes) -> None:
    """Check that a file is not there yet, is empty, or begins like what is to be written there.

    Pipes and devices may be written to.

    Raises
    ------
    ConfigError
        It is another's, such as a track, is a folder, or cannot be looked at.
    """
    if os.path.isdir(goal):  # noqa: PTH112 - may not raise
        raise ConfigError(f"{goal}: is a folder, expected a file")
    try:
        head = b""
        if goal.is_file():
            with goal.open("rb") as file:
                head = file.read(len(begin) + 8).lstrip()
    except OSError as exc:
        raise ConfigError(f"{goal}: cannot be written: {exc.strerror}") from exc
    if head and not head.startswith(begin):
        raise ConfigError(f"{goal}: exists, and is no such file as would replace it: left as it is")


@contextlib.contextmanager
def temporary(goal: Path) -> Iterator[Path]:
    """Yield an unused hidden path beside ``goal``; what was written there is gone afterwards.

    The name is made from the goal's and fits into 255 bytes; only `remove_stale` and its own
    block ever delete it. Where that is not possible, `remove_stale` of a later run does it.
    """
    part = goal.with_name(os.fsdecode(_part_name(os.fsencode(goal.name))))
    try:
        yield part
    finally:
        try:
            part.unlink(missing_ok=True)
        except OSError as exc:  # The disk is read-only or gone by now: that is what failed before.
            if os.path.lexists(part):
                logger.warning("%s: could not be removed: %s", part, exc)


def remove_stale(folder: Path, *, untouched_s: float = 0.0) -> list[Path]:
    """Delete what interrupted runs left in one folder, and return it.

    Only regular files that carry the name `temporary` gives are touched. The caller knows that
    nobody else is writing there (the run holds the lock of the output tree), or names the seconds
    after which a file that was not written to is nobody's (`NOBODYS_S`). What cannot be listed
    or deleted stays, with a warning: one closed folder is no reason to convert nothing.
    """
    removed = []
    before_s = time.time() - untouched_s
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not is_temporary(entry.name) or not entry.is_file(follow_symlinks=False):
                    continue
                if not untouched_s or entry.stat().st_mtime < before_s:
                    Path(entry.path).unlink(missing_ok=True)
                    removed.append(Path(entry.path))
    except OSError as exc:
        logger.warning("%s: not cleared of what was left there: %s", folder, exc.strerror)
    return removed


def is_temporary(name: str) -> bool:
    """Return whether a file of this name is one that `temporary` named."""
    return _PART.fullmatch(os.fsencode(name)) is not None


def trial_in(folder: Path) -> str:
    """Return an unused path; `remove_stale` deletes its file, also with marks or bytes behind."""
    return f"{folder}/{os.fsdecode(_part_name(b'trial'))}"


class Root:
    """A folder that a command writes into for long: made once, never again.

    Where a drive was that is unmounted meanwhile there is a folder of another disk, or none.

    Parameters
    ----------
    path
        It is made when it is first expected.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._disk: int | None = None

    def expect(self) -> None:
        """Do nothing if the folder is the one that it was, or can be made at the first time.

        Raises
        ------
        ConfigError
            It has gone, or is on another disk now.
        """
        if self._disk is None:
            make_folder(self.path)
        try:
            disk = self.path.stat().st_dev
        except OSError as exc:
            raise ConfigError(
                f"{self.path}: has gone: {exc.strerror}: is its drive there?"
            ) from exc
        if disk != (self._disk or disk):
            raise ConfigError(f"{self.path}: its disk is gone, or was mounted anew meanwhile")
        self._disk = disk


def _part_name(name: bytes) -> bytes:
    suffix = b".part-libsep-" + secrets.token_hex(8).encode()
    room = MAX_NAME_BYTES - len(suffix) - 1
    # A name in UTF-8 is cut between characters: some file systems take nothing else.
    return b"." + name[:room].decode(errors="surrogateescape").encode(errors="ignore") + suffix


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _translated(goal: Path, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise StemsError(goal, f"{what}: {exc.strerror}") from exc

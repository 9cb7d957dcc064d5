"""Whether a file was taken from its place in the library, or only its disk is not there."""

import dataclasses
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from libsep.errors import ConfigError
from libsep.library.naming import OUTSIDE
from libsep.library.on_disk import spelled
from libsep.media.file_names import file_key
from libsep.track import FoundFile, Outcome, Track, text_to_path, unescaped
from libsep.units import counted


def has_gone(row: Outcome, library: Path, found: FoundFile) -> bool:
    """Return whether a track was taken from its place since its last outcome; in doubt it was not.

    A folder that is missing or empty may be a disk that is not mounted. It is taken for one unless
    the other file lies on the disk on which the folder would be, and an empty folder was changed
    after the outcome: nobody changes the folder that a disk hides.

    Parameters
    ----------
    row
        The last outcome of the track.
    library
        Folder of music, a local one.
    found
        A file that may be the same track in another place.
    """
    source = text_to_path(row.source)
    if _is_outside(source):
        return False
    folder = library
    for depth, part in enumerate(source.parts, start=1):
        path = folder / part
        try:
            path.lstat()
        except FileNotFoundError:
            return _is_on_this_disk(row, folder, found, is_file=depth == len(source.parts))
        except OSError:
            return False
        if not os.path.exists(path):  # noqa: PTH110 - a link into a folder that is closed raises
            return False
        folder = path
    return _is_spelt_otherwise(row, library, found)


def expect_disk(library: Path, n_known: int) -> None:
    """Do nothing unless a library is empty of which tracks are known: it may be a mount point.

    Raises
    ------
    ConfigError
        It is. That there is nothing to do would be the wrong thing to say every night.
    """
    if n_known and not _holds_something(library):
        known = counted(n_known, "track")
        raise ConfigError(f"{library}: is empty, and held {known} before; is its disk there?")


def was_edited(track: Track) -> bool:
    """Return whether a track was changed, moved or deleted since the scan; in doubt it was not.

    Where it is missing, the nearest folder of its library that is there must hold something, and no
    link on the way lead nowhere: a disk may be away.
    """
    try:
        now = track.path.stat()
        return (now.st_size, now.st_mtime_ns) != (track.size_bytes, track.mtime_ns)
    except FileNotFoundError:
        n_folders = 1 if _is_outside(track.source) else len(track.source.parts)
        return _was_taken(track.path, n_folders)
    except OSError:
        return False


def closed_failures(failed: Iterable[Outcome], library: Path) -> Iterator[Outcome]:
    """Yield rows that end failures whose tracks have been deleted, moved or renamed since.

    In doubt they stay open, by the rule of `was_edited`; and those of tracks outside the library.

    Parameters
    ----------
    failed
        Last outcomes of tracks, all of them failures.
    library
        Folder of music, a local one.
    """
    for row in failed:
        source = text_to_path(row.source)
        if row.has_gone or _is_outside(source):
            continue
        path = library / source
        try:
            path.lstat()
        except FileNotFoundError:
            if _was_taken(path, len(source.parts)):
                yield dataclasses.replace(row, action="gone")
        except OSError:
            continue


def _was_taken(path: Path, n_folders: int) -> bool:
    """Return whether the nearest of so many folders above a file that is missing holds something.

    If a link on the way leads nowhere, or none of them is there, a disk is away.
    """
    way = (path, *path.parents[:n_folders])
    nearest = next(filter(os.path.lexists, way), path)
    return os.path.isdir(nearest) and _holds_something(nearest)  # noqa: PTH112 - may not raise


def _holds_something(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except OSError:
        return False


def _is_outside(source: Path) -> bool:
    return source.parts[0] == OUTSIDE or source.parts[0].startswith(f"{OUTSIDE}~")


def _is_on_this_disk(row: Outcome, folder: Path, found: FoundFile, *, is_file: bool) -> bool:
    """Return whether what a folder lacks, the file itself or a folder, was once in it."""
    try:
        with os.scandir(folder) as entries:
            is_empty = next(entries, None) is None
        status = folder.stat()
        if is_file and not is_empty:
            return True
        if is_empty and not 0 < row.ended_at < status.st_mtime:
            return False
        return status.st_dev == found.path.stat().st_dev
    except OSError:
        return False


def _is_spelt_otherwise(row: Outcome, library: Path, found: FoundFile) -> bool:
    """Return whether a disk for which two spellings are one name knows the file by the other."""
    source = unescaped(row.source)
    if source == found.source_name or file_key(source) != file_key(found.source_name):
        return False
    return spelled(library / source) == spelled(found.path)

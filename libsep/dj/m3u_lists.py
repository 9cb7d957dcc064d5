"""Playlists written as files of their own (M3U8), and those of an earlier time cleared away."""

import os
from collections.abc import Sequence
from pathlib import Path

from libsep.dj.collection import Entry, Playlist
from libsep.errors import ConfigError
from libsep.media.atomic import write_text
from libsep.media.file_names import file_key as same_key
from libsep.media.file_names import fitting

MARK = "written by libsep"
"""Stands at the head of each list, so that no other file is ever replaced."""

_EXTENSION = ".m3u8"
_HEAD_BYTES = 512
_BEGIN = f"#EXTM3U\n# {MARK}\n"
_NO_FILE_NAME = {ord(char): "_" for char in '/\\:*?"<>|\x7f'} | dict.fromkeys(range(32), "_")


def write_lists(
    goal: Path, folder: Path, entries: Sequence[Entry], playlists: Sequence[Playlist]
) -> tuple[Path, ...]:
    """Write the first playlist as ``goal`` and each further one to a file of its own.

    Parameters
    ----------
    goal
        The file of the first playlist.
    folder
        Where the others go, their folders joined to their names by ``_``, cut where that is too
        long. Other files there stay.
    entries
        What is said of the tracks.
    playlists
        Of paths that differ by `file_key`.

    Returns
    -------
    The files.

    Raises
    ------
    ConfigError
        A file is one that libsep did not write, or cannot be looked at.
    """
    by_location = {entry.location: entry for entry in entries}
    files = [goal]
    files += [folder / _file_name(each.path) for each in playlists[1:]]
    for path in files:
        refuse_to_replace(path)
    for path, playlist in zip(files, playlists, strict=True):
        _write(path, playlist, [by_location[place] for place in playlist.locations])
    return tuple(files)


def file_key(path: tuple[str, ...]) -> str:
    """Return the same for playlists whose files would have one name."""
    return same_key(_file_name(path))


def refuse_to_replace(goal: Path) -> None:
    """Check that a file is not there yet, or is a list of libsep.

    Raises
    ------
    ConfigError
        It is another's, or cannot be looked at.
    """
    if MARK.encode() not in _head(goal):
        raise ConfigError(
            f"{goal}: exists, and libsep did not write it: left as it is (-o names another file)"
        )


def is_own_list(path: Path) -> bool:
    """Return whether a file is a list that libsep wrote, of any kind."""
    try:
        return os.path.isfile(path) and MARK.encode() in _head(path)  # noqa: PTH113 - may not raise
    except ConfigError:
        return False


def _head(path: Path) -> bytes:
    """Return the begin of a file; of one that is not there, the mark."""
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except FileNotFoundError:
        return MARK.encode()
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be written: {exc.strerror}") from exc


def _write(goal: Path, playlist: Playlist, entries: Sequence[Entry]) -> None:
    lines = [f"{_BEGIN}#PLAYLIST:{_line(playlist.name)}"]
    for entry in entries:
        label = " - ".join(filter(None, (entry.artist, entry.title)))
        lines.append(f"#EXTINF:{round(entry.duration_s or -1)},{_line(label)}")
        lines.append(entry.location)
    write_text(goal, "\n".join(lines) + "\n")


def _file_name(path: tuple[str, ...]) -> str:
    return fitting("/".join(path).translate(_NO_FILE_NAME) or "_", _EXTENSION)


def _line(text: str) -> str:
    return " ".join(text.split())

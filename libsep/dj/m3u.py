"""Playlists as files of their own (M3U, M3U8, PLS); nothing that they name is opened."""

import codecs
import os
import re
from collections.abc import Iterator
from pathlib import Path

from libsep.dj.collection import Collection, Entry, Playlist
from libsep.dj.spelling import location_of_url, text_of, with_letters
from libsep.errors import ConfigError

EXTENSIONS = (".m3u", ".m3u8", ".pls")
"""How the names of such files end."""

MAX_BYTES = 32 << 20
"""Largest playlist that is read: about 300,000 tracks."""

_PLS_ENTRY = re.compile(r"\s*File\d+(?:=|\s+=\s*)(.*)", re.IGNORECASE)
"""Spaces after the sign belong to the name, unless there are some before it, too."""
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_LINE_END = re.compile(r"\r\n|\r|\n")
"""Names may have other characters that Python takes for ends of lines."""

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


def read_playlist(path: Path) -> tuple[Path, ...]:
    """Return the files that a playlist (m3u, m3u8, pls) names, in its order.

    Relative names are relative to the playlist's folder; spaces at their begin and end may be part
    of them, and so may ``#``, where such a file lies there: else it begins a comment. Links other
    than ``file://`` are left out. A line that is no UTF-8 is taken for Windows' Latin letters, if
    the playlist is not marked as UTF-16: lists of a library that was renamed in part mix both.

    Raises
    ------
    ConfigError
        The playlist cannot be read, is larger than `MAX_BYTES`, or is no playlist.
    """
    text = _text(path)
    folder = path.absolute().parent
    entries = _pls(text) if path.suffix.lower() == ".pls" else _m3u(text, folder)
    files = (_file(folder, entry) for entry in entries)
    return tuple(file for file in files if file is not None)


def read_m3u(path: Path) -> Collection:
    """Return a playlist as a collection of its tracks, with itself as the only playlist.

    Raises
    ------
    ConfigError
        As for `read_playlist`.
    """
    locations = tuple(file.as_posix() for file in read_playlist(path))
    entries = tuple(Entry(location=location) for location in dict.fromkeys(locations))
    return Collection(
        entries=entries, playlists=(Playlist(path=(with_letters(path.stem),), locations=locations),)
    )


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise ConfigError(f"{path}: the playlist cannot be read: {exc.strerror}") from exc
    is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if len(content) > MAX_BYTES or (b"\0" in content and not is_wide):
        found = "a binary file" if b"\0" in content else f"more than {MAX_BYTES} bytes"
        raise ConfigError(f"{path}: expected a playlist (m3u, m3u8, pls), found {found}")
    if is_wide:
        return content.decode("utf-16", "replace")
    return "\n".join(text_of(line) for line in content.removeprefix(codecs.BOM_UTF8).splitlines())


def _m3u(text: str, folder: Path) -> Iterator[str]:
    for line in _LINE_END.split(text):
        is_comment = line.lstrip().startswith("#")
        is_file = is_comment and os.path.isfile(folder / line)  # noqa: PTH113 - may not raise
        if line.strip() and (is_file or not is_comment):
            yield line


def _pls(text: str) -> Iterator[str]:
    matches = (_PLS_ENTRY.fullmatch(line) for line in _LINE_END.split(text))
    return (match.group(1) for match in matches if match and match.group(1).strip())


def _file(folder: Path, entry: str) -> Path | None:
    """Return the file of an entry, one with a drive of Windows as it stands; None for a link."""
    bare = entry.strip()
    if bare[:6].lower() == "file:/":
        entry = location_of_url(bare)
    elif _URL.match(bare):
        return None
    elif bare.startswith("/") or _DRIVE.match(bare):
        entry = entry.lstrip()
    if _DRIVE.match(entry):
        return Path(entry.replace("\\", "/"))
    return folder / (entry if "/" in entry else entry.replace("\\", "/"))

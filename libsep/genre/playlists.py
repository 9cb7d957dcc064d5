"""The files that a playlist names; nothing it names is opened."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from libsep.errors import ConfigError

MAX_BYTES = 32 << 20
"""Largest playlist that is read: about 300,000 tracks."""

_PLS_ENTRY = re.compile(r"\s*File\d+\s*=\s*(.*)", re.IGNORECASE)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def read_playlist(path: Path) -> tuple[Path, ...]:
    """Return the files that a playlist (m3u, m3u8, pls) names, in its order.

    Relative names are relative to the playlist's folder. Links other than ``file://`` are left
    out. A playlist that is not UTF-8 is taken for Windows' Latin letters.

    Raises
    ------
    ConfigError
        The playlist cannot be read, is larger than `MAX_BYTES`, or is no playlist.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise ConfigError(f"{path}: the playlist cannot be read: {exc.strerror}") from exc
    if len(content) > MAX_BYTES or b"\0" in content:
        found = "a binary file" if b"\0" in content else f"more than {MAX_BYTES} bytes"
        raise ConfigError(f"{path}: expected a playlist (m3u, m3u8, pls), found {found}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    entries = _pls(text) if path.suffix.lower() == ".pls" else _m3u(text)
    files = (_file(path.parent, entry) for entry in entries)
    return tuple(file for file in files if file is not None)


def _m3u(text: str) -> Iterator[str]:
    lines = (line.strip() for line in text.splitlines())
    return (line for line in lines if line and not line.startswith("#"))


def _pls(text: str) -> Iterator[str]:
    matches = (_PLS_ENTRY.fullmatch(line) for line in text.splitlines())
    return (match.group(1).strip() for match in matches if match and match.group(1).strip())


def _file(folder: Path, entry: str) -> Path | None:
    """Return the file of an entry; None for a link into a network."""
    if entry[:7].lower() == "file://":
        try:
            return folder / unquote(urlsplit(entry).path)
        except ValueError:  # not even a link
            return None
    if _URL.match(entry):
        return None
    is_windows = "\\" in entry and "/" not in entry
    return folder / (entry.replace("\\", "/") if is_windows else entry)

"""Serato's crates, read.

A crate is a sequence of fields: four letters, a length of 32 bits, a value; a track is a field
``otrk`` that holds its path as ``ptrk``, in UTF-16 (Holzhaus/serato-tags, mixxxdj/mixxx). Paths
have no drive: they begin at the root of the drive that the folder ``_Serato_`` belongs to.
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path

from libsep.dj.collection import Collection, Entry, Playlist
from libsep.dj.spelling import with_letters
from libsep.errors import ConfigError

EXTENSION = ".crate"
FOLDER = "_Serato_"
MAX_BYTES = 64 << 20
SEPARATOR = "%%"
"""Between the names of crates that lie in each other, in the name of the file."""


def read_crate(path: Path) -> Collection:
    """Return the tracks of a crate, which is the only playlist; ``A%%B.crate`` is called ``A/B``.

    A path is that of a file beside the folder ``_Serato_`` where there is one (an external drive),
    else it begins at the root of the file system.

    Raises
    ------
    ConfigError
        The file cannot be read, or is no crate.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read: {exc.strerror}") from exc
    if len(content) > MAX_BYTES or content[:4] != b"vrsn":
        raise ConfigError(f"{path}: expected a crate of Serato, found something else")
    try:
        names = [
            value.decode("utf-16-be")
            for kind, track in _fields(content, path)
            if kind == b"otrk"
            for field, value in _fields(track, path)
            if field == b"ptrk"
        ]
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{path}: the crate is damaged: a path is no UTF-16") from exc
    drive = next((each.parent for each in path.absolute().parents if each.name == FOLDER), None)
    locations = tuple(_location(name, drive) for name in names)
    entries = tuple(Entry(location=location) for location in dict.fromkeys(locations))
    crate = Playlist(path=tuple(with_letters(path.stem).split(SEPARATOR)), locations=locations)
    return Collection(entries=entries, playlists=(crate,))


def _fields(content: bytes, path: Path) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    while position < len(content):
        try:
            kind, length = struct.unpack_from(">4sI", content, position)
        except struct.error as exc:
            raise ConfigError(f"{path}: the crate is cut short") from exc
        position += 8
        if position + length > len(content):
            raise ConfigError(f"{path}: the crate is cut short")
        yield kind, content[position : position + length]
        position += length


def _location(name: str, drive: Path | None) -> str:
    name = name.replace("\\", "/").lstrip("/")
    if name[1:2] == ":":
        return name
    if drive is not None and os.path.isfile(drive / name):  # noqa: PTH113 - may not raise
        return (drive / name).as_posix()
    return f"/{name}"

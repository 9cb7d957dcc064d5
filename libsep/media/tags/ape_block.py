"""One APEv2 tag, wherever it lies, and the old tag of lyrics that stands in its company."""

import io
import re
import struct
from collections.abc import Iterator
from io import BufferedIOBase
from typing import Any

from mutagen.apev2 import APEv2

from libsep.media.tags.bounded import UNREADABLE

MAX_ITEM_BYTES = 64 << 20
"""Largest item that is read."""

_MAX_ITEMS = 10_000
_MAX_KEY_BYTES = 256
_MAGIC = b"APETAGEX"

_LYRICS3 = {
    b"ETT": "title", b"EAR": "artist", b"EAL": "album", b"AUT": "lyricist", b"INF": "comment",
    b"LYR": "lyrics",
}  # fmt: skip
_MAX_LYRICS3_BYTES = 1 << 20


def read_ape_block(
    file: BufferedIOBase, start: int, end: int
) -> tuple[list[tuple[str, Any]], list[str]]:
    """Return keys and mutagen's values of an APEv2 tag, and sentences about lost items."""
    file.seek(start)
    has_header = file.read(8) == _MAGIC
    found: list[tuple[str, Any]] = []
    problems: list[str] = []
    for key, size, item in _items(file, start + 32 * has_header, end):
        if item is None:
            problems.append(f"{key} of {size} bytes: dropped, the limit is {MAX_ITEM_BYTES} bytes")
            continue
        try:
            found += APEv2(io.BytesIO(_with_footer(item))).items()
        except UNREADABLE as exc:
            problems.append(f"{key} could not be read: {exc}")
    return found, problems


def _items(file: BufferedIOBase, start: int, end: int) -> Iterator[tuple[str, int, bytes | None]]:
    """Yield key, size and bytes of each item, None for one that is too large."""
    for _ in range(_MAX_ITEMS):
        file.seek(start)
        head = file.read(8 + _MAX_KEY_BYTES)
        key, separator, _ = head[8:].partition(b"\0")
        if len(head) < 9 or head.startswith(_MAGIC) or not separator:
            return
        (size,) = struct.unpack_from("<I", head)
        n_bytes = 8 + len(key) + 1 + size
        if start + n_bytes > end:
            return
        file.seek(start)
        item = file.read(n_bytes) if size <= MAX_ITEM_BYTES else None
        yield key.decode("latin-1"), size, item
        start += n_bytes


def _with_footer(item: bytes) -> bytes:
    return item + _MAGIC + struct.pack("<4I8x", 2000, len(item) + 32, 1, 0)


def read_lyrics3(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield field and text of a Lyrics3 tag of either version."""
    body = data[:_MAX_LYRICS3_BYTES].removeprefix(b"LYRICSBEGIN")
    if data.endswith(b"LYRICSEND"):
        yield "lyrics", _text(body.removesuffix(b"LYRICSEND"))
        return
    position = 0
    while match := re.compile(rb"([A-Z]{3})(\d{5})").match(body, position):
        name, size = match.group(1), int(match.group(2))
        if name in _LYRICS3:
            yield _LYRICS3[name], _text(body[match.end() : match.end() + size])
        position = match.end() + size


def _text(data: bytes) -> str:
    return data.decode("cp1252", "replace").replace("\r\n", "\n").strip("\0 \n")

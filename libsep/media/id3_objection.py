"""Whether an ID3 tag is built to waste time or memory, found out without reading its frames."""

import io
import struct
from collections.abc import Callable
from typing import BinaryIO

MAX_FRAMES = 10_000
"""Most frames of a tag that is read. mutagen copies the rest of the tag for each of them, and
ffmpeg compares each with all before it: a hundred thousand take minutes, in both."""

MAX_COMPRESSED_BYTES = 1 << 16
"""Largest compressed frame of a tag that is read: it may unfold to a thousand times as much."""

MAX_CHUNKS = 1000

_UNSYNCHRONISED, _EXTENDED = 0x80, 0x40
_COMPRESSED = {3: 0x0080, 4: 0x0008}


def id3_objection(file: BinaryIO) -> str:
    """Return why the ID3v2 tag of a file should not be read; empty if it may be, or is none.

    Parameters
    ----------
    file
        Audio file, whose tag is at the beginning, or in a chunk of WAV and AIFF.
    """
    file.seek(0)
    head = file.read(12)
    if head[:3] == b"ID3":
        return _objection(file, 0)
    if head[:4] in (b"RIFF", b"RF64") and head[8:] == b"WAVE":
        start = _find_chunk(file, "<I")
    elif head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
        start = _find_chunk(file, ">I")
    else:
        return ""
    return "" if start is None else _objection(file, start)


def _find_chunk(file: BinaryIO, size_format: str) -> int | None:
    """Return where the content of the chunk of ID3 begins; None if there is none."""
    for _ in range(MAX_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            return None
        if head[:4].upper() == b"ID3 ":
            return file.tell()
        (size,) = struct.unpack(size_format, head[4:])
        file.seek(size + size % 2, io.SEEK_CUR)
    return None


def _objection(file: BinaryIO, start: int) -> str:
    file.seek(start)
    head = file.read(10)
    if len(head) < 10 or head[:3] != b"ID3" or head[3] not in (2, 3, 4):
        return ""
    version, flags, size = head[3], head[5], _syncsafe(head[6:])
    if flags & _UNSYNCHRONISED and version < 4:
        decoded = file.read(size).replace(b"\xff\0", b"\xff")
        body: BinaryIO = io.BytesIO(decoded)
        end = len(decoded)
    else:
        body, end = file, file.tell() + size
    if flags & _EXTENDED and version > 2:
        extended = body.read(4)
        body.seek(_syncsafe(extended) - 4 if version == 4 else _plain(extended), io.SEEK_CUR)
    frames = body.tell()
    sizes = (_syncsafe, _plain) if version == 4 else (_plain,)  # iTunes writes the one as the other
    objections = (_walk(body, frames, end, version, read_size) for read_size in sizes)
    return next(filter(None, objections), "")


def _walk(
    body: BinaryIO, start: int, end: int, version: int, read_size: Callable[[bytes], int]
) -> str:
    """Pass from frame to frame, and return what is wrong with one or with their number."""
    name_bytes = 3 if version == 2 else 4
    position = start
    for _ in range(MAX_FRAMES):
        body.seek(position)
        head = body.read(2 * name_bytes + (0 if version == 2 else 2))
        if position + len(head) > end or not head[:name_bytes].strip(b"\0"):
            return ""
        size = read_size(head[name_bytes : 2 * name_bytes])
        flags = int.from_bytes(head[8:10])
        if flags & _COMPRESSED.get(version, 0) and size > MAX_COMPRESSED_BYTES:
            return f"its ID3 tag has a compressed frame of {size} bytes"
        position += len(head) + size
    return f"its ID3 tag has more than {MAX_FRAMES} frames"


def _syncsafe(data: bytes) -> int:
    """Return the number that ID3 spreads over bytes of seven bits."""
    return sum((byte & 0x7F) << 7 * place for place, byte in enumerate(reversed(data)))


def _plain(data: bytes) -> int:
    return int.from_bytes(data)

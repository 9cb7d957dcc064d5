"""Whether an ID3 tag is built to waste time or memory, found out without reading its frames."""

import dataclasses
import io
import re
import struct
from collections.abc import Callable
from io import BufferedIOBase

MAX_FRAMES = 10_000
"""Most frames of a tag that is read: ffmpeg compares each with all before it, and a hundred
thousand take it minutes."""

MAX_COPIED_BYTES = 20_000_000_000
"""Most that is copied to read a tag: mutagen copies the rest of it for each frame."""

MAX_COMPRESSED_BYTES = 1 << 16
"""Largest compressed frame of a tag that is read: it may unfold to a thousand times as much."""

MAX_LIST_BYTES = 1 << 18
"""Largest frame that may hold a list, as all texts do: mutagen copies its rest for each entry."""

_NO_LISTS = frozenset({b"APIC", b"GEOB", b"PRIV", b"USLT", b"MCDI", b"PIC", b"GEO", b"ULT"})

MAX_CHUNKS = 1000

_NAME = re.compile(rb"[A-Z][A-Z0-9]{2,3}")
_UNSYNCHRONISED, _EXTENDED = 0x80, 0x40
_COMPRESSED = {3: 0x0080, 4: 0x0008}


def id3_objection(file: BufferedIOBase, *, is_skipped: bool = False) -> str:
    """Return why the ID3v2 tag of a file should not be read; empty if it may be, or is none.

    Parameters
    ----------
    file
        Audio file, whose tag is at the beginning, or in a chunk of WAV and AIFF.
    is_skipped
        Whether the reader only looks for what follows the tag: then just the number of frames
        counts.
    """
    file.seek(0)
    head = file.read(12)
    if head[:3] == b"ID3":
        return _objection(file, 0, is_skipped=is_skipped)
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:] == b"WAVE":
        start = _find_chunk(file, "<I")
    elif head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
        start = _find_chunk(file, ">I")
    else:
        return ""
    return "" if start is None else _objection(file, start, is_skipped=is_skipped)


def _find_chunk(file: BufferedIOBase, size_format: str) -> int | None:
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


def _objection(file: BufferedIOBase, start: int, *, is_skipped: bool) -> str:
    file.seek(start)
    head = file.read(10)
    if len(head) < 10 or head[:3] != b"ID3" or head[3] not in (2, 3, 4):
        return ""
    version, flags, size = head[3], head[5], syncsafe(head[6:])
    if flags & _UNSYNCHRONISED and version < 4:
        decoded = file.read(size).replace(b"\xff\0", b"\xff")
        body: BufferedIOBase = io.BytesIO(decoded)
        end = len(decoded)
    else:
        body, end = file, file.tell() + size
    if flags & _EXTENDED and version > 2:
        extended = body.read(4)
        body.seek(syncsafe(extended) - 4 if version == 4 else plain(extended), io.SEEK_CUR)
    frames = body.tell()
    sizes = (syncsafe, plain) if version == 4 else (plain,)  # iTunes writes the one as the other
    walks = [_walk(body, (frames, end), version, read_size) for read_size in sizes]
    n_frames = max(walk.n_frames for walk in walks)
    suspect = max(walks, key=lambda walk: walk.n_known).suspect
    if n_frames >= MAX_FRAMES:
        return f"its ID3 tag has more than {MAX_FRAMES} frames"
    if not is_skipped and n_frames * size > MAX_COPIED_BYTES:
        return f"its ID3 tag has {n_frames} frames in {size} bytes"
    if not is_skipped and suspect:
        return f"its ID3 tag has a {suspect}"
    return ""


@dataclasses.dataclass(slots=True)
class _Walk:
    """What a walk from frame to frame finds: how many, how many with names, and what is odd."""

    n_frames: int = 0
    n_known: int = 0
    suspect: str = ""


def _walk(
    body: BufferedIOBase, place: tuple[int, int], version: int, read_size: Callable[[bytes], int]
) -> _Walk:
    """Walk over at most `MAX_FRAMES` frames between two positions."""
    walk = _Walk()
    position, end = place
    name_bytes = 3 if version == 2 else 4
    while walk.n_frames < MAX_FRAMES:
        body.seek(position)
        head = body.read(2 * name_bytes + (0 if version == 2 else 2))
        name = head[:name_bytes]
        if position + len(head) > end or not name.strip(b"\0"):
            break
        size = read_size(head[name_bytes : 2 * name_bytes])
        walk.n_frames += 1
        if _NAME.fullmatch(name):
            walk.n_known += 1
            is_compressed = bool(int.from_bytes(head[8:10]) & _COMPRESSED.get(version, 0))
            there = min(size, end - position)
            walk.suspect = walk.suspect or _suspicion(name, there, is_compressed=is_compressed)
        position += len(head) + size
    return walk


def _suspicion(name: bytes, n_bytes: int, *, is_compressed: bool) -> str:
    """Return what a frame is that may take long or grow; empty for an ordinary one."""
    if is_compressed and n_bytes > MAX_COMPRESSED_BYTES:
        return f"compressed frame of {n_bytes} bytes"
    if name not in _NO_LISTS and n_bytes > MAX_LIST_BYTES:
        return f"frame {name.decode('ascii')} of {n_bytes} bytes"
    return ""


def syncsafe(data: bytes) -> int:
    """Return the number that ID3 spreads over bytes of seven bits."""
    return sum((byte & 0x7F) << 7 * place for place, byte in enumerate(reversed(data)))


def plain(data: bytes) -> int:
    """Return the number in bytes, the highest first."""
    return int.from_bytes(data)

"""One ID3v2 tag, wherever it lies: its frames, and which of them had to stay behind.

mutagen gives a tag up for one frame that it cannot read, and copies what is left of the tag for
each frame. So the frames are handed to it in small groups; one that is too large for it costs
itself.
"""

import dataclasses
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from io import BufferedIOBase
from typing import Any

from mutagen.id3 import ID3, ParseID3v1

from libsep.media.id3_objection import (
    MAX_COMPRESSED_BYTES,
    MAX_FRAMES,
    MAX_LIST_BYTES,
    plain,
    syncsafe,
)
from libsep.media.tag_blocks import ENHANCED_BYTES, ID3V1_BYTES
from libsep.media.tags.bounded import UNREADABLE
from libsep.media.tags.collect import MAX_VALUE_CHARS
from libsep.media.tags.mapping import is_dropped

MAX_FRAME_BYTES = 64 << 20
"""Largest frame that is read; a cover of that size can still be scaled down."""

_MAX_UNSYNCHRONISED_BYTES = 128 << 20
_MAX_GROUP_BYTES = 1 << 20
_MAX_SEARCHED = 1 << 28
_UNSYNCHRONISED, _EXTENDED = 0x80, 0x40
_COMPRESSED = {2: 0, 3: 0x0080, 4: 0x0008}
_NAME = re.compile(rb"[A-Z][A-Z0-9]{2,3}")
_CHAPTERS = (b"CHAP", b"CTOC")
_WITHOUT_LISTS = frozenset({b"APIC", b"GEOB", b"PRIV", b"MCDI", b"PIC", b"GEO", b"UFID"})
_ENCODINGS = {b"\1": "utf-16", b"\2": "utf-16-be", b"\3": "utf-8"}
_RENAMED = {b"XSOA": b"TSOA", b"XSOP": b"TSOP", b"XSOT": b"TSOT", b"XDOR": b"TDOR"}
"""Names that programs gave to frames of v2.4 in a tag of v2.3."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Frame:
    """A frame as it lies in the tag; ``flags`` are the two bytes of v2.3 and v2.4."""

    name: bytes
    flags: bytes
    start: int
    n_bytes: int
    is_whole: bool


@dataclasses.dataclass(frozen=True, slots=True)
class _Tag:
    """A tag whose frames lie in ``body`` between two positions."""

    version: int
    flags: int
    body: BufferedIOBase
    start: int
    end: int


def read_id3_block(file: BufferedIOBase, start: int, end: int) -> tuple[Any, list[str]]:
    """Return the frames of the ID3v2 tag between two positions, as mutagen's ``ID3``.

    Also sentences about frames that are left out: too large, damaged, or unknown.
    """
    tag = _open(file, start, end)
    if tag is None:
        return ID3(), [f"an ID3 tag of {end - start} bytes could not be read: dropped"]
    found: Any = ID3()
    problems: list[str] = []
    n_chapters: Counter[bytes] = Counter()
    kept: list[bytes] = []
    for frame in _frames(tag):
        if frame.name in _CHAPTERS:
            n_chapters[frame.name] += 1
            continue
        objection = _objection(tag, frame)
        if objection:
            problems.append(f"{_described(tag, frame)}: dropped, {objection}")
            continue
        kept.append(_render(tag, frame))
        if sum(map(len, kept)) > _MAX_GROUP_BYTES:
            problems += _read_group(tag, kept, found)
            kept = []
    problems += _read_group(tag, kept, found)
    if n_chapters[b"CHAP"]:
        problems.append(f"chapters ({n_chapters[b'CHAP']}) have no place in a stem file: dropped")
    return found, problems


def _open(file: BufferedIOBase, start: int, end: int) -> _Tag | None:
    """Read the header; a tag of v2.2 or v2.3 that is unsynchronised is decoded as a whole."""
    file.seek(start)
    head = file.read(10)
    version, flags = head[3], head[5]
    position, end = start + 10, min(end, start + 10 + syncsafe(head[6:]))
    body = file
    if flags & _UNSYNCHRONISED and version < 4:
        if end - position > _MAX_UNSYNCHRONISED_BYTES:
            return None
        data = file.read(end - position).replace(b"\xff\0", b"\xff")
        body, position, end = io.BytesIO(data), 0, len(data)
    if flags & _EXTENDED and version == 2:  # compressed in a way that was never defined
        return None
    if flags & _EXTENDED:
        body.seek(position)
        size = body.read(4)
        position += syncsafe(size) if version == 4 else plain(size) + 4
    return _Tag(version, flags & _UNSYNCHRONISED if version == 4 else 0, body, position, end)


def _frames(tag: _Tag) -> list[_Frame]:
    """Return the frames; sizes of v2.4 are read in the way that finds more of them."""
    walks = [list(_walk(tag, syncsafe if tag.version == 4 else plain))]
    if tag.version == 4:  # iTunes wrote them as v2.3 has them
        walks.append(list(_walk(tag, plain)))
    return max(walks, key=len)


def _walk(tag: _Tag, read_size: Any) -> Iterator[_Frame]:
    name_bytes = 3 if tag.version == 2 else 4
    head_bytes = 6 if tag.version == 2 else 10
    position = tag.start
    for _ in range(MAX_FRAMES):
        tag.body.seek(position)
        head = tag.body.read(head_bytes)
        name = head[:name_bytes].rstrip(b"\0 ")
        if position + head_bytes > tag.end or not _NAME.fullmatch(name):
            return
        size = read_size(head[name_bytes : 2 * name_bytes])
        position += head_bytes
        there = min(size, tag.end - position)
        yield _Frame(head[:name_bytes], head[8:10], position, there, is_whole=there == size)
        position += size


def _objection(tag: _Tag, frame: _Frame) -> str:
    """Return why mutagen should not get a frame; empty if it may."""
    is_compressed = bool(int.from_bytes(frame.flags) & _COMPRESSED[tag.version])
    if frame.n_bytes > MAX_FRAME_BYTES:
        return f"the limit is {MAX_FRAME_BYTES} bytes"
    if is_compressed and frame.n_bytes > MAX_COMPRESSED_BYTES:
        return "it is compressed and may unfold to anything"
    if not frame.is_whole and frame.name not in (b"APIC", b"PIC"):
        return "it is cut short"
    if frame.n_bytes > MAX_LIST_BYTES and frame.name not in _WITHOUT_LISTS:
        body = _body(tag, frame)
        is_wide = body[:1] in (b"\1", b"\2")
        max_bytes = MAX_VALUE_CHARS * (2 if is_wide else 4)
        if frame.n_bytes > max_bytes:
            return f"the limit is {max_bytes} bytes"
        n_values = 1 + body.count(b"\0\0" if is_wide else b"\0")
        if n_values * frame.n_bytes > _MAX_SEARCHED:
            return f"it is a list of {n_values} values"
    return ""


def _body(tag: _Tag, frame: _Frame) -> bytes:
    tag.body.seek(frame.start)
    return tag.body.read(frame.n_bytes)


def _described(tag: _Tag, frame: _Frame) -> str:
    """Return name and description (of TXXX, GEOB ...) of a frame, and its length."""
    tag.body.seek(frame.start)
    beginning = tag.body.read(min(frame.n_bytes, 64))
    name = frame.name.decode("ascii", "replace").strip("\0 ")
    text = ""
    if frame.name in (b"TXXX", b"WXXX"):
        text = beginning[1:].decode(_ENCODINGS.get(beginning[:1], "latin-1"), "replace")
    elif frame.name in (b"PRIV", b"UFID"):
        text = beginning.decode("latin-1")
    key = text.split("\0", 1)[0]
    name += f":{key}" if key and key.isprintable() else ""
    return f"frame {name} of {frame.n_bytes} bytes"


def _render(tag: _Tag, frame: _Frame) -> bytes:
    """Return a frame with the size that it has, in the way that its version wants it."""
    size = frame.n_bytes
    if tag.version == 2:
        return frame.name + size.to_bytes(3, "big") + _body(tag, frame)
    written = _to_syncsafe(size) if tag.version == 4 else size.to_bytes(4, "big")
    name = _RENAMED.get(frame.name, frame.name)
    return name + written + frame.flags + _body(tag, frame)


def _to_syncsafe(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def _read_group(tag: _Tag, frames: list[bytes], found: Any) -> list[str]:
    """Let mutagen read some frames, one by one if they cannot be read together."""
    try:
        return _parse(tag, frames, found)
    except UNREADABLE:
        pass
    problems: list[str] = []
    for frame in frames:
        try:
            problems += _parse(tag, [frame], found)
        except UNREADABLE as exc:
            name = frame[: 3 if tag.version == 2 else 4].decode("ascii", "replace")
            problems.append(f"frame {name} could not be read: {exc}")
    return problems


def _parse(tag: _Tag, frames: Iterable[bytes], found: Any) -> list[str]:
    data = b"".join(frames)
    head = b"ID3" + bytes([tag.version, 0, tag.flags]) + _to_syncsafe(len(data))
    part = ID3(io.BytesIO(head + data), load_v1=False)
    for frame in part.values():
        found.loaded_frame(frame)
    names = {raw[:4].rstrip(b"\0").decode("ascii", "replace") for raw in part.unknown_frames}
    return [
        f"frame {name} is not known or damaged: dropped"
        for name in sorted(names)
        if not is_dropped(name)
    ]


def read_id3v1_block(data: bytes) -> Any:
    """Return the frames for the bytes of an ID3v1 tag, longer texts of ``TAG+`` included."""
    frames = ParseID3v1(data[-ID3V1_BYTES:]) or {}
    if len(data) == ENHANCED_BYTES + ID3V1_BYTES:
        for place, name in enumerate(("TIT2", "TPE1", "TALB")):
            rest = data[4 + 60 * place :][:60].split(b"\0")[0]
            old = data[ENHANCED_BYTES + 3 + 30 * place :][:30].split(b"\0")[0]
            if rest and name in frames:
                frames[name].text = [(old + rest).decode("latin-1").strip()]
    found: Any = ID3()
    for frame in frames.values():
        found.add(frame)
    return found

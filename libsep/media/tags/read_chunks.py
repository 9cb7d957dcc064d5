"""Files of chunks: WAV and its 64-bit relatives, AIFF, CAF, DSF, DSDIFF, and the tags in them.

ID3 tags in chunks are found for `read_id3_block`; the old texts (LIST INFO, NAME, AUTH ...), which
mutagen does not read, are read here rather than through ffmpeg: that takes a process for each file.
"""

import dataclasses
import struct
from collections.abc import Callable, Iterator
from io import BufferedIOBase

from libsep.media.behind_audio import KNOWN_KINDS, find_last_chunks
from libsep.media.tag_blocks import Block

_MAX_TEXT_BYTES = 1 << 20
_MAX_CHUNKS = 10_000
_FIELDS = {
    b"INAM": "title", b"IART": "artist", b"IPRD": "album", b"ICRD": "date", b"IGNR": "genre",
    b"ICMT": "comment", b"ITRK": "track", b"IPRT": "track", b"ICOP": "copyright",
    b"IMUS": "composer", b"IWRI": "lyricist", b"IPUB": "label", b"IBPM": "bpm",
    b"ILNG": "language", b"IMED": "media",
    b"NAME": "title", b"AUTH": "artist", b"ANNO": "comment", b"(c) ": "copyright",
    b"DITI": "title", b"DIAR": "artist",
}  # fmt: skip
_MARKS = {b"cue ": struct.Struct("<I"), b"MARK": struct.Struct(">H")}
"""How the chunks of markers in WAV and AIFF begin: with the number of markers."""

_DESCRIPTION_BYTES = 256
"""How long the description is with which the chunk ``bext`` of broadcast WAV begins."""

_W64_HEADER = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")
_W64_SUMMARY = bytes.fromhex("bc945f925a52d21186dc00c04f8edb8a")
_UNKNOWN_BYTES = 0xFFFFFFFF


@dataclasses.dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk by its name, and where its content lies."""

    name: bytes
    start: int
    end: int


_Walk = Callable[[BufferedIOBase, int, int], Iterator[Chunk]]


def is_chunked(head: bytes) -> bool:
    """Return whether a file that begins so is one of these."""
    return _walk_of(head) is not None


def read_chunks(
    file: BufferedIOBase, start: int, end: int
) -> tuple[list[Block], list[tuple[str, str]], list[str]]:
    """Return where the ID3 tags lie in the stretch of a file that holds chunks, and its old texts.

    The texts come with names of fields, or as ``vorbis:KEY``, and fill the gaps of the ID3 tags.
    A file that ends early gives what there is. The last list is of sentences about what is lost.
    """
    file.seek(start)
    walk = _walk_of(file.read(20))
    tags: list[Block] = []
    texts: list[tuple[str, str]] = []
    problems: list[str] = []
    for chunk in walk(file, start, end) if walk else ():
        if chunk.name.upper() in (b"ID3 ", b"ID3"):
            file.seek(chunk.start)
            if file.read(3) == b"ID3":
                tags.append(Block("id3", chunk.start, min(chunk.end, end)))
        elif chunk.name in _FIELDS and chunk.end - chunk.start > _MAX_TEXT_BYTES:
            name = chunk.name.decode("ascii")
            problems.append(f"{name} of {chunk.end - chunk.start} bytes: dropped, too long")
        elif n_marks := _n_marks(file, chunk):
            problems.append(f"markers ({n_marks}) have no place in a stem file: dropped")
        else:
            texts += _texts(file, chunk)
    return tags, texts, problems


def _n_marks(file: BufferedIOBase, chunk: Chunk) -> int:
    """Return how many markers a chunk holds, as it says."""
    layout = _MARKS.get(chunk.name)
    if layout is None or chunk.end - chunk.start < layout.size:
        return 0
    file.seek(chunk.start)
    data = file.read(layout.size)
    return int(layout.unpack(data)[0]) if len(data) == layout.size else 0


def _texts(file: BufferedIOBase, chunk: Chunk) -> Iterator[tuple[str, str]]:
    """Yield names and texts of a chunk."""
    name, size = chunk.name, min(chunk.end - chunk.start, _MAX_TEXT_BYTES)
    if name in _FIELDS:
        file.seek(chunk.start)
        data = file.read(size)
        yield _FIELDS[name], _decode(data[4:] if name in (b"DITI", b"DIAR") else data)
    elif name == b"bext":
        file.seek(chunk.start)
        yield "comment", _decode(file.read(_DESCRIPTION_BYTES))
    elif name == b"info":
        file.seek(chunk.start)
        parts = file.read(size)[4:].split(b"\0")
        pairs = zip(parts[::2], parts[1::2], strict=False)
        yield from ((f"vorbis:{_decode(key)}", _decode(text)) for key, text in pairs)
    elif name == _W64_SUMMARY:
        yield from _summary(file, chunk)


def _summary(file: BufferedIOBase, chunk: Chunk) -> Iterator[tuple[str, str]]:
    """Yield the texts of W64's summary: each a name, a number of bytes, and UTF-16."""
    file.seek(chunk.start)
    data = file.read(min(chunk.end - chunk.start, _MAX_TEXT_BYTES))
    position = 4
    while position + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, position)
        text = data[position + 8 : position + 8 + size].decode("utf-16-le", "replace")
        if name in _FIELDS:
            yield _FIELDS[name], text.split("\0")[0]
        position += 8 + size


def _walk_of(head: bytes) -> _Walk | None:
    """Return how to go from chunk to chunk in a file that begins so."""
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        return _wav_chunks
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return _aiff_chunks
    if head[:16] == _W64_HEADER:
        return _w64_chunks
    if head[:4] == b"caff":
        return _caf_chunks
    if head[:4] == b"FRM8" and head[12:16] == b"DSD ":
        return _dsdiff_chunks
    return _dsf_chunks if head[:4] == b"DSD " else None


def _wav_chunks(file: BufferedIOBase, start: int, end: int) -> Iterator[Chunk]:
    """Yield the chunks, those of ``LIST INFO`` too; ``ds64`` tells what needs 64 bits."""
    audio_bytes = None
    for chunk in _chunks(file, start + 12, end, _RIFF):
        size = chunk.end - chunk.start
        if chunk.name == b"ds64" and size >= 16:
            file.seek(chunk.start + 8)
            (audio_bytes,) = struct.unpack("<Q", file.read(8))
        elif chunk.name == b"data":
            there = audio_bytes if size == _UNKNOWN_BYTES and audio_bytes is not None else size
            yield from _wav_chunks_behind(file, chunk.start, chunk.start + there, end)
            return
        elif chunk.name == b"LIST":
            yield from _info_chunks(file, chunk, end)
        else:
            yield chunk


def _wav_chunks_behind(
    file: BufferedIOBase, start: int, position: int, end: int
) -> Iterator[Chunk]:
    """Yield what follows the audio from ``start`` to ``position``, by its header.

    That length may be the rest of a division by 4 GiB, or wrong altogether.
    """
    position += position % 2
    if position == end:
        return
    while position < end:
        file.seek(position)
        if file.read(4) in KNOWN_KINDS:
            break
        position += 1 << 32
    else:
        position = find_last_chunks(file, start, end)
    for chunk in _chunks(file, position, end, _RIFF):
        if chunk.name == b"LIST":
            yield from _info_chunks(file, chunk, end)
        else:
            yield chunk


def _info_chunks(file: BufferedIOBase, chunk: Chunk, end: int) -> Iterator[Chunk]:
    file.seek(chunk.start)
    if file.read(4) == b"INFO":
        yield from _chunks(file, chunk.start + 4, min(chunk.end, end), _RIFF)


def _aiff_chunks(file: BufferedIOBase, start: int, end: int) -> Iterator[Chunk]:
    for chunk in _chunks(file, start + 12, end, _IFF):
        yield chunk
        if chunk.name == b"SSND" and chunk.end > end + 1:
            yield from _chunks(file, find_last_chunks(file, chunk.start, end), end, _IFF)


def _dsdiff_chunks(file: BufferedIOBase, start: int, end: int) -> Iterator[Chunk]:
    for chunk in _chunks(file, start + 16, end, _IFF_64):
        if chunk.name == b"DIIN":
            yield from _chunks(file, chunk.start, min(chunk.end, end), _IFF_64)
        else:
            yield chunk


def _caf_chunks(file: BufferedIOBase, start: int, end: int) -> Iterator[Chunk]:
    return _chunks(file, start + 8, end, _CAF)


def _dsf_chunks(file: BufferedIOBase, start: int, end: int) -> Iterator[Chunk]:
    """Yield the only tag, to which the header points."""
    file.seek(start + 20)
    position = int.from_bytes(file.read(8), "little")
    if position and start + position < end:
        yield Chunk(b"ID3 ", start + position, end)


def _w64_chunks(file: BufferedIOBase, start: int, end: int) -> Iterator[Chunk]:
    """Yield the chunks; their names are GUIDs, most of which begin with the name of WAV."""
    position = start + 40
    for _ in range(_MAX_CHUNKS):
        if position >= end:
            return
        file.seek(position)
        head = file.read(24)
        if len(head) < 24:
            return
        size = int.from_bytes(head[16:], "little")
        if size < 24:
            return
        name = _W64_SUMMARY if head[:16] == _W64_SUMMARY else head[:4]
        yield Chunk(name, position + 24, min(position + size, end))
        position += size + -size % 8


@dataclasses.dataclass(frozen=True, slots=True)
class _Layout:
    """How the head of a chunk is packed, and to what number of bytes chunks are filled up."""

    head: struct.Struct
    align: int


_RIFF = _Layout(struct.Struct("<4sI"), 2)
_IFF = _Layout(struct.Struct(">4sI"), 2)
_IFF_64 = _Layout(struct.Struct(">4sQ"), 2)
_CAF = _Layout(struct.Struct(">4sQ"), 1)


def _chunks(file: BufferedIOBase, start: int, end: int, layout: _Layout) -> Iterator[Chunk]:
    for _ in range(_MAX_CHUNKS):
        if start >= end:
            return
        file.seek(start)
        head = file.read(layout.head.size)
        if len(head) < layout.head.size:
            return
        name, size = layout.head.unpack(head)
        start += layout.head.size
        yield Chunk(name, start, start + size)
        start += size + -size % layout.align


def _decode(data: bytes) -> str:
    """Return a text of a chunk: UTF-8 if it is that, else the Windows code page of the West."""
    text = data.split(b"\0")[0]
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("cp1252", "replace")

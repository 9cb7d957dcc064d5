"""Where the tags lie that may stand before or behind the audio of any file, whatever its format.

ID3v2 and APEv2 in front; ID3v1, APEv2, Lyrics3 and ID3v2 at the end; several of each. Taggers put
them around FLAC, TTA, WavPack, AAC and Ogg as well as MP3.
"""

import dataclasses
import struct
from io import BufferedIOBase
from typing import Literal

from libsep.media.id3_objection import syncsafe

MAX_BLOCKS = 16
"""Most tags in front of the audio, and as many behind it, that are looked for."""

_MAX_PADDING_BYTES = 1 << 16
_TAIL_BYTES = 1 << 18
_MAX_OLD_LYRICS_BYTES = 5100 + 11
ID3V1_BYTES = 128
ENHANCED_BYTES = 227
"""Length of the block ``TAG+`` that may stand before an ID3v1 tag and makes its texts longer."""


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """One tag, from ``start`` to ``end`` of the file, header and footer included."""

    kind: Literal["id3", "ape", "lyrics3", "id3v1"]
    start: int
    end: int


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """The tags around the audio of a file, and the stretch between them, which is the rest."""

    leading: tuple[Block, ...]
    trailing: tuple[Block, ...]
    start: int
    end: int


def find_blocks(file: BufferedIOBase, n_bytes: int) -> Layout:
    """Return the tags before and behind the audio of a file of ``n_bytes``.

    Those behind it are in the order of their weight: ID3v2, APEv2, Lyrics3, ID3v1.
    """
    leading: list[Block] = []
    start = 0
    while len(leading) < MAX_BLOCKS and (block := _block_at(file, start, n_bytes)):
        leading.append(block)
        start = _skip_zeros(file, block.end)
    trailing: list[Block] = []
    end = n_bytes
    while len(trailing) < MAX_BLOCKS and (found := _block_before(file, start, end)):
        trailing.append(found)
        end = found.start
    order = ("id3", "ape", "lyrics3", "id3v1")
    trailing.sort(key=lambda block: order.index(block.kind))
    return Layout(tuple(leading), tuple(trailing), start, end)


def _block_at(file: BufferedIOBase, start: int, n_bytes: int) -> Block | None:
    """Return the tag that begins at a position."""
    file.seek(start)
    head = file.read(32)
    if _is_id3_header(head):
        footer_bytes = 10 if head[3] == 4 and head[5] & 0x10 else 0
        return Block("id3", start, min(n_bytes, start + 10 + syncsafe(head[6:10]) + footer_bytes))
    if head.startswith(b"APETAGEX") and len(head) == 32:
        (size,) = struct.unpack_from("<I", head, 12)
        return Block("ape", start, min(n_bytes, start + 32 + size))
    return None


def _is_id3_header(head: bytes) -> bool:
    is_size = len(head) >= 10 and max(head[6:10]) < 0x80
    return head[:3] == b"ID3" and is_size and head[3] in (2, 3, 4) and head[4] != 0xFF


def _skip_zeros(file: BufferedIOBase, position: int) -> int:
    """Return the position behind the zeros that a tagger left behind its tag."""
    file.seek(position)
    data = file.read(_MAX_PADDING_BYTES)
    if data[4:8] == b"ftyp":  # these zeros are the length of an MP4's first box
        return position
    n_zeros = len(data) - len(data.lstrip(b"\0"))
    return position + n_zeros if n_zeros < len(data) else position


def _block_before(file: BufferedIOBase, start: int, end: int) -> Block | None:
    """Return the tag that ends at ``end`` and does not begin before ``start``."""
    tail_bytes = min(end - start, ENHANCED_BYTES + ID3V1_BYTES)
    file.seek(end - tail_bytes)
    tail = file.read(tail_bytes)
    block = (
        _id3v1_before(tail, end)
        or _ape_before(tail, end)
        or _lyrics_before(file, tail, (start, end))
        or _id3_before(file, tail, (start, end))
    )
    return block if block is not None and start <= block.start < block.end else None


def _id3v1_before(tail: bytes, end: int) -> Block | None:
    if len(tail) < ID3V1_BYTES or tail[-ID3V1_BYTES:][:3] != b"TAG":
        return None
    is_enhanced = tail[-ID3V1_BYTES - ENHANCED_BYTES :][:4] == b"TAG+"
    return Block("id3v1", end - ID3V1_BYTES - (ENHANCED_BYTES if is_enhanced else 0), end)


def _ape_before(tail: bytes, end: int) -> Block | None:
    if len(tail) < 32 or tail[-32:][:8] != b"APETAGEX":
        return None
    size, _, flags = struct.unpack_from("<III", tail, len(tail) - 32 + 12)
    return Block("ape", end - size - (32 if flags >> 31 else 0), end)


def _lyrics_before(file: BufferedIOBase, tail: bytes, place: tuple[int, int]) -> Block | None:
    start, end = place
    if tail.endswith(b"LYRICS200") and tail[-15:-9].isdigit():
        return Block("lyrics3", end - 15 - int(tail[-15:-9]), end)
    if tail.endswith(b"LYRICSEND"):
        n_bytes = min(end - start, _MAX_OLD_LYRICS_BYTES + 9)
        file.seek(end - n_bytes)
        position = file.read(n_bytes).rfind(b"LYRICSBEGIN")
        return None if position < 0 else Block("lyrics3", end - n_bytes + position, end)
    return None


def _id3_before(file: BufferedIOBase, tail: bytes, place: tuple[int, int]) -> Block | None:
    """Return an ID3v2 tag at the end: with its footer, or one whose size fits to the byte."""
    start, end = place
    if len(tail) >= 10 and tail[-10:-7] == b"3DI":
        return Block("id3", end - syncsafe(tail[-4:]) - 20, end)
    n_bytes = min(end - start, _TAIL_BYTES)
    file.seek(end - n_bytes)
    data = file.read(n_bytes)
    position = data.rfind(b"ID3")
    for _ in range(MAX_BLOCKS):
        if position < 0:
            break
        head = data[position : position + 10]
        if _is_id3_header(head) and position + 10 + syncsafe(head[6:10]) == n_bytes:
            return Block("id3", end - n_bytes + position, end)
        position = data.rfind(b"ID3", 0, position)
    return None

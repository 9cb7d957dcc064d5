"""The chunks of a PNG: those that only say something about it may be damaged, and go."""

import struct
import zlib

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_ANCILLARY = 0x20
_MAX_CHUNKS = 100_000
_MAX_TEXT_BYTES = 1 << 20
"""Longest text that is unpacked; Pillow refuses a picture with a longer one."""


def mend_png(data: bytes) -> bytes:
    """Return a PNG without chunks of text and the like that are damaged, or unpack to too much.

    Chunks of the picture itself get the right checksum, and a missing end is added. What is no PNG
    or has no such damage comes back as it is.
    """
    if not data.startswith(_SIGNATURE):
        return data
    parts = [_SIGNATURE]
    position = len(_SIGNATURE)
    kind = b""
    for _ in range(_MAX_CHUNKS):
        head = data[position : position + 8]
        if len(head) < 8:
            break
        size, kind = struct.unpack(">I4s", head)
        end = position + 12 + size
        body = data[position + 8 : position + 8 + size]
        chunk = _chunk(kind, body)
        is_whole = data[position:end] == chunk and not _unpacks_to_too_much(kind, body)
        if is_whole or not kind[0] & _ANCILLARY:
            parts.append(chunk)
        position = end
        if kind == b"IEND":
            break
    if kind != b"IEND":
        parts.append(_chunk(b"IEND", b""))
    mended = b"".join(parts)
    return mended if mended != data[:position] else data


def _unpacks_to_too_much(kind: bytes, body: bytes) -> bool:
    text = body.partition(b"\0")[2]
    if kind == b"iTXt" and text[:1] == b"\1":
        packed = text[2:].partition(b"\0")[2].partition(b"\0")[2]
    elif kind == b"zTXt":
        packed = text[1:]
    else:
        return False
    try:
        unpacked = zlib.decompressobj().decompress(packed, _MAX_TEXT_BYTES + 1)
    except zlib.error:
        return False
    return len(unpacked) > _MAX_TEXT_BYTES


def _chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(kind + body)
    return struct.pack(">I4s", len(body), kind) + body + struct.pack(">I", checksum)

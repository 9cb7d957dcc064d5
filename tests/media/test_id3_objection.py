"""Tags that are built to waste time or memory, wherever their frames begin."""

import io
import struct

import pytest

from libsep.media.id3_objection import MAX_LIST_BYTES, id3_objection

N_BYTES = MAX_LIST_BYTES + 1


def syncsafe(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def tag(version: int, frames: bytes, *, flags: int = 0) -> bytes:
    return b"ID3" + bytes([version, 0, flags]) + syncsafe(len(frames)) + frames


LONG_23 = b"TXXX" + struct.pack(">IH", N_BYTES, 0) + bytes(N_BYTES)
LONG_24 = b"TXXX" + syncsafe(N_BYTES) + bytes(2 + N_BYTES)


@pytest.mark.parametrize(
    "content",
    [
        tag(3, LONG_23),
        tag(3, struct.pack(">I6x", 6) + LONG_23, flags=0x40),
        tag(4, syncsafe(6) + b"\1\0" + LONG_24, flags=0x40),
    ],
    ids=["plain", "extended 2.3", "extended 2.4"],
)
def test_a_long_frame_is_found_behind_an_extended_header_too(content: bytes) -> None:
    objection = f"its ID3 tag has a frame TXXX of {N_BYTES} bytes"
    assert id3_objection(io.BytesIO(content)) == objection
    assert id3_objection(io.BytesIO(content), is_skipped=True) == ""
    chunk = b"id3 " + struct.pack("<I", len(content)) + content
    data = b"data" + struct.pack("<I", 3) + bytes(4)  # of an odd length, and so padded
    wave = b"RIFF" + struct.pack("<I", 4 + len(data) + len(chunk)) + b"WAVE" + data + chunk
    assert id3_objection(io.BytesIO(wave)) == objection
    assert id3_objection(io.BytesIO(wave.replace(b"id3 ", b"junk"))) == ""


def test_a_tag_whose_frame_is_short_may_be_read() -> None:
    content = tag(3, b"TXXX" + struct.pack(">IH", 9, 0) + bytes(9), flags=0x80)
    assert id3_objection(io.BytesIO(content)) == ""

"""Serato's objects, built by hand after their description."""

import base64
import struct

GRID = bytes.fromhex("010000000001 3e9c2838 42e60000 37")  # 0.304994 s, 115 BPM


def cue(index: int, position_ms: int, name: bytes = b"") -> bytes:
    data = struct.pack(">BBIB3sBB", 0, index, position_ms, 0, b"\xcc\x88\x00", 0, 0) + name + b"\0"
    return b"CUE\0" + struct.pack(">I", len(data)) + data


def loop(index: int, first_ms: int, last_ms: int, *, is_locked: bool = False) -> bytes:
    data = struct.pack(">BBIII4sBB", 0, index, first_ms, last_ms, 0xFFFFFFFF, b"\0\x27\xaa\xe1",
                       0, is_locked) + b"\0"  # fmt: skip
    return b"LOOP\0" + struct.pack(">I", len(data)) + data


def markers2(*entries: bytes) -> bytes:
    color = b"COLOR\0\0\0\0\4\0\x99\x33\x33"
    lock = b"BPMLOCK\0\0\0\0\1\1"
    text = base64.b64encode(b"\1\1" + color + b"".join(entries) + lock + b"\0").rstrip(b"=")
    lines = b"\n".join(text[start : start + 72] for start in range(0, len(text), 72))
    return (b"\1\1" + lines).ljust(470, b"\0")

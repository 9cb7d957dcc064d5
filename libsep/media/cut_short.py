"""Whether a file ends before its own headers say: where ffmpeg takes what is there as the whole."""

import os
import struct
from pathlib import Path

UNKNOWN_BYTES = 0xFFFFF000
"""WAV writers that do not know the length yet write a size at or above this."""

MAX_CHUNKS = 1000

OGG_PAGE_BYTES = 65307
"""Largest page of an Ogg file."""


def wav_duration_s(path: Path) -> float | None:
    """Return how long a WAV file says it is, in seconds; None if it is none, or does not say.

    ffmpeg reports the length of what is there instead.
    """
    if not path.is_file():
        return None
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return None
        bytes_per_s = 0
        for _ in range(MAX_CHUNKS):
            chunk = file.read(8)
            if len(chunk) < 8:
                return None
            kind, n_bytes = struct.unpack("<4sI", chunk)
            if kind == b"data":
                is_known = 0 < n_bytes < UNKNOWN_BYTES and bytes_per_s > 0
                return n_bytes / bytes_per_s if is_known else None
            body = file.read(16) if kind == b"fmt " else b""
            if len(body) == 16:
                bytes_per_s = struct.unpack_from("<I", body, 8)[0]
            file.seek(n_bytes + n_bytes % 2 - len(body), os.SEEK_CUR)
    return None


def ogg_missing_bytes(path: Path) -> int:
    """Return how many bytes the last page of an Ogg file lacks; 0 if it is whole, or no Ogg."""
    if not path.is_file():
        return 0
    with path.open("rb") as file:
        if file.read(4) != b"OggS":
            return 0
        n_bytes = file.seek(0, os.SEEK_END)
        file.seek(max(0, n_bytes - OGG_PAGE_BYTES))
        tail = file.read()
    start = tail.rfind(b"OggS\0")
    if start < 0:
        return 0
    return max(0, _page_bytes(tail[start:]) - (len(tail) - start))


def _page_bytes(page: bytes) -> int:
    """Return the length of a page from its header, as far as the header is there."""
    if len(page) < 27:
        return 27
    sizes = page[27 : 27 + page[26]]
    return 27 + page[26] + sum(sizes)

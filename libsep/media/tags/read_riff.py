"""The old texts of WAV (LIST INFO) and AIFF (NAME, AUTH ...), which mutagen does not read.

They are read here rather than through ffmpeg's ffmetadata: that takes a process for each file.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from libsep.media.tags.collect import FALLBACK, Collector

_MAX_TEXT_BYTES = 1 << 20
_FIELDS = {
    b"INAM": "title", b"IART": "artist", b"IPRD": "album", b"ICRD": "date", b"IGNR": "genre",
    b"ICMT": "comment", b"ITRK": "track", b"IPRT": "track", b"ICOP": "copyright",
    b"IMUS": "composer", b"IWRI": "lyricist", b"IPUB": "label", b"IBPM": "bpm",
    b"ILNG": "language", b"IMED": "media",
    b"NAME": "title", b"AUTH": "artist", b"ANNO": "comment", b"(c) ": "copyright",
}  # fmt: skip


def read_texts(path: Path, collector: Collector) -> None:
    """Take the texts of the chunks of a WAV or AIFF file, where ID3 left a gap.

    A file that is neither, or that ends early, gives what there is.
    """
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] in (b"RIFF", b"RF64") and head[8:] == b"WAVE":
            chunks = _info_chunks(file)
        elif head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
            chunks = _chunks(file, ">4sI", limit=path.stat().st_size)
        else:
            return
        for name, size in chunks:
            if name in _FIELDS and size <= _MAX_TEXT_BYTES:
                text = _decode(file.read(size))
                collector.add_field(_FIELDS[name], [text], rank=FALLBACK)


def _info_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    for name, size in _chunks(file, "<4sI", limit=1 << 62):
        if name == b"LIST" and file.read(4) == b"INFO":
            yield from _chunks(file, "<4sI", limit=file.tell() + size - 4)


def _chunks(file: BinaryIO, header: str, *, limit: int) -> Iterator[tuple[bytes, int]]:
    """Yield name and size of each chunk up to ``limit``, with the file at its first byte."""
    while file.tell() < limit:
        head = file.read(8)
        if len(head) < 8:
            return
        name, size = struct.unpack(header, head)
        start = file.tell()
        yield name, size
        file.seek(start + size + size % 2)


def _decode(data: bytes) -> str:
    """Return a text of a chunk: UTF-8 if it is that, else the Windows code page of the West."""
    text = data.split(b"\0")[0]
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("cp1252", "replace")

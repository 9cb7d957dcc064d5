"""The links of an Ogg file: streams one after the other, RFC 3533, section 4."""

import dataclasses
import struct
from fractions import Fraction
from io import BufferedReader
from pathlib import Path

from libsep.errors import DecodeError

MAX_LINKS = 2000
"""Most links that are decoded; each takes a process of its own."""

HEADLESS_S = 2
"""Time in seconds of a first page from which on a stream is taken for one that lost its begin."""

_FIRST = 2
_HEAD_BYTES = 27 + 255 + 64
_PART_BYTES = 1 << 20
_BEGINNING_BYTES = 1 << 16


@dataclasses.dataclass(slots=True)
class Link:
    """A stretch of an Ogg file, in bytes, and the times of its first and last page in samples.

    ``sample_rate`` is that of the times in Hz; 0 if there is no audio that is known.
    """

    start: int
    end: int
    serial: int = -1
    sample_rate: int = 0
    lead_samples: int = 0
    first: int = 0
    last: int = 0

    @property
    def end_s(self) -> Fraction | None:
        """Time of the end in seconds; None where the stream does not tell."""
        if not self.sample_rate:
            return None
        return Fraction(max(self.last - self.lead_samples, 0), self.sample_rate)

    @property
    def duration_s(self) -> Fraction | None:
        """Length in seconds, perhaps without that of the first page; None if it is not told."""
        if self.end_s is None or self.first <= HEADLESS_S * self.sample_rate:
            return self.end_s
        return Fraction(max(self.last - self.first, 0), self.sample_rate)


def read_links(path: Path) -> list[Link]:
    """Return the links of an Ogg file that hold anything; none if it is no Ogg file.

    Raises
    ------
    DecodeError
        The last page is not whole, or the links are too many.
    OSError
        The file cannot be read.
    """
    links: list[Link] = []
    with path.open("rb") as file:
        if file.read(4) != b"OggS":
            return []
        n_bytes = file.seek(0, 2)
        position, was_first = 0, False
        while position < n_bytes:
            file.seek(position)
            head = file.read(_HEAD_BYTES)
            if len(head) < 27 or not head.startswith(b"OggS\0"):
                position = _next_page(file, position)
                continue
            missing_bytes = position + _page_bytes(head) - n_bytes
            if missing_bytes > 0:
                position = _next_page(file, position)
                if position < n_bytes:  # only a damaged page
                    continue
                message = f"the file is cut short: its last page lacks {missing_bytes} bytes"
                raise DecodeError(path, message)
            is_first = bool(head[5] & _FIRST)
            if is_first and not was_first:
                links.append(Link(position, n_bytes))
                if len(links) > MAX_LINKS:
                    raise DecodeError(path, f"more than {MAX_LINKS} streams one after the other")
                if len(links) > 1:
                    links[-2].end = position
            was_first = is_first
            if links:
                _add_page(links[-1], head, is_first=is_first)
            position += _page_bytes(head)
    return [link for link in links if link.last > 0 or not link.sample_rate]


def read_beginning(path: Path) -> float:
    """Return when an Ogg stream begins that lost its head, in seconds; 0 if it did not lose it.

    Only the begin of the file is read.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(_BEGINNING_BYTES)
    link, position = Link(0, 0), 0
    while not link.first and data.startswith(b"OggS\0", position) and position + 27 < len(data):
        head = data[position : position + _HEAD_BYTES]
        _add_page(link, head, is_first=bool(head[5] & _FIRST))
        position += _page_bytes(head)
    is_headless = link.first > HEADLESS_S * link.sample_rate > 0
    return link.first / link.sample_rate if is_headless else 0.0


def _add_page(link: Link, head: bytes, *, is_first: bool) -> None:
    granule, serial = struct.unpack_from("<qI", head, 6)
    if is_first and not link.sample_rate:
        link.sample_rate, link.lead_samples = _rate_of(head[27 + head[26] :])
        link.serial = serial
    elif serial == link.serial and granule > 0:
        link.first = link.first or granule
        link.last = granule


def _rate_of(packet: bytes) -> tuple[int, int]:
    """Return the sample rate in Hz of what a first packet describes, and its lead in samples."""
    if packet.startswith(b"\1vorbis"):
        return int(struct.unpack_from("<I", packet, 12)[0]), 0
    if packet.startswith(b"OpusHead"):
        return 48000, int(struct.unpack_from("<H", packet, 10)[0])
    if packet.startswith(b"\x7fFLAC"):
        return int.from_bytes(packet[27:30]) >> 4, 0
    if packet.startswith(b"Speex   "):
        return int(struct.unpack_from("<I", packet, 36)[0]), 0
    return 0, 0


def _page_bytes(head: bytes) -> int:
    """Return the length of a page from its header, as far as the header is there."""
    return 27 + head[26] + sum(head[27 : 27 + head[26]])


def _next_page(file: BufferedReader, position: int) -> int:
    """Return where the next page begins behind something that is none; the end if nowhere."""
    position += 1
    while True:
        file.seek(position)
        part = file.read(_PART_BYTES)
        found = part.find(b"OggS\0")
        if found >= 0:
            return position + found
        if len(part) < _PART_BYTES:
            return position + len(part)
        position += len(part) - 4

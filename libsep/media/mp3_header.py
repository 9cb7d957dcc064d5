"""What the first frame of an MP3 says of its encoder, by which programs tell where time begins."""

import struct
from pathlib import Path
from typing import Literal

from mutagen import MutagenError
from mutagen.mp3 import MP3, XingHeader

from libsep.errors import ProbeError

Mp3Header = Literal["none", "plain", "unverified", "lame"]
"""``none``: music begins with the first frame. ``plain``: a frame of Xing, without the encoder's
delay, or with that of ffmpeg (``Lavc``). ``unverified``: LAME's, whose checksum is wrong or
missing. ``lame``: LAME's, whole."""

FRAME_SAMPLES = 1152
"""Samples in a frame of MPEG-1 layer 3."""

_FRAME_BYTES = 512
_FIELDS_BYTES = ((1, 4), (2, 4), (4, 100), (8, 4))
"""Optional fields of a Xing frame by their flag: frames, bytes, table, quality."""

_CHECKSUM_AT = 34
"""Bytes from the name of the encoder to LAME's checksum of all that comes before it."""


def read_mp3_header(path: Path) -> tuple[Mp3Header, int]:
    """Return what header an MP3 begins with, and its sample rate in Hz.

    Raises
    ------
    ProbeError
        It cannot be read, or is no MP3.

    References
    ----------
    gabriel.mp3-tech.org/mp3infotag.html; the four kinds are those of mp3guessenc, which Mixxx uses.
    """
    try:
        info = MP3(path).info
        with path.open("rb") as file:
            file.seek(info.frame_offset)
            frame = file.read(_FRAME_BYTES)
    except OSError as exc:
        raise ProbeError(path, f"cannot be read: {exc.strerror}") from exc
    except MutagenError as exc:
        raise ProbeError(path, f"is no MP3: {exc}") from exc
    return _kind(frame, XingHeader.get_offset(info)), int(info.sample_rate)


def _kind(frame: bytes, xing_at: int) -> Mp3Header:
    """Return the kind of header in a frame, in which that of Xing would begin at ``xing_at``."""
    if frame[36:40] == b"VBRI":
        return "lame"
    if frame[xing_at : xing_at + 4] not in (b"Xing", b"Info"):
        return "none"
    (flags,) = struct.unpack_from(">I", frame, xing_at + 4)
    lame_at = xing_at + 8 + sum(size for flag, size in _FIELDS_BYTES if flags & flag)
    encoder = frame[lame_at : lame_at + 4]
    if not encoder.strip(b"\0") or encoder.lower() == b"lavc":
        return "plain"
    checksum_at = lame_at + _CHECKSUM_AT
    stored = int.from_bytes(frame[checksum_at : checksum_at + 2], "big")
    return "lame" if stored and stored == _crc16(frame[:checksum_at]) else "unverified"


def _crc16(data: bytes) -> int:
    """Return the checksum CRC-16/ARC."""
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0xA001 if value & 1 else 0)
    return value

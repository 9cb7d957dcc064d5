"""What the first frame of an MP3 says of its encoder, by which programs tell where time begins."""

import dataclasses
import struct
from io import BufferedIOBase
from pathlib import Path
from typing import Literal

from mutagen import MutagenError
from mutagen.mp3 import MP3, MPEGInfo, XingHeader

from libsep.errors import ProbeError

Mp3Header = Literal["none", "plain", "unverified", "lame"]
"""``none``: music begins with the first frame. ``plain``: a frame of Xing without LAME's name, or
with that of ffmpeg (``Lavc``). ``unverified``: LAME's, whose checksum is wrong or missing.
``lame``: LAME's, whole."""

_FRAME_BYTES = 512
_FIELDS_BYTES = ((1, 4), (2, 4), (4, 100), (8, 4))
"""Optional fields of a Xing frame by their flag: frames, bytes, table, quality."""

_DELAY_AT = 21
"""Bytes from the name of the encoder to its delay in samples, of 12 bits."""

_CHECKSUM_AT = 34
"""Bytes from the name of the encoder to LAME's checksum of all that comes before it."""

_DECODER_DELAY = 529
_BELIEVED = (b"LAME", b"Lavf", b"Lavc")
"""Encoders whose delay ffmpeg drops, with that of the decoder (``libavformat/mp3dec.c``)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mp3Begin:
    """The first frame of an MP3: its header, its sample rate in Hz and its length in samples.

    ``dropped_samples`` is what ffmpeg drops from the begin of the music, as the header asks.
    """

    header: Mp3Header
    sample_rate: int
    frame_samples: int = 1152
    dropped_samples: int = 0


def read_mp3_begin(path: Path) -> Mp3Begin:
    """Return what an MP3 begins with.

    Raises
    ------
    ProbeError
        It cannot be read, or is no MP3.
    """
    try:
        info = MP3(path).info
        with path.open("rb") as file:
            return mp3_begin(file, info)
    except OSError as exc:
        raise ProbeError(path, f"cannot be read: {exc.strerror}") from exc
    except MutagenError as exc:
        raise ProbeError(path, f"is no MP3: {exc}") from exc


def mp3_begin(file: BufferedIOBase, info: MPEGInfo) -> Mp3Begin:
    """Return what an open MP3 begins with, of which mutagen read the rest.

    References
    ----------
    gabriel.mp3-tech.org/mp3infotag.html; the four kinds are those of mp3guessenc, which Mixxx uses.
    """
    file.seek(info.frame_offset)
    frame = file.read(_FRAME_BYTES)
    header: Mp3Header
    header, delay_samples = "none", None  # layers 1 and 2 have none, also if the file is an ".mp3"
    if info.layer == 3:
        header, delay_samples = _read(frame, XingHeader.get_offset(info))
    return Mp3Begin(
        header=header,
        sample_rate=int(info.sample_rate),
        frame_samples=_frame_samples(info),
        dropped_samples=0 if delay_samples is None else delay_samples + _DECODER_DELAY,
    )


def _frame_samples(info: MPEGInfo) -> int:
    if info.layer == 1:
        return 384
    return 576 if info.layer == 3 and info.version != 1 else 1152


def _read(frame: bytes, xing_at: int) -> tuple[Mp3Header, int | None]:
    """Return the header in a frame, in which that of Xing would begin at ``xing_at``, and delay."""
    if frame[36:40] == b"VBRI":
        return "lame", None
    if frame[xing_at : xing_at + 4] not in (b"Xing", b"Info") or len(frame) < xing_at + 8:
        return "none", None
    (flags,) = struct.unpack_from(">I", frame, xing_at + 4)
    lame_at = xing_at + 8 + sum(size for flag, size in _FIELDS_BYTES if flags & flag)
    encoder = frame[lame_at : lame_at + 4]
    delay = int.from_bytes(frame[lame_at + _DELAY_AT : lame_at + _DELAY_AT + 3]) >> 12
    delay_samples = delay if encoder in _BELIEVED else None
    if not encoder.strip(b"\0") or encoder.lower() in (b"lavc", b"lavf"):
        return "plain", delay_samples
    checksum_at = lame_at + _CHECKSUM_AT
    stored = int.from_bytes(frame[checksum_at : checksum_at + 2], "big")
    is_whole = stored and stored == _crc16(frame[:checksum_at])
    return "lame" if is_whole else "unverified", delay_samples


def _crc16(data: bytes) -> int:
    """Return the checksum CRC-16/ARC."""
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0xA001 if value & 1 else 0)
    return value

"""How much audio a WAV, AIFF, AU, CAF or W64 file holds, whatever its header says about its length.

A length of 32 bits wraps at 4 GiB, and writers that do not know the length yet leave a placeholder.
"""

import dataclasses
import errno
import os
import struct
from collections.abc import Iterator
from fractions import Fraction
from io import BufferedReader
from pathlib import Path

from libsep.media.behind_audio import MAX_JUNK_BYTES, find_last_chunks, is_no_audio

MAX_CHUNKS = 1000

MAX_SAMPLE_RATE = 10_000_000

MAX_CHANNELS = 64

_WRAP = 1 << 32
_UNKNOWN_BYTES = (1 << 64) - 1
_MAX_W64_BYTES = 1 << 62

_PLACEHOLDERS = (
    range(1),
    range(0x7F000000, 0x7F000001),  # sox, AIFF
    range(0x7FFF0000, 0x80010000),  # sox, arecord, mpg123, faad
    range(0xFFFE0000, 1 << 32),  # ffmpeg, gstreamer
    range((1 << 63) - 1, 1 << 64),  # RF64 whose lengths were never filled in
)
"""Lengths in bytes that programs write before they know the length, when they cannot go back."""

_PCM_GUID = bytes.fromhex("000000001000800000aa00389b71")
_WAV_CODECS = {
    (1, 8): "u8", (1, 16): "s16", (1, 24): "s24", (1, 32): "s32",
    (3, 32): "f32", (3, 64): "f64", (6, 8): "alaw", (7, 8): "mulaw",
}  # fmt: skip
_AIFC_CODECS = {
    b"sowt": "s16le", b"fl32": "f32be", b"FL32": "f32be", b"fl64": "f64be", b"FL64": "f64be",
    b"in24": "s24be", b"in32": "s32be", b"raw ": "u8", b"alaw": "alaw", b"ALAW": "alaw",
    b"ulaw": "mulaw", b"ULAW": "mulaw",
}  # fmt: skip
_AU_CODECS = {
    1: "mulaw", 2: "s8", 3: "s16be", 4: "s24be", 5: "s32be", 6: "f32be", 7: "f64be", 27: "alaw",
}  # fmt: skip
_CAF_CODECS = frozenset(("s16", "s24", "s32", "f32", "f64"))
W64_MAGIC = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb"
_CODEC_BYTES = {"mulaw": 1, "alaw": 1, "u8": 1, "s8": 1}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PcmHeader:
    """What a header says about the samples, and what lies in the file.

    ``codec`` is ffmpeg's name of the samples (``s16le``), empty if they are compressed; then
    ``bytes_per_s`` is what the header says, which may be anything. ``start`` is where the samples
    begin; ``declared_bytes`` is their length by the header, None if that is a placeholder;
    ``found_bytes`` is how much there is of them. ``is_readable`` is False if ffmpeg rejects the
    header, or would read what lies behind the samples as more of them.
    """

    codec: str
    sample_rate: int
    n_channels: int
    bytes_per_s: int
    start: int
    declared_bytes: int | None
    found_bytes: int
    is_readable: bool = True

    @property
    def found_s(self) -> Fraction | None:
        """Length of what there is, in seconds; None if it cannot be told."""
        return Fraction(self.found_bytes, self.bytes_per_s) if self.bytes_per_s else None

    @property
    def declared_s(self) -> Fraction | None:
        """Length that the header says, in seconds; that of what there is if it says none."""
        if self.declared_bytes is None or not self.bytes_per_s:
            return self.found_s
        return Fraction(max(self.declared_bytes, self.found_bytes), self.bytes_per_s)

    @property
    def n_samples(self) -> int:
        """Samples per channel that there are; only where they are not compressed."""
        return self.found_bytes * self.sample_rate // self.bytes_per_s

    @property
    def beyond_s(self) -> float:
        """Seconds of unknown bytes behind a length that neither is a placeholder nor has wrapped.

        They are taken for samples, as where a recorder died before it wrote the length. ffmpeg and
        others read as much as the header says.
        """
        if self.declared_bytes is None or not self.bytes_per_s or not self.is_readable:
            return 0.0
        n_bytes = self.found_bytes - self.declared_bytes
        return n_bytes / self.bytes_per_s if n_bytes > 0 and n_bytes % _WRAP else 0.0

    @property
    def is_longer(self) -> bool:
        """Whether there is more than the header says, or would let a reader find."""
        if not self.is_readable:
            return self.found_bytes > 0
        return self.declared_bytes is not None and self.found_bytes > self.declared_bytes


def read_pcm_header(path: Path) -> PcmHeader | None:
    """Return what a file of uncompressed audio holds; None for others and for damaged headers.

    These are WAV (with RF64 and BW64), AIFF, AU, CAF and W64.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(12)
        try:
            if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and head[8:] == b"WAVE":
                return _read_wav(file, head[:4])
            if head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
                return _read_aiff(file)
            if head[:4] == b".snd":
                return _read_au(file)
            if head[:4] == b"caff":
                return _read_caf(file)
            if head == W64_MAGIC:
                return _read_w64(file)
        except (struct.error, ValueError, OverflowError, IndexError):
            return None  # damaged: ffmpeg has the last word
        except OSError as exc:
            if exc.errno != errno.EINVAL:
                raise
            return None  # a length beyond what any file can have
    return None


def _read_wav(file: BufferedReader, magic: bytes) -> PcmHeader | None:
    order = ">" if magic == b"RIFX" else "<"
    n_bytes_64, is_long, fmt = 0, magic in (b"RF64", b"BW64"), b""
    for index, (kind, start, n_bytes) in enumerate(_chunks(file, order)):
        if kind == b"ds64":
            n_bytes_64 = struct.unpack("<Q", file.read(16)[8:])[0]
        elif kind == b"fmt ":
            fmt = file.read(min(n_bytes, 40))
        elif kind == b"data" and fmt:
            said = n_bytes_64 if is_long and n_bytes == _WRAP - 1 else n_bytes
            return _header(
                file,
                _form(fmt, order),
                start=start,
                said_bytes=said,
                is_readable=not is_long or (index > 0 and 0 < n_bytes_64 < 1 << 63),
            )
    return None


def _read_aiff(file: BufferedReader) -> PcmHeader | None:
    sound: tuple[int, int] | None = None
    common = b""
    for kind, start, n_bytes in _chunks(file, ">"):
        if kind == b"COMM":
            common = file.read(min(n_bytes, 22))
        elif kind == b"SSND":
            offset = struct.unpack(">II", file.read(8))[0]
            sound = start + 8 + offset, max(n_bytes - 8 - offset, 0)
        if sound and common:
            break
    if sound is None or len(common) < 18:
        return None
    n_channels, n_samples, bits = struct.unpack_from(">HIH", common)
    codec = {1: "s8", 2: "s16be", 3: "s24be", 4: "s32be"}.get((bits + 7) // 8, "")
    if len(common) >= 22 and common[18:22] not in (b"NONE", b"twos"):
        codec = _AIFC_CODECS.get(common[18:22], "")
        codec = f"s{bits}le" if codec == "s16le" and bits in (24, 32) else codec
    rate = _extended(common[8:18])
    said = n_samples * n_channels * _sample_bytes(codec) if codec else 0
    said = said if abs(said - sound[1]) < MAX_JUNK_BYTES and said else sound[1]
    found = _header(file, (codec, rate, n_channels, 0), start=sound[0], said_bytes=said)
    # ffmpeg reads as many samples as COMM says, and all if that is more than there are.
    is_whole = n_samples * n_channels * _sample_bytes(codec) >= found.found_bytes if codec else True
    return dataclasses.replace(found, is_readable=is_whole and sound[1] > 0)


def _read_au(file: BufferedReader) -> PcmHeader | None:
    file.seek(4)
    start, n_bytes, encoding, rate, n_channels = struct.unpack(">5I", file.read(20))
    codec = _AU_CODECS.get(encoding, "")
    if not codec:
        return None
    return _header(file, (codec, rate, n_channels, 0), start=start, said_bytes=n_bytes)


def _read_caf(file: BufferedReader) -> PcmHeader | None:
    form: tuple[str, int, int, int] | None = None
    position = 8
    for _ in range(MAX_CHUNKS):
        file.seek(position)
        kind, n_bytes = struct.unpack(">4sQ", file.read(12))
        if kind == b"desc":
            rate, name, flags, _, _, n_channels, bits = struct.unpack(">d4s5I", file.read(32))
            codec = f"{'f' if flags & 1 else 's'}{bits}{'le' if flags & 2 else 'be'}"
            is_known = name == b"lpcm" and codec[:-2] in _CAF_CODECS
            form = codec if is_known else "", int(rate), n_channels, 0
        elif kind == b"data" and form:
            said = n_bytes if n_bytes >= 1 << 63 else n_bytes - 4
            return _header(file, form, start=position + 16, said_bytes=said)
        position += 12 + n_bytes
    return None


def _read_w64(file: BufferedReader) -> PcmHeader | None:
    position, form = 40, None
    for _ in range(MAX_CHUNKS):
        file.seek(position)
        kind, n_bytes = struct.unpack("<4s12xQ", file.read(24))
        if kind == b"fmt ":
            form = _form(file.read(min(n_bytes, 40)), "<")
        elif kind == b"data" and form:
            is_known = 24 <= n_bytes < _MAX_W64_BYTES
            said = n_bytes - 24 if is_known else _UNKNOWN_BYTES
            return _header(file, form, start=position + 24, said_bytes=said, is_readable=is_known)
        position += -(-n_bytes // 8) * 8
    return None


def _form(fmt: bytes, order: str) -> tuple[str, int, int, int]:
    """Return codec, rate, channels and bytes per second of a WAVEFORMAT structure."""
    tag, n_channels, rate, bytes_per_s, align, bits = struct.unpack_from(f"{order}HHIIHH", fmt)
    if tag == 0xFFFE and fmt[26:40] == _PCM_GUID:
        tag = struct.unpack_from(f"{order}H", fmt, 24)[0]
    codec = _WAV_CODECS.get((tag, bits), "") if align * 8 == bits * n_channels else ""
    if codec in ("s16", "s24", "s32", "f32", "f64"):
        codec += "be" if order == ">" else "le"
    return codec, rate, n_channels, bytes_per_s


def _header(
    file: BufferedReader,
    form: tuple[str, int, int, int],
    *,
    start: int,
    said_bytes: int,
    is_readable: bool = True,
) -> PcmHeader:
    """Return a header of samples of a ``form``: codec, rate, channels, bytes per second if told."""
    codec, rate, n_channels, bytes_per_s = form
    if not (0 < rate < MAX_SAMPLE_RATE and 0 < n_channels <= MAX_CHANNELS):
        raise ValueError(f"{rate} Hz, {n_channels} channels")
    if codec:
        bytes_per_s = rate * n_channels * _sample_bytes(codec)
    end = file.seek(0, os.SEEK_END)
    is_placeholder = any(said_bytes in lengths for lengths in _PLACEHOLDERS)
    if is_placeholder and start + said_bytes <= end and said_bytes:
        is_placeholder = False
    found = _found_bytes(file, start, end, said_bytes, is_placeholder=is_placeholder)
    is_whole = not is_placeholder or (said_bytes > 0 and start + found == end)
    return PcmHeader(
        codec=codec,
        sample_rate=rate,
        n_channels=n_channels,
        bytes_per_s=bytes_per_s,
        start=start,
        declared_bytes=None if is_placeholder else said_bytes,
        found_bytes=found,
        is_readable=is_readable and is_whole,
    )


def _found_bytes(
    file: BufferedReader, start: int, end: int, said_bytes: int, *, is_placeholder: bool
) -> int:
    """Return how many bytes of audio there are from ``start`` on, in a file of ``end`` bytes."""
    if is_placeholder:
        is_empty = said_bytes == 0 and is_no_audio(file, start, end)
        return 0 if is_empty else max(find_last_chunks(file, start, end) - start, 0)
    if start + said_bytes >= end:
        return max(end - start, 0)
    n_wraps = (end - start - said_bytes) // _WRAP
    wrapped = said_bytes + n_wraps * _WRAP
    if is_no_audio(file, start + wrapped, end):
        return wrapped
    return find_last_chunks(file, start + wrapped, end) - start


def _chunks(file: BufferedReader, order: str) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, place of the body and length of the chunks of a RIFF or IFF file."""
    position = 12
    for _ in range(MAX_CHUNKS):
        file.seek(position)
        head = file.read(8)
        if len(head) < 8:
            return
        kind, n_bytes = struct.unpack(f"{order}4sI", head)
        yield kind, position + 8, n_bytes
        position += 8 + n_bytes + n_bytes % 2


def _sample_bytes(codec: str) -> int:
    return _CODEC_BYTES.get(codec) or int(codec[1:3]) // 8


def _extended(number: bytes) -> int:
    """Return a number of 80 bits (IEEE 754 extended) without its fraction."""
    exponent, mantissa = struct.unpack(">HQ", number)
    shift = 16383 + 63 - (exponent & 0x7FFF)
    return int(mantissa >> shift) if 0 <= shift < 64 else 0

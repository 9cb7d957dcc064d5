"""Serato's cue points, loops and beat grids: read, move in time, write in the layout of MP4.

Layouts follow docs/serato_markers_.md, serato_markers2.md and serato_beatgrid.md of
github.com/Holzhaus/serato-tags. That of ``Serato Markers_`` in MP4 files is not in the text; it
was read off the sample files (positions and colours as plain numbers, 19 bytes for each entry).
"""

import base64
import binascii
import struct

_N_CUES = 5
_N_LOOPS = 9
_CUE, _LOOP = 1, 3
_MARKERS_HEADER = struct.pack(">HI", 0x0205, _N_CUES + _N_LOOPS)
_ID3_ENTRY = struct.Struct(">BIBI6xIBB")
_MP4_ENTRY = struct.Struct(">II6s3sBB")
_UNUSED = b"\x00\xff\xff\xff\xff\x00"
_UNSET = 0xFFFFFFFF
_LOOP_COLOR = b"\x27\xaa\xe1"
_NO_TRACK_COLOR = b"\xff\xff\xff"
_LINE_CHARS = 72


def encode_base64(data: bytes, *, keep_all: bool = False) -> bytes:
    """Return base64 as Serato writes it: without padding, in lines of 72 characters.

    Serato encodes as if one zero byte followed, and leaves out a character that would be begun
    only; ``keep_all`` keeps it.
    """
    n_bits = 8 * (len(data) + 1)
    n_chars = -(-n_bits // 6) if keep_all and len(data) % 3 == 1 else n_bits // 6
    text = base64.b64encode(data + b"\0")[:n_chars]
    return b"\n".join(text[i : i + _LINE_CHARS] for i in range(0, n_chars, _LINE_CHARS))


def decode_base64(text: bytes) -> bytes:
    """Return the bytes of a text of `encode_base64`; up to two zero bytes may follow the data.

    Raises
    ------
    ValueError
        The text is no base64.
    """
    compact = b"".join(text.split()).rstrip(b"=")
    if len(compact) % 4 == 1:
        compact += b"A"
    try:
        return base64.b64decode(compact + b"=" * (-len(compact) % 4), validate=True)
    except binascii.Error as exc:
        raise ValueError(f"no base64: {exc}") from exc


def convert_markers(data: bytes, offset_ms: int) -> bytes:
    """Return ``Serato Markers_`` of ID3 in the layout of MP4, moved by ``offset_ms``.

    Raises
    ------
    ValueError
        The data has another version, number of entries or length.
    """
    size = len(_MARKERS_HEADER) + (_N_CUES + _N_LOOPS) * _ID3_ENTRY.size + 4
    if not data.startswith(_MARKERS_HEADER) or len(data) < size:
        raise ValueError(f"version {data[:6].hex()} with {len(data)} bytes, expected {size}")
    entries = []
    for start in range(len(_MARKERS_HEADER), size - 4, _ID3_ENTRY.size):
        no_start, first, no_end, last, color, kind, locked = _ID3_ENTRY.unpack_from(data, start)
        first_ms = _UNSET if no_start else _shift(_from_serato32(first), offset_ms)
        last_ms = _UNSET if no_end else _shift(_from_serato32(last), offset_ms)
        rgb = _from_serato32(color).to_bytes(3, "big")
        entries.append(_MP4_ENTRY.pack(first_ms, last_ms, _UNUSED, rgb, kind, locked))
    (track_color,) = struct.unpack_from(">I", data, size - 4)
    return _markers(entries, _from_serato32(track_color).to_bytes(3, "big"))


def markers_from_markers2(data: bytes) -> bytes:
    """Return ``Serato Markers_`` in the layout of MP4 for what ``Serato Markers2`` holds."""
    cues = [_MP4_ENTRY.pack(_UNSET, _UNSET, _UNUSED, bytes(3), 0, 0)] * _N_CUES
    loops = [_MP4_ENTRY.pack(_UNSET, _UNSET, _UNUSED, bytes(3), _LOOP, 0)] * _N_LOOPS
    track_color = _NO_TRACK_COLOR
    for kind, entry in read_markers2(data):
        if kind == "COLOR":
            track_color = entry[1:4]
        elif kind == "CUE" and entry[1] < _N_CUES:
            (first_ms,) = struct.unpack_from(">I", entry, 2)
            cues[entry[1]] = _MP4_ENTRY.pack(first_ms, _UNSET, _UNUSED, entry[7:10], _CUE, 0)
        elif kind == "LOOP" and entry[1] < _N_LOOPS:
            first_ms, last_ms = struct.unpack_from(">II", entry, 2)
            loops[entry[1]] = _MP4_ENTRY.pack(
                first_ms, last_ms, _UNUSED, _LOOP_COLOR, _LOOP, entry[19]
            )
    return _markers([*cues, *loops], track_color)


def _markers(entries: list[bytes], track_color: bytes) -> bytes:
    return _MARKERS_HEADER + b"".join(entries) + b"\0" + track_color


def shift_markers2(data: bytes, offset_ms: int) -> tuple[bytes, list[str]]:
    """Move the cue points and loops of ``Serato Markers2`` in time, not before 0.

    Entries that may hold positions of which we know nothing, or which are recordings (``FLIP``),
    are left out; a sentence says so.
    """
    entries: list[tuple[str, bytes]] = []
    lost: list[str] = []
    for kind, entry in read_markers2(data):
        moved = bytearray(entry)
        if kind in ("CUE", "LOOP"):
            for start in (2,) if kind == "CUE" else (2, 6):
                (position_ms,) = struct.unpack_from(">I", moved, start)
                struct.pack_into(">I", moved, start, _shift(position_ms, offset_ms))
        elif kind not in ("COLOR", "BPMLOCK"):
            lost.append(f"Serato's {kind} of an MP3 cannot be moved in time: dropped")
            continue
        entries.append((kind, bytes(moved)))
    inner = b"".join(
        kind.encode("ascii") + b"\0" + struct.pack(">I", len(entry)) + entry
        for kind, entry in entries
    )
    return (b"\1\1" + encode_base64(b"\1\1" + inner)).ljust(len(data), b"\0"), lost


def read_markers2(data: bytes) -> list[tuple[str, bytes]]:
    """Return kind and content of the entries of ``Serato Markers2``."""
    text, _, _ = data[2:].partition(b"\0")
    inner = decode_base64(text)
    if data[:2] != b"\1\1" or inner[:2] != b"\1\1":
        raise ValueError(f"version {data[:2].hex()}/{inner[:2].hex()}, expected 0101/0101")
    entries = []
    start = 2
    while (end := inner.find(b"\0", start)) > start:
        (size,) = struct.unpack_from(">I", inner, end + 1)
        entry = inner[end + 5 : end + 5 + size]
        if len(entry) < size:
            raise ValueError(f"an entry of {size} bytes ends after {len(entry)}")
        entries.append((inner[start:end].decode("ascii"), entry))
        start = end + 5 + size
    return entries


def shift_beatgrid(data: bytes, offset_s: float) -> bytes:
    """Move the markers of ``Serato BeatGrid`` in time.

    A first marker that would come before 0 moves on by whole beats instead, which leaves the grid
    as it is.

    Raises
    ------
    ValueError
        The data has another version or length, or no marker.
    """
    n_markers = struct.unpack_from(">I", data, 2)[0] if len(data) >= 6 else 0
    if data[:2] != b"\1\0" or n_markers == 0 or len(data) < 6 + 8 * n_markers + 1:
        raise ValueError(f"version {data[:2].hex()} with {n_markers} markers, {len(data)} bytes")
    markers = [struct.unpack_from(">fI", data, 6 + 8 * index) for index in range(n_markers)]
    moved = [(position_s + offset_s, beats) for position_s, beats in markers]
    while moved[0][0] < 0:
        position_s, beats = moved[0]
        if len(moved) == 1:
            (bpm,) = struct.unpack(">f", struct.pack(">I", beats))
            if not 1 <= bpm <= 1000:
                raise ValueError(f"a tempo of {bpm:g} BPM")
            moved[0] = (position_s + 60 / bpm, beats)
        elif beats > 1:
            moved[0] = (position_s + (moved[1][0] - position_s) / beats, beats - 1)
        else:
            del moved[0]
    packed = b"".join(struct.pack(">fI", *marker) for marker in moved)
    return data[:2] + struct.pack(">I", len(moved)) + packed + data[6 + 8 * n_markers :]


def _shift(position_ms: int, offset_ms: int) -> int:
    return position_ms if position_ms == _UNSET else max(position_ms + offset_ms, 0)


def _from_serato32(value: int) -> int:
    """Return 24 bits that were spread over four bytes, seven in each of the lower three."""
    w, x, y, z = value.to_bytes(4, "big")
    return ((w & 0x07) << 21) | ((x & 0x7F) << 14) | ((y & 0x7F) << 7) | (z & 0x7F)

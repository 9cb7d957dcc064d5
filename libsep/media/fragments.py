"""Turn the fragmented MP4 that ffmpeg writes into an ordinary one, without copying the samples.

Of an ordinary MP4 ffmpeg keeps an index in memory up to its end, 72 bytes for each packet: 110 MB
for five streams of two hours. Of one in fragments it forgets each as soon as it is written, so the
index is made here, from what each fragment says about its packets (ISO/IEC 14496-12, 8.8).
"""

import dataclasses
import struct
from array import array
from io import BufferedIOBase
from typing import Any

import numpy as np
from jaxtyping import Int64

from libsep.media.atoms import (
    MAX_32_BIT,
    Atom,
    MalformedAtomError,
    read_atom,
    set_chunk_offsets,
    spans,
)

FRAGMENTED: dict[str, Any] = {
    "movflags": "+delay_moov+default_base_moof+skip_trailer",
    "frag_duration": 1_000_000,
}
"""How ffmpeg writes what is read here: a second of all streams in each fragment. Only a ``moov``
that waits for the first of them has edit lists that know the priming."""

_ROLL = struct.pack(">I4sIIh", 1 << 24, b"roll", 2, 1, -1)
"""The group (``sgpd``) of packets that need the one before them: all of AAC."""

_DURATION, _SIZE = 0x8, 0x10
"""Flags of ``tfhd``: what it says about all packets of the fragment."""

_OFFSET, _FIRST_FLAGS = 0x1, 0x4
_EACH_DURATION, _EACH_SIZE, _EACH_FLAGS, _EACH_SHIFT = 0x100, 0x200, 0x400, 0x800
"""Flags of ``trun``: what it says about the run, and about each packet."""


@dataclasses.dataclass(slots=True)
class _Index:
    """The packets of one track, a chunk for each fragment.

    ``sizes`` are what ``stsz`` holds, ``durations`` runs of packets and the duration of each.
    """

    sizes: bytearray = dataclasses.field(default_factory=bytearray)
    durations: list[list[int]] = dataclasses.field(default_factory=list)
    offsets: "array[int]" = dataclasses.field(default_factory=lambda: array("q"))
    n_packets: "array[int]" = dataclasses.field(default_factory=lambda: array("q"))
    n_bytes: int = 0

    @property
    def duration(self) -> int:
        """Length of the track in its timescale, priming included."""
        return sum(count * duration for count, duration in self.durations)


def defragment(file: BufferedIOBase) -> None:
    """Make the fragments one ``mdat``, and write the ``moov`` of all packets behind it.

    What the fragments said stays in the ``mdat``, between the samples; no chunk refers to it.

    Raises
    ------
    MalformedAtomError
        The file is not what ffmpeg writes with `FRAGMENTED`.
    OSError
        It cannot be read or written.
    """
    end = file.seek(0, 2)
    top = spans(file, 0, end, limit=end)
    try:
        ftyp, head = next(top), next(top)
        if (ftyp.kind, head.kind) != (b"ftyp", b"moov"):
            raise MalformedAtomError("no ftyp and moov in front")
        moov = read_atom(file, head)
        index = {_track_id(trak): _Index() for trak in moov.all(b"trak")}
        for span in top:
            if span.kind == b"moof":
                _read_fragment(read_atom(file, span), span.start, index)
        _complete(moov, index)
    except (struct.error, ValueError, LookupError, StopIteration) as exc:
        raise MalformedAtomError(f"no MP4 in fragments: {exc}") from exc
    file.seek(end)
    file.write(moov.render())
    # The samples begin where the old index ends; the header of the new mdat takes its last bytes.
    file.seek(head.start)
    file.write(struct.pack(">I4s", head.end - head.start - 16, b"free"))
    file.seek(head.end - 16)
    file.write(struct.pack(">I4sQ", 1, b"mdat", end - head.end + 16))


def _read_fragment(moof: Atom, start: int, index: dict[int, _Index]) -> None:
    """Take over what a ``moof`` that begins at ``start`` says about the packets of each track."""
    for traf in moof.all(b"traf"):
        tfhd = traf.first(b"tfhd").payload
        flags, number = struct.unpack_from(">II", tfhd)
        if flags & 0x20001 != 0x20000:
            raise MalformedAtomError("positions in a fragment do not count from where it begins")
        defaults = _numbers(tfhd, flags, 8, (0x2, _DURATION, _SIZE, 0x20))
        for trun in traf.all(b"trun"):
            _read_run(trun.payload, start, defaults, index[number])


def _read_run(trun: bytes, start: int, defaults: dict[int, int], track: _Index) -> None:
    """Take over a run of packets that lie one after the other."""
    flags, n_packets = struct.unpack_from(">II", trun)
    head = _numbers(trun, flags, 8, (_OFFSET, _FIRST_FLAGS))
    kinds = (_EACH_DURATION, _EACH_SIZE, _EACH_FLAGS, _EACH_SHIFT)
    columns = [kind for kind in kinds if flags & kind]
    table = np.frombuffer(trun, ">u4", n_packets * len(columns), 8 + 4 * len(head))
    each = dict(zip(columns, table.reshape(n_packets, len(columns)).T, strict=True))
    if _EACH_SIZE not in each:
        each[_EACH_SIZE] = np.full(n_packets, defaults[_SIZE], ">u4")
    if _EACH_DURATION not in each:
        each[_EACH_DURATION] = np.full(n_packets, defaults[_DURATION], ">u4")
    track.sizes += each[_EACH_SIZE].tobytes()
    track.n_bytes += int(each[_EACH_SIZE].sum(dtype=np.int64))
    track.offsets.append(start + head[_OFFSET])
    track.n_packets.append(n_packets)
    for _, count, duration in _runs(each[_EACH_DURATION].astype(np.int64)):
        if track.durations and track.durations[-1][1] == duration:
            track.durations[-1][0] += count
        else:
            track.durations.append([count, duration])


def _numbers(payload: bytes, flags: int, position: int, kinds: tuple[int, ...]) -> dict[int, int]:
    """Return those of the 32-bit numbers from a position on that the flags announce."""
    found = [kind for kind in kinds if flags & kind]
    numbers = struct.unpack_from(f">{len(found)}I", payload, position)
    return dict(zip(found, numbers, strict=True))


def _runs(values: Int64[np.ndarray, " N"]) -> list[tuple[int, int, int]]:
    """Return where each run of equal values begins, how long it is, and the value."""
    firsts = np.flatnonzero(np.diff(values, prepend=-1))
    counts = np.diff(firsts, append=len(values))
    return list(zip(firsts.tolist(), counts.tolist(), values[firsts].tolist(), strict=True))


def _complete(moov: Atom, index: dict[int, _Index]) -> None:
    """Give a ``moov`` without packets their tables, and the lengths that follow from them."""
    moov.children = [child for child in moov.children if child.kind != b"mvex"]
    mvhd = moov.first(b"mvhd")
    lengths = [0]
    for trak in moov.all(b"trak"):
        track = index[_track_id(trak)]
        if not track.offsets:
            raise MalformedAtomError("no fragment has packets of a track")
        mdhd, elst = trak.first(b"mdia", b"mdhd"), trak.first(b"edts", b"elst")
        if mdhd.payload[12:16] != mvhd.payload[12:16]:
            raise MalformedAtomError("a track counts in another unit than the movie")
        lengths.append(track.duration - struct.unpack_from(">i", elst.payload, 12)[0])
        _put(mdhd, 16, track.duration)
        _put(elst, 8, lengths[-1])
        _put(trak.first(b"tkhd"), 20, lengths[-1])
        stbl = trak.first(b"mdia", b"minf", b"stbl")
        _put_tables(stbl, track)
        _put_description(stbl, track, struct.unpack_from(">I", mdhd.payload, 12)[0])
    _put(mvhd, 16, max(lengths))
    _put(mvhd, 96, max(index) + 1)


def _track_id(trak: Atom) -> int:
    return int(struct.unpack_from(">I", trak.first(b"tkhd").payload, 12)[0])


def _put(atom: Atom, position: int, number: int) -> None:
    """Replace a 32-bit number of an atom of version 0."""
    if atom.payload[0] != 0 or not 0 <= number <= MAX_32_BIT:
        raise MalformedAtomError(f"{number} samples in a track, expected at most {MAX_32_BIT}")
    numbers = bytearray(atom.payload)
    struct.pack_into(">I", numbers, position, number)
    atom.payload = bytes(numbers)


def _put_tables(stbl: Atom, track: _Index) -> None:
    """Write how long the packets of a track are, and in which chunks they lie."""
    stbl.first(b"stts").payload = _table(track.durations)
    runs = _runs(np.frombuffer(track.n_packets, np.int64))
    stbl.first(b"stsc").payload = _table([[first + 1, count, 1] for first, _, count in runs])
    n_packets = len(track.sizes) // 4
    stbl.first(b"stsz").payload = struct.pack(">III", 0, 0, n_packets) + track.sizes
    offsets = np.frombuffer(track.offsets, np.int64)
    stco = stbl.first(b"stco")
    stco.payload = struct.pack(">II", 0, len(offsets))
    set_chunk_offsets(stco, offsets, is_wide=bool(offsets.max(initial=0) > MAX_32_BIT))


def _table(entries: list[list[int]]) -> bytes:
    return struct.pack(">II", 0, len(entries)) + np.array(entries, ">u4").tobytes()


def _put_description(stbl: Atom, track: _Index, timescale: int) -> None:
    """Say at which bit rate a track is, and that packets of AAC need the one before them."""
    stsd = stbl.first(b"stsd")
    if stsd.payload[-16:-12] == b"btrt" and track.duration:
        # The highest and the mean rate end this table, and stand in that of AAC before.
        nominal = stsd.payload[-8:]
        mean = 8 * track.n_bytes * timescale // track.duration
        highest = max(struct.unpack_from(">I", nominal)[0], mean)
        stsd.payload = stsd.payload.replace(nominal, struct.pack(">II", highest, mean))
    if stsd.payload[12:16] == b"mp4a":
        n_packets = len(track.sizes) // 4
        group = struct.pack(">I4sIII", 0, b"roll", 1, n_packets, 1)
        stbl.children += [Atom(b"sgpd", _ROLL), Atom(b"sbgp", group)]

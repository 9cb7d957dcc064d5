"""The facts of a stem file's container, read once for all rules."""

import contextlib
import dataclasses
import errno
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from libsep.media.atoms import Atom, MalformedAtomError, Span, chunk_places, read_atom, spans
from libsep.media.stems import MAX_MOOV_BYTES
from libsep.units import samples_to_seconds


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TrackFacts:
    """One ``trak``.

    Durations count units of ``timescale``; ``edits`` are pairs of duration (in the movie's
    timescale) and media time; ``chunks`` are pairs of first and last-plus-one byte.
    """

    flags: int
    handler: str
    codec: str
    n_channels: int
    sample_rate: int
    timescale: int
    duration: int
    n_packets: int
    edits: tuple[tuple[int, int], ...]
    chunks: Int64[np.ndarray, "N 2"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A whole file: its top level, its ``moov`` and its tracks."""

    top: list[Span]
    moov: Atom
    timescale: int
    tracks: list[TrackFacts]

    def spans(self, kind: bytes) -> list[Span]:
        """Return the places of the top-level atoms of one kind."""
        return [span for span in self.top if span.kind == kind]

    @property
    def manifests(self) -> list[bytes]:
        """The payload of every ``moov/udta/stem``."""
        return [stem.payload for stem in self.moov.all(b"udta", b"stem")]

    @property
    def duration_s(self) -> float:
        """Length of the first track in seconds, as its edit list says if it has one.

        0 where a damaged header counts in no unit, or there is no track.
        """
        if not self.tracks:
            return 0.0
        first = self.tracks[0]
        edited = sum(duration for duration, _ in first.edits)
        duration, timescale = (
            (edited, self.timescale) if edited else (first.duration, first.timescale)
        )
        return samples_to_seconds(duration, timescale) if timescale else 0.0


def read_container(path: Path) -> Container:
    """Read the facts of a file.

    Raises
    ------
    MalformedAtomError
        Atoms do not tile the file, or one that is needed is missing or too short.
    OSError
        The file cannot be read, or is a pipe, a socket or a device.
    """
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # nobody may ever write into a pipe
        raise OSError(errno.EINVAL, "is a pipe, socket or device", str(path))
    with path.open("rb") as file:
        top = list(spans(file, 0, file.seek(0, 2)))
        moov_span = next((span for span in top if span.kind == b"moov"), None)
        if moov_span is None:
            raise MalformedAtomError("no moov")
        if moov_span.end - moov_span.start > MAX_MOOV_BYTES:
            raise MalformedAtomError("moov is larger than half a gigabyte")
        moov = read_atom(file, moov_span)
    with _malformed_if_short():
        mvhd = moov.first(b"mvhd").payload
        timescale = struct.unpack_from(">I", mvhd, 20 if mvhd[0] else 12)[0]
        tracks = [_read_track(trak) for trak in moov.all(b"trak")]
    return Container(top=top, moov=moov, timescale=timescale, tracks=tracks)


@contextlib.contextmanager
def _malformed_if_short() -> Iterator[None]:
    try:
        yield
    except (struct.error, IndexError) as exc:
        raise MalformedAtomError(f"a header is too short: {exc}") from exc


def _read_track(trak: Atom) -> TrackFacts:
    mdhd = trak.first(b"mdia", b"mdhd").payload
    layout, position = (">IQ", 20) if mdhd[0] else (">II", 12)
    timescale, duration = struct.unpack_from(layout, mdhd, position)
    table = trak.first(b"mdia", b"minf", b"stbl")
    stsd = table.first(b"stsd").payload
    n_descriptions, _, codec = struct.unpack_from(">II4s", stsd, 4)
    n_packets = struct.unpack_from(">I", table.first(b"stsz").payload, 8)[0]
    return TrackFacts(
        flags=int.from_bytes(trak.first(b"tkhd").payload[1:4]),
        handler=trak.first(b"mdia", b"hdlr").payload[8:12].decode("latin-1"),
        codec=codec.decode("latin-1") if n_descriptions == 1 else f"{n_descriptions} codecs",
        n_channels=struct.unpack_from(">H", stsd, 32)[0],
        sample_rate=struct.unpack_from(">H", stsd, 40)[0],
        timescale=timescale,
        duration=duration,
        n_packets=n_packets,
        edits=tuple(_edit_list(trak)),
        chunks=chunk_places(table),
    )


def _edit_list(trak: Atom) -> Iterator[tuple[int, int]]:
    for elst in trak.all(b"edts", b"elst"):
        layout = ">QqI" if elst.payload[0] else ">IiI"
        n_edits = struct.unpack_from(">I", elst.payload, 4)[0]
        for index in range(n_edits):
            position = 8 + index * struct.calcsize(layout)
            duration, media_time, _ = struct.unpack_from(layout, elst.payload, position)
            yield duration, media_time

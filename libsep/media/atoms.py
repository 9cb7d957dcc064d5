"""Read and write the atoms (boxes) of MP4 files, ISO/IEC 14496-12."""

import dataclasses
import struct
from collections.abc import Iterator
from io import BufferedIOBase

import numpy as np
from jaxtyping import Int64, Shaped

CONTAINERS = (b"moov", b"trak", b"edts", b"mdia", b"minf", b"stbl", b"udta", b"moof", b"traf")
"""Atoms that hold nothing but other atoms."""

MAX_DEPTH = 8
"""Deepest nesting that is followed; a real file has six levels."""

MAX_ATOMS = 10_000
"""Most atoms in one place; a file with more is built to waste our time."""

MAX_32_BIT = 0xFFFFFFFF


class MalformedAtomError(Exception):
    """The bytes are no sequence of atoms."""


@dataclasses.dataclass(frozen=True, slots=True)
class Span:
    """Where an atom lies in a file: ``start`` to ``end`` in bytes, its payload from ``body``."""

    kind: bytes
    start: int
    body: int
    end: int

    @property
    def is_64_bit(self) -> bool:
        """Whether the size takes 64 bits."""
        return self.body - self.start == 16


@dataclasses.dataclass(slots=True)
class Atom:
    """An atom in memory: either ``payload`` or, in a container, ``children``."""

    kind: bytes
    payload: bytes = b""
    children: list["Atom"] = dataclasses.field(default_factory=list)

    def all(self, *kinds: bytes) -> list["Atom"]:
        """Return every descendant on the path ``kinds``, as ``moov.all(b"trak", b"mdia")``."""
        found: list[Atom] = [self]
        for kind in kinds:
            found = [child for atom in found for child in atom.children if child.kind == kind]
        return found

    def first(self, *kinds: bytes) -> "Atom":
        """Return the first descendant on the path ``kinds``.

        Raises
        ------
        MalformedAtomError
            There is none.
        """
        found = self.all(*kinds)
        if not found:
            path = b"/".join((self.kind, *kinds)).decode("latin-1")
            raise MalformedAtomError(f"no {path}")
        return found[0]

    def render(self) -> bytes:
        """Return the atom as bytes."""
        body = self.payload + b"".join(child.render() for child in self.children)
        return header(self.kind, len(body)) + body


def header(kind: bytes, n_bytes: int) -> bytes:
    """Return the header of an atom with a payload of ``n_bytes``, 64-bit only if it must be."""
    if n_bytes + 8 <= MAX_32_BIT:
        return struct.pack(">I4s", n_bytes + 8, kind)
    return struct.pack(">I4sQ", 1, kind, n_bytes + 16)


def spans(file: BufferedIOBase, start: int, end: int, *, limit: int = MAX_ATOMS) -> Iterator[Span]:
    """Yield where the atoms between two positions of a file lie, reading only their headers.

    Raises
    ------
    MalformedAtomError
        They do not fill the place exactly, or are too many.
    """
    for _ in range(limit):
        if start == end:
            return
        file.seek(start)
        span = _parse_header(file.read(16), start, end)
        yield span
        start = span.end
    raise MalformedAtomError(f"more than {limit} atoms in one place")


def read_atom(file: BufferedIOBase, span: Span) -> Atom:
    """Read a whole atom with everything below it.

    Raises
    ------
    MalformedAtomError
        A container below it does not consist of atoms.
    """
    file.seek(span.body)
    return _parse(span.kind, file.read(span.end - span.body), MAX_DEPTH)


def _parse(kind: bytes, body: bytes, depth: int) -> Atom:
    atom = Atom(kind, body)
    if kind not in CONTAINERS or depth == 0:
        return atom
    end = len(body)
    children = []
    start = 0
    while start < end:
        # QuickTime ends udta with a 32-bit zero; zeros inside the last atom are padding.
        if kind == b"udta" and body[start:] == bytes(4):
            break
        span = _parse_header(body[start : start + 16], start, end)
        children.append(_parse(span.kind, body[span.body : span.end], depth - 1))
        start = span.end
        if len(children) > MAX_ATOMS:
            raise MalformedAtomError(f"more than {MAX_ATOMS} atoms in one place")
    return Atom(kind, b"", children)


def _parse_header(head: bytes, start: int, end: int) -> Span:
    """Read the header at ``start`` of an atom that may reach up to ``end``."""
    if len(head) < 8 or end - start < 8:
        raise MalformedAtomError(f"{end - start} bytes at {start} are too few for an atom")
    size, kind = struct.unpack_from(">I4s", head)
    body = start + 8
    if size == 1:
        if len(head) < 16:
            raise MalformedAtomError(f"64-bit atom at {start} is cut short")
        size = struct.unpack_from(">Q", head, 8)[0]
        body = start + 16
    elif size == 0:  # up to the end
        size = end - start
    if not body <= start + size <= end:
        raise MalformedAtomError(f"atom at {start} says {size} bytes, there are {end - start}")
    return Span(kind, start, body, start + size)


def chunk_offsets(table: Atom) -> Int64[np.ndarray, " N"]:
    """Return the positions of a track's chunks in the file, from an ``stco`` or ``co64``.

    Raises
    ------
    MalformedAtomError
        The table says that it is longer than it is.
    """
    dtype = ">u4" if table.kind == b"stco" else ">u8"
    return table_entries(table, dtype, 4)[:, 0].astype(np.int64)


def table_entries(
    table: Atom, dtype: str, position: int, *, width: int = 1
) -> Shaped[np.ndarray, "N width"]:
    """Return the entries of a table whose count stands at ``position`` of the payload.

    Raises
    ------
    MalformedAtomError
        The table says that it is longer than it is.
    """
    try:
        n_entries = struct.unpack_from(">I", table.payload, position)[0]
        numbers = np.frombuffer(table.payload, dtype, n_entries * width, position + 4)
    except (struct.error, ValueError) as exc:
        kind = table.kind.decode("latin-1")
        raise MalformedAtomError(f"table {kind} is shorter than it says") from exc
    return numbers.reshape(n_entries, width)


def set_chunk_offsets(table: Atom, offsets: Int64[np.ndarray, " N"], *, is_wide: bool) -> None:
    """Give a table other positions, as ``co64`` if ``is_wide``, else as ``stco``."""
    table.kind, dtype = (b"co64", ">u8") if is_wide else (b"stco", ">u4")
    table.payload = table.payload[:8] + offsets.astype(dtype).tobytes()


def chunk_places(table: Atom) -> Int64[np.ndarray, "N 2"]:
    """Return where each chunk of a track begins and ends, by the tables in its ``stbl``.

    Raises
    ------
    MalformedAtomError
        A table is missing, shorter than it says, or contradicts another.
    """
    stsz = table.first(b"stsz")
    if len(stsz.payload) < 12:
        raise MalformedAtomError("table stsz is shorter than it says")
    packet_bytes, n_packets = struct.unpack_from(">II", stsz.payload, 4)
    starts = chunk_offsets(table.first(b"co64" if table.all(b"co64") else b"stco"))
    stsc = table_entries(table.first(b"stsc"), ">u4", 4, width=3).astype(np.int64)
    first_chunks = stsc[:, 0] - 1
    n_runs = np.diff(first_chunks, append=len(starts))
    if (n_runs < 0).any() or (len(first_chunks) and first_chunks[0] != 0):
        raise MalformedAtomError("chunks of stsc are out of order")
    packets_per_chunk = np.repeat(stsc[:, 1], n_runs)
    if packets_per_chunk.sum() != n_packets or len(packets_per_chunk) != len(starts):
        raise MalformedAtomError(f"stsc counts {packets_per_chunk.sum()} packets, not {n_packets}")
    ends = np.cumsum(packets_per_chunk)
    if packet_bytes:
        sizes = packets_per_chunk * packet_bytes
    else:
        packet_ends = np.cumsum(table_entries(stsz, ">u4", 8)[:, 0], dtype=np.int64)
        sizes = np.diff(np.concatenate([[0], packet_ends])[ends], prepend=0)
    return np.stack([starts, starts + sizes], axis=1)

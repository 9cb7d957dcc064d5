import io
import struct

import numpy as np
import pytest

from libsep.media.atoms import (
    MAX_ATOMS,
    Atom,
    MalformedAtomError,
    chunk_offsets,
    header,
    read_atom,
    set_chunk_offsets,
    spans,
)


def listed(data: bytes) -> list[tuple[bytes, int, int, int]]:
    found = spans(io.BytesIO(data), 0, len(data))
    return [(span.kind, span.start, span.body, span.end) for span in found]


def test_atoms_are_found_at_their_places() -> None:
    data = struct.pack(">I4s", 12, b"ftyp") + bytes(4) + struct.pack(">I4sQ", 1, b"mdat", 20)
    assert listed(data + bytes(4)) == [(b"ftyp", 0, 8, 12), (b"mdat", 12, 28, 32)]


def test_size_zero_reaches_to_the_end() -> None:
    assert listed(struct.pack(">I4s", 0, b"mdat") + bytes(9)) == [(b"mdat", 0, 8, 17)]


@pytest.mark.parametrize(
    "data",
    [
        b"abc",
        struct.pack(">I4s", 7, b"mdat"),
        struct.pack(">I4s", 9, b"mdat"),
        struct.pack(">I4s", 1, b"mdat"),
        struct.pack(">I4sQ", 1, b"mdat", 1 << 63),
        struct.pack(">I4s", 8, b"free") + b"tail",
    ],
)
def test_what_does_not_tile_the_file_is_malformed(data) -> None:
    with pytest.raises(MalformedAtomError):
        listed(data)


def test_endless_atoms_are_malformed() -> None:
    with pytest.raises(MalformedAtomError, match="more than"):
        listed(struct.pack(">I4s", 8, b"free") * (MAX_ATOMS + 1))


def test_deep_nesting_ends() -> None:
    data = b""
    for _ in range(2000):
        data = header(b"moov", len(data)) + data
    file = io.BytesIO(data)
    span = next(spans(file, 0, len(data)))
    assert read_atom(file, span).render() == data


def test_reading_and_writing_changes_nothing() -> None:
    inner = Atom(b"trak", children=[Atom(b"tkhd", b"1234"), Atom(b"mdia", children=[])])
    moov = Atom(b"moov", children=[Atom(b"mvhd", b"x"), inner, Atom(b"udta", b"")])
    file = io.BytesIO(moov.render())
    again = read_atom(file, next(spans(file, 0, len(file.getvalue()))))
    assert again.render() == moov.render()
    assert again.first(b"trak", b"tkhd").payload == b"1234"
    assert again.all(b"trak", b"tkhd", b"none") == []
    with pytest.raises(MalformedAtomError, match="no moov/trak/elst"):
        again.first(b"trak", b"elst")


def test_the_zero_at_the_end_of_a_quicktime_udta_is_no_atom() -> None:
    data = header(b"udta", 16) + Atom(b"name", b"abcd").render() + bytes(4)
    file = io.BytesIO(data)
    udta = read_atom(file, next(spans(file, 0, len(data))))
    assert [child.kind for child in udta.children] == [b"name"]


def test_a_header_takes_64_bits_only_when_it_must() -> None:
    assert header(b"mdat", 0xFFFFFFFF - 8) == struct.pack(">I4s", 0xFFFFFFFF, b"mdat")
    wide = header(b"mdat", 0xFFFFFFFF - 7)
    assert wide == struct.pack(">I4sQ", 1, b"mdat", 0xFFFFFFFF + 9)


@pytest.mark.parametrize("is_wide", [False, True])
def test_positions_are_read_as_they_were_written(is_wide) -> None:
    table = Atom(b"stco", struct.pack(">IIII", 0, 2, 7, 9))
    offsets = np.array([100, 4_000_000_000])
    set_chunk_offsets(table, offsets, is_wide=is_wide)
    assert table.kind == (b"co64" if is_wide else b"stco")
    assert chunk_offsets(table).tolist() == offsets.tolist()


def test_a_table_that_claims_more_than_it_has_is_malformed() -> None:
    with pytest.raises(MalformedAtomError, match="shorter than it says"):
        chunk_offsets(Atom(b"stco", struct.pack(">III", 0, 2, 7)))

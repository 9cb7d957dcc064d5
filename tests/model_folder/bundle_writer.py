"""Checkpoints as TensorFlow writes them, made from its description of the format."""

import struct
from collections.abc import Mapping
from pathlib import Path

import google_crc32c
import numpy as np

DTYPES = {"float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int64": 9, "bool": 10, "float16": 19}


def crc32c(data: bytes) -> int:
    """Return the checksum of Castagnoli, bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


LARGE_BYTES = 1 << 16
"""What is longer is left to Google's library: bit by bit takes a second for each million."""


def masked(data: bytes) -> int:
    crc = crc32c(data) if len(data) < LARGE_BYTES else google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) % (1 << 32)


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: int | bytes) -> bytes:
    """Return one field of a message of Protocol Buffers."""
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    return varint(number << 3) + varint(value)


def entry(
    dtype: int, shape: tuple[int, ...], start: int, n_bytes: int, crc: int, *, shard: int = 0
) -> bytes:
    """Return a BundleEntryProto."""
    dimensions = b"".join(field(2, field(1, size) if size else b"") for size in shape)
    numbers = b"".join(field(n, v) for n, v in ((3, shard), (4, start), (5, n_bytes)) if v)
    return (
        field(1, dtype)
        + field(2, dimensions)
        + numbers
        + varint(6 << 3 | 5)
        + struct.pack("<I", crc)
    )


HEADER = field(1, 1) + field(3, field(1, 1))
"""One data file, little-endian, version 1."""


def block(
    entries: Mapping[bytes, bytes], *, compression: int = 0, restart_every: int = 16
) -> bytes:
    """Return a block of a sorted table with its trailer; keys repeat what they share."""
    out, restarts, former = bytearray(), [], b""
    for place, (key, value) in enumerate(entries.items()):
        if place % restart_every == 0:
            restarts.append(len(out))
            former = b""
        n_shared = next(
            (n for n, (a, b) in enumerate(zip(former, key, strict=False)) if a != b),
            min(len(former), len(key)),
        )
        out += varint(n_shared) + varint(len(key) - n_shared) + varint(len(value))
        out += key[n_shared:] + value
        former = key
    out += struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))
    return bytes(out) + trailer(bytes(out), compression)


def trailer(contents: bytes, compression: int = 0) -> bytes:
    kind = bytes([compression])
    return kind + struct.pack("<I", masked(contents + kind))


def table(blocks: list[bytes], handles: list[tuple[int, int]] | None = None) -> bytes:
    """Return a sorted table of data blocks; the index points to ``handles`` instead, if given."""
    out = bytearray()
    places = []
    for each in blocks:
        places.append((len(out), len(each) - 5))
        out += each
    metaindex = (len(out), len(block({})) - 5)
    out += block({})
    chosen = places if handles is None else handles
    names = [bytes([0xFF, number]) for number in range(len(chosen))]
    index = block(
        {
            name: varint(start) + varint(size)
            for name, (start, size) in zip(names, chosen, strict=True)
        },
        restart_every=1,
    )
    footer = b"".join(varint(n) for n in (*metaindex, len(out), len(index) - 5))
    return bytes(out) + index + footer.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)


def write_bundle(
    index: Path, data: Path, tensors: Mapping[str, np.ndarray], *, keys_per_block: int = 40
) -> None:
    """Write a checkpoint of two files."""
    values, numbers = {b"": HEADER}, bytearray()
    for name, array in sorted(tensors.items()):
        content = array.tobytes()
        values[name.encode()] = entry(
            DTYPES[array.dtype.name], array.shape, len(numbers), len(content), masked(content)
        )
        numbers += content
    items = list(values.items())
    blocks = [
        block(dict(items[start : start + keys_per_block]))
        for start in range(0, len(items), keys_per_block)
    ]
    index.write_bytes(table(blocks))
    data.write_bytes(bytes(numbers))

"""LevelDB's sorted tables: the file format in which TensorFlow keeps names and places of tensors.

A table is a chain of blocks of keys and values, an index of those blocks, and a footer that says
where the index is. Written from the description of the format in LevelDB's documentation
(doc/table_format.md); only what nobody compressed is read.
"""

from collections.abc import Iterator

import google_crc32c

MAGIC = 0xDB4775248B80FB57
"""The last eight bytes of a table, little-endian."""

FOOTER_BYTES = 48
TRAILER_BYTES = 5
"""After each block: how it is compressed, and a checksum."""

MAX_KEY_BYTES = 1024
"""Longest key that is taken; names of tensors have less than a hundred letters."""

MAX_KEYS = 65536
"""Most keys that are taken; with their length, this bounds what a small file can unfold to."""

_MASK_DELTA = 0xA282EAD8


class DamagedError(ValueError):
    """The bytes are not what the format says; the message says what is wrong."""


class Cursor:
    """A place in bytes that moves forward; reading past their end is an error.

    Parameters
    ----------
    content
        The bytes.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._place = 0

    def __bool__(self) -> bool:
        """Return whether anything is left."""
        return self._place < len(self._content)

    def take(self, n_bytes: int) -> bytes:
        """Return the next ``n_bytes``."""
        taken = self._content[self._place : self._place + n_bytes]
        if len(taken) < n_bytes:
            raise DamagedError(f"ends {n_bytes - len(taken)} bytes too early")
        self._place += n_bytes
        return taken

    def varint(self) -> int:
        """Return the next number of variable length: seven bits a byte, the lowest first."""
        value = 0
        for shift in range(0, 64, 7):
            (byte,) = self.take(1)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value >= 1 << 64:
                    break
                return value
        raise DamagedError("holds a number of more than 64 bits")

    def fixed(self, n_bytes: int) -> int:
        """Return the next number of ``n_bytes``, little-endian."""
        return int.from_bytes(self.take(n_bytes), "little")


def masked_crc32c(content: bytes) -> int:
    """Return the checksum of ``content`` as LevelDB and TensorFlow store it: turned and shifted."""
    crc = int(google_crc32c.value(content))
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF


def read_table(content: bytes) -> dict[bytes, bytes]:
    """Return the values of a table by their keys, which ascend.

    What is held is bounded: no byte of ``content`` is taken for two values, and there are at most
    `MAX_KEYS` keys of `MAX_KEY_BYTES`.

    Raises
    ------
    DamagedError
        It is no table, a part of it is missing, compressed, or has another checksum, its blocks
        overlap, its keys do not ascend, or there are too many.
    """
    if len(content) < FOOTER_BYTES:
        raise DamagedError(f"has {len(content)} bytes, too few for a table")
    footer = Cursor(content[-FOOTER_BYTES:])
    _metaindex = footer.varint(), footer.varint()
    index_start, index_bytes = footer.varint(), footer.varint()
    if int.from_bytes(content[-8:], "little") != MAGIC:
        raise DamagedError("is no table of LevelDB (its last bytes are wrong)")
    body = content[:-FOOTER_BYTES]
    values: dict[bytes, bytes] = {}
    last_key: bytes | None = None
    end = 0
    for _, handle in _entries(_block(body, index_start, index_bytes)):
        cursor = Cursor(handle)
        start, n_bytes = cursor.varint(), cursor.varint()
        if start < end or start + n_bytes + TRAILER_BYTES > index_start:
            raise DamagedError(f"has a block at byte {start} that overlaps another one")
        end = start + n_bytes + TRAILER_BYTES
        for key, value in _entries(_block(body, start, n_bytes)):
            if last_key is not None and key <= last_key:
                raise DamagedError(f"has the key {key[:80]!r} out of order")
            last_key = key
            values[key] = value
            if len(values) > MAX_KEYS:
                raise DamagedError(f"has more than {MAX_KEYS} keys")
    return values


def _block(body: bytes, start: int, n_bytes: int) -> bytes:
    """Return the contents of a block after its checksum was compared."""
    cursor = Cursor(body[start : start + n_bytes + TRAILER_BYTES])
    contents = cursor.take(n_bytes)
    compression = cursor.take(1)
    found, expected = masked_crc32c(contents + compression), cursor.fixed(4)
    if found != expected:
        raise DamagedError(
            f"has a block at byte {start} with checksum {found:08x}, expected {expected:08x}"
        )
    if compression != b"\0":
        kind = "snappy" if compression == b"\1" else f"kind {compression[0]}"
        raise DamagedError(f"has a compressed block ({kind}), expected plain ones")
    return contents


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys and values of a block; a key repeats the beginning of the one before it."""
    if len(block) < 4:
        raise DamagedError("has a block without its list of restarts")
    n_restarts = int.from_bytes(block[-4:], "little")
    n_entries_bytes = len(block) - 4 * (n_restarts + 1)
    if n_entries_bytes < 0:
        raise DamagedError(f"has a block of {len(block)} bytes with {n_restarts} restarts")
    cursor = Cursor(block[:n_entries_bytes])
    key = b""
    while cursor:
        n_shared, n_own, n_value = cursor.varint(), cursor.varint(), cursor.varint()
        if n_shared > len(key) or n_shared + n_own > MAX_KEY_BYTES:
            raise DamagedError(f"has a key of {n_shared} + {n_own} bytes after one of {len(key)}")
        key = key[:n_shared] + cursor.take(n_own)
        yield key, cursor.take(n_value)

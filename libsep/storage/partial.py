"""Local stand-ins of objects that hold only what was looked at: headers without the audio."""

import contextlib
import io
import os
from io import FileIO
from pathlib import Path
from typing import Any

import mutagen

from libsep.errors import TransferError
from libsep.media.stems import find_stem_atom
from libsep.media.tags.bounded import UNREADABLE
from libsep.media.tags.collect import Collector
from libsep.media.tags.read_all import read_all
from libsep.storage.store import Store, StoredObject

BLOCK_BYTES = 128 << 10
"""What is fetched at once."""

MAX_FETCHED_BYTES = 32 << 20
"""What is fetched of one object at most; a header with larger pictures stays unread."""


def copy_header(store: Store, found: StoredObject, path: Path) -> None:
    """Write a sparse file of the object's length that has its headers in their places.

    What the readers of tags read is fetched, and so are beginning and end; all else is a hole.
    Readers that look at the same places find in the copy what they would find in the whole.

    Raises
    ------
    TransferError
        The object cannot be read, or the local disk is full.
    """
    object_file = _ObjectFile(store, found, path)
    try:
        reader = io.BufferedReader(object_file, BLOCK_BYTES)
        with contextlib.suppress(*UNREADABLE):
            for position in (0, found.size_bytes - BLOCK_BYTES, found.size_bytes - 1):
                object_file.fetch(max(0, position))
            find_stem_atom(reader)
            reader.seek(0)
            mutagen.File(reader)
        with contextlib.suppress(*UNREADABLE):
            read_all(reader, Collector())
        if object_file.failure is not None:
            raise object_file.failure
    finally:
        object_file.close()


class _ObjectFile(io.RawIOBase):
    """An object as a file; the blocks that are read are written to a local file, too.

    Parameters
    ----------
    store, found
        The object.
    path
        The local file; its name tells mutagen what it may be.
    """

    def __init__(self, store: Store, found: StoredObject, path: Path) -> None:
        self._store = store
        self._found = found
        self._position = 0
        self._blocks: set[int] = set()
        self.name = path.name
        self.failure: TransferError | None = None
        try:
            self._copy = FileIO(path, "w+b")
            self._copy.truncate(found.size_bytes)
        except OSError as exc:
            raise _not_written(path, exc) from exc

    def fetch(self, position: int) -> None:
        """Copy the block around a position, once.

        Raises
        ------
        OSError
            The object cannot be read any further; `failure` says why, unless enough was read.
        """
        block = position // BLOCK_BYTES
        if block in self._blocks or position >= self._found.size_bytes:
            return
        if len(self._blocks) * BLOCK_BYTES >= MAX_FETCHED_BYTES:
            raise OSError("the header is too long")
        try:
            data = self._store.read_range(self._found.name, block * BLOCK_BYTES, BLOCK_BYTES)
        except TransferError as exc:
            self.failure = exc
            raise OSError(str(exc)) from exc
        try:
            self._copy.seek(block * BLOCK_BYTES)
            self._copy.write(data)
        except OSError as exc:
            self.failure = _not_written(Path(self._copy.name), exc)
            raise
        self._blocks.add(block)

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that it has positions."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._found.size_bytes}
        self._position = max(0, origin[whence] + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Read up to the end of the block, from the copy."""
        if self._position >= self._found.size_bytes:
            return 0
        self.fetch(self._position)
        n_bytes = min(len(buffer), BLOCK_BYTES - self._position % BLOCK_BYTES)
        self._copy.seek(self._position)
        data = self._copy.read(n_bytes)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        """Close the local file."""
        self._copy.close()
        super().close()


def _not_written(path: Path, exc: OSError) -> TransferError:
    return TransferError(path, f"scratch cannot be written: {exc.strerror}")

"""Files that mutagen may read whatever they say about their lengths."""

import io
import os
import struct
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import mutagen

from libsep.media.id3_objection import id3_objection

UNREADABLE = (
    mutagen.MutagenError, OSError, ValueError, LookupError, TypeError, AttributeError, EOFError,
    OverflowError, struct.error,
)  # fmt: skip
"""What mutagen raises on damaged files: its own errors, and slips of its parsers."""

_SMALL_READ_BYTES = 1 << 16


class BoundedReader(io.BufferedReader):
    """A file to read, of which nobody gets room for more than is left of it.

    Python makes room for all that is asked for before it reads, and mutagen asks for as many bytes
    as a damaged header says: four gigabytes of a file of four kilobytes.
    """

    def __init__(self, raw: io.RawIOBase, n_bytes: int) -> None:
        super().__init__(raw)
        self._n_bytes = n_bytes

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next ``size`` bytes; all that is left if that is less, negative or None."""
        if size is not None and size > _SMALL_READ_BYTES:
            size = min(size, max(self._n_bytes - self.tell(), 0))
        return super().read(size)


class BoundedFile(BoundedReader):
    """A file on disk, to read within its bounds.

    Raises
    ------
    OSError
        The file cannot be opened.
    MutagenError
        Its ID3 tag would take mutagen minutes or gigabytes.
    """

    def __init__(self, path: Path) -> None:
        raw = io.FileIO(os.fspath(path))
        super().__init__(raw, os.fstat(raw.fileno()).st_size)
        try:
            if objection := id3_objection(self):
                raise mutagen.MutagenError(objection)
            self.seek(0)
        except BaseException:
            self.close()
            raise


class _Stretch(io.RawIOBase):
    """The bytes from ``start`` to ``end`` of a file, which stays open."""

    def __init__(self, file: BufferedIOBase, start: int, end: int) -> None:
        self._file = file
        self._start = start
        self._n_bytes = max(0, end - start)
        self._position = 0

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that it has positions."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position, counted from the beginning of the stretch."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._n_bytes}
        self._position = max(0, origin[whence] + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Read up to the end of the stretch."""
        self._file.seek(self._start + self._position)
        data = self._file.read(max(0, min(len(buffer), self._n_bytes - self._position)))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def stretch(file: BufferedIOBase, start: int, end: int) -> BoundedReader:
    """Return the bytes from ``start`` to ``end`` of an open file as a file of their own."""
    return BoundedReader(_Stretch(file, start, end), max(0, end - start))

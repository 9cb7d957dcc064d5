"""Files that mutagen may read whatever they say about their lengths."""

import io
import os
import struct
from pathlib import Path

import mutagen

from libsep.media.id3_objection import id3_objection

UNREADABLE = (
    mutagen.MutagenError, OSError, ValueError, LookupError, TypeError, AttributeError, EOFError,
    OverflowError, struct.error,
)  # fmt: skip
"""What mutagen raises on damaged files: its own errors, and slips of its parsers."""

_SMALL_READ_BYTES = 1 << 16


class BoundedFile(io.BufferedReader):
    """A file to read, of which nobody gets room for more than is left of it.

    Python makes room for all that is asked for before it reads, and mutagen asks for as many bytes
    as a damaged header says: four gigabytes of a file of four kilobytes.

    Raises
    ------
    OSError
        The file cannot be opened.
    MutagenError
        Its ID3 tag would take mutagen minutes or gigabytes.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(os.fspath(path)))
        self._n_bytes = os.fstat(self.fileno()).st_size
        objection = id3_objection(self)
        self.seek(0)
        if objection:
            self.close()
            raise mutagen.MutagenError(objection)

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next ``size`` bytes; all that is left if that is less, negative or None."""
        if size is not None and size > _SMALL_READ_BYTES:
            size = min(size, max(self._n_bytes - self.tell(), 0))
        return super().read(size)

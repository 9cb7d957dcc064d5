"""Why what renders has stopped: a file that those look at who train with its songs."""

import os
import time
from pathlib import Path

from libsep.media.atomic import write_text
from libsep.track import path_to_text

FILE = "failure.txt"

ROOM_BYTES = 4096
"""Taken in advance, and written over: a full disk is one of the reasons."""


class Failure:
    """File of a pool that says why a process stopped rendering: the first that did.

    Parameters
    ----------
    folder
        The pool's.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def forget(self) -> None:
        """Begin as if nothing had stopped."""
        write_text(self._path, " " * ROOM_BYTES)

    def tell(self, reason: str) -> None:
        """Say why a process stopped, unless another one has stopped before."""
        if self.reason():
            return
        text = path_to_text(reason).encode()[:ROOM_BYTES].ljust(ROOM_BYTES)
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o666)
        try:
            os.write(file, text)
        finally:
            os.close(file)

    def reason(self) -> str:
        """Return why a process stopped; nothing while all render."""
        text = self._path.read_bytes() if self._path.is_file() else b""
        return text.decode(errors="ignore").strip()

    def moment(self) -> str:
        """Return when it stopped, in local time."""
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(self._path.stat().st_mtime))

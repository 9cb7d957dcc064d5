"""Why what renders has stopped: a file that those look at who train with its songs."""

import logging
import os
import time
from pathlib import Path

from libsep.errors import reason_of
from libsep.media.atomic import write_text
from libsep.track import path_to_text

logger = logging.getLogger(__name__)

FILE = "failure.txt"

ROOM_BYTES = 4096
"""Of each process; taken in advance, and written over: a full disk is one of the reasons."""


class Failure:
    """File of a pool that says of each process that renders why it has stopped, if it has.

    Parameters
    ----------
    folder
        The pool's.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def forget(self, n_processes: int = 1) -> None:
        """Begin with this many processes, of which none has stopped."""
        write_text(self._path, " " * ROOM_BYTES * n_processes)

    def tell(self, process: int, reason: str) -> None:
        """Say why a process stopped, here and in the log, unless it has been said before."""
        if any(self.reasons()[process : process + 1]):
            return
        text = path_to_text(reason)
        logger.error("sampler: process %d stopped: %s", process + 1, text)
        try:
            self._write(process, text.encode()[:ROOM_BYTES].ljust(ROOM_BYTES))
        except OSError as exc:
            logger.error("%s: cannot be written: %s", self._path, reason_of(exc))

    def reasons(self) -> list[str]:
        """Return why each process stopped; nothing for those that render."""
        try:
            text = self._path.read_bytes()
        except OSError:
            return []
        rooms = [text[begin : begin + ROOM_BYTES] for begin in range(0, len(text), ROOM_BYTES)]
        return [room.decode(errors="ignore").strip() for room in rooms]

    def moment(self) -> str:
        """Return when the last one stopped, in local time."""
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(self._path.stat().st_mtime))

    def _write(self, process: int, room: bytes) -> None:
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o666)
        try:
            os.pwrite(file, room, process * ROOM_BYTES)
        finally:
            os.close(file)

"""Room on a local disk for the tracks in flight, shared by all processes of a machine."""

import contextlib
import errno
import fcntl
import logging
import os
import re
import shutil
import stat
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from libsep.config import StorageConfig
from libsep.errors import TransferError
from libsep.machine import temporary_root
from libsep.units import format_bytes

logger = logging.getLogger(__name__)

POLL_S = 0.5
"""How often a track that waits looks whether there is room."""

DISK_SHARE = 0.9
"""How much of what is free on the disk one track may count on: others write there, too."""

NO_LOCKS = "its drive has no locks (flock); storage.scratch names a folder of a local disk"

_REFUSES_LOCKS = (errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS)

_BLOCK_BYTES = 512
"""Unit of ``st_blocks``, whatever the blocks of the disk are."""

_ALIVE = ".alive"
_GATE = "gate"

_RESERVATION = re.compile(r"track-[0-9a-f]{16}-([0-9]+)")
"""Name of a reservation. Whatever else lies in the folder is not ours, and is left alone."""


def scratch_folder(config: StorageConfig) -> Path:
    """Return the folder for tracks in flight on this machine.

    Raises
    ------
    ConfigError
        None was chosen, and this machine has none for temporary files.
    """
    user = os.getuid() if hasattr(os, "getuid") else 0
    return config.scratch or temporary_root() / f"libsep-scratch-{user}"


class Scratch:
    """A folder of bounded size. Each track reserves what it needs at once, or waits.

    A reservation is a folder whose name ends with its bytes. Its owner holds a file in it locked;
    what a killed process left has no owner, and is removed by whoever comes next. What others have
    reserved and not written yet is not free, although the disk says so.

    Parameters
    ----------
    config
        Folder, bound, and how long a track waits.
    """

    def __init__(self, config: StorageConfig) -> None:
        self.folder = scratch_folder(config)
        self._is_chosen = config.scratch is not None
        self._max_bytes = config.max_scratch_bytes
        self._wait_s = config.scratch_wait_s

    def most_bytes(self) -> int:
        """Return what one track may ask for: the bound, or less where the disk has less.

        What other tracks have in the folder will be free when they have ended: the one that asks
        waits for that.
        """
        with contextlib.suppress(OSError):  # `room` says what is wrong
            self._make_folder()
            written = sum(_written_bytes(folder) for folder, _ in self._reservations())
            free = shutil.disk_usage(self.folder).free
            return min(self._max_bytes, int(DISK_SHARE * (free + written)))
        return self._max_bytes

    @contextlib.contextmanager
    def room(self, n_bytes: int, source: Path) -> Iterator[Path]:
        """Yield an empty folder with room for ``n_bytes``; it is gone afterwards.

        Parameters
        ----------
        n_bytes
            What will be written into it at most.
        source
            The track, for messages.

        Raises
        ------
        TransferError
            More than the bound is needed, the disk is too full, or there was no room in time.
        """
        if n_bytes > self._max_bytes:
            needed, allowed = format_bytes(n_bytes), format_bytes(self._max_bytes)
            message = f"needs {needed} of scratch, storage.max_scratch_bytes allows {allowed}"
            raise TransferError(source, message)
        with contextlib.ExitStack() as stack:
            try:
                folder, alive = self._wait_for(n_bytes, source)
            except OSError as exc:
                reason = NO_LOCKS if exc.errno in _REFUSES_LOCKS else exc.strerror
                message = f"{self.folder}: scratch cannot be used: {reason}"
                raise TransferError(source, message) from exc
            # The folder goes first: while it is there, its owner holds the lock. Drives over FUSE
            # and NFS keep a file that is open, and so the folder, until it is closed.
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            stack.callback(os.close, alive)
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            yield folder

    def _wait_for(self, n_bytes: int, source: Path) -> tuple[Path, int]:
        """Return a reserved folder, and the descriptor that keeps it ours."""
        self._make_folder()
        start_s = time.monotonic()
        while True:
            with self._gate():
                taken, written = self._taken_bytes()
                free = shutil.disk_usage(self.folder).free
                to_come = taken - written
                if taken + n_bytes <= self._max_bytes and to_come + n_bytes <= free:
                    return self._reserve(n_bytes)
            needed = format_bytes(n_bytes)
            if n_bytes > free + written:  # also when all others have ended
                message = f"{self.folder}: {format_bytes(free)} free, {needed} needed"
                raise TransferError(source, f"scratch disk full: {message}")
            if time.monotonic() - start_s > self._wait_s:
                most = min(self._max_bytes, free + written)
                message = f"{format_bytes(taken)} of {format_bytes(most)} are taken"
                waited = f"no room in scratch for {self._wait_s:.0f} s"
                raise TransferError(source, f"{waited}: {message}, {needed} needed")
            time.sleep(POLL_S)

    def _make_folder(self) -> None:
        """Make the folder; in a place where everybody may write, somebody else can be faster."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = self.folder.lstat()
        is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
        if not is_ours and not self._is_chosen:
            raise PermissionError(errno.EACCES, "it was made by another user")

    @contextlib.contextmanager
    def _gate(self) -> Iterator[None]:
        """Let one process at a time count and reserve."""
        gate = os.open(self.folder / _GATE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(gate, fcntl.LOCK_EX)
            yield
        finally:
            os.close(gate)

    def _taken_bytes(self) -> tuple[int, int]:
        """Return what living processes have reserved, and how much of that is written by now.

        What dead ones left is removed.
        """
        taken = written = 0
        for folder, n_bytes in self._reservations():
            if _has_owner(folder):
                taken += n_bytes
                written += min(_written_bytes(folder), n_bytes)
            else:
                logger.warning("%s: removed, its process is dead", folder)
                shutil.rmtree(folder, ignore_errors=True)
        return taken, written

    def _reservations(self) -> Iterator[tuple[Path, int]]:
        for folder in self.folder.iterdir():
            if (reservation := _RESERVATION.fullmatch(folder.name)) is not None:
                yield folder, int(reservation[1])

    def _reserve(self, n_bytes: int) -> tuple[Path, int]:
        folder = self.folder / f"track-{uuid.uuid4().hex[:16]}-{n_bytes}"
        folder.mkdir(mode=0o700)
        alive = os.open(folder / _ALIVE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(alive, fcntl.LOCK_EX)
        return folder, alive


def _has_owner(folder: Path) -> bool:
    try:
        alive = os.open(folder / _ALIVE, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(alive)


def _written_bytes(folder: Path) -> int:
    """Return what a reservation takes on the disk by now; holes in its files take nothing."""
    written = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # it has gone
                written += Path(place, name).lstat().st_blocks * _BLOCK_BYTES
    return written

"""What this machine lets the process use, and how sparingly Python uses it."""

import contextlib
import errno
import fcntl
import gc
import math
import multiprocessing
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from libsep.errors import ConfigError

OBJECTS_BETWEEN_SEARCHES = 50_000
"""How many objects are made between two searches for garbage where most objects are kept."""

CANNOT_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOTTY)
"""What file systems answer that cannot be asked whether something is on the disk."""


def n_cores() -> int:
    """Return how many CPU cores this process may use, by its affinity and its control group."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(count or 1, _quota()))


def _quota() -> int:
    """Return the cores that the control group grants (Linux, version 2); many if there is none."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return math.ceil(int(quota) / int(period))
    except (OSError, ValueError):  # no such file, or the quota is "max"
        return 1 << 16


@contextlib.contextmanager
def no_garbage_search() -> Iterator[None]:
    """Keep Python from searching for garbage while modules are imported that stay.

    Later searches, too, leave out all objects that are there at the end: looking through those of
    PyTorch takes a fifth of a second.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if was_enabled:
            gc.enable()


@contextlib.contextmanager
def rare_garbage_search() -> Iterator[None]:
    """Let Python search for garbage rarely while a great many objects are made that are kept.

    By default it looks for circles of objects that nobody refers to after every 700 new ones: with
    a million tracks in memory that takes a quarter of the time, and finds nothing.
    """
    usual = gc.get_threshold()
    gc.set_threshold(OBJECTS_BETWEEN_SEARCHES, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def temporary_root() -> Path:
    """Return the folder in which this machine keeps files for a while.

    Raises
    ------
    ConfigError
        No such folder can be written to.
    """
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError as exc:
        raise ConfigError(
            "no folder for temporary files can be written to (/tmp, /var/tmp ...): is its disk "
            "full? TMPDIR names another one"
        ) from exc


@contextlib.contextmanager
def temporary_folder(prefix: str = "libsep-", root: Path | None = None) -> Iterator[Path]:
    """Yield a folder that is gone afterwards; its name begins with ``prefix``.

    Parameters
    ----------
    prefix
        Says whose it is.
    root
        Where it lies; by default in that of `temporary_root`.

    Raises
    ------
    ConfigError
        It cannot be made.
    """
    place = root or temporary_root()
    try:
        folder = tempfile.TemporaryDirectory(prefix=prefix, dir=place, ignore_cleanup_errors=True)
    except OSError as exc:
        raise ConfigError(f"{place}: no temporary folder can be made: {exc.strerror}") from exc
    with folder as path:
        yield Path(path)


def live_with_parent() -> None:
    """Let a process of `multiprocessing` end with the one that started it, however that ends.

    By itself it would go on, or wait for work, for ever when that one is killed.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(
            target=_end_after, args=(parent,), name="end with parent", daemon=True
        ).start()


def _end_after(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)


def sync(handle: int) -> None:
    """Wait until what was written to an open file is on the disk, a power cut or not.

    Raises
    ------
    OSError
        The disk is full or gone, or cannot be asked for that.
    """
    if sys.platform == "darwin":
        # There fsync leaves it in the memory of the drive. Network drives take no other request.
        try:
            fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
        except OSError as exc:
            if exc.errno not in CANNOT_SYNC:
                raise
        else:
            return
    os.fsync(handle)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, as far as one can ask for that.

    The folders that virtual machines share, and old drivers of network drives, take no such
    request: what can be done has been done then.

    Raises
    ------
    OSError
        The folder or its disk is gone.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        sync(handle)
    except OSError as exc:
        if exc.errno not in CANNOT_SYNC:
            raise
    finally:
        os.close(handle)

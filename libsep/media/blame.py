"""Whose fault it is that a file could not be read: its own, or that of its disk."""

import errno
from pathlib import Path

_OF_DISKS = frozenset(
    (
        errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN, errno.ENODEV, errno.ENXIO,
        errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ECONNRESET,
        errno.ECONNABORTED,
    )
)  # fmt: skip


def is_of_disk(error: BaseException) -> bool:
    """Return whether a disk or a network drive failed while a file was read.

    An error that another one is made of, as mutagen does it, is what that one is. What readers
    meet in damaged files, such as a place before the first byte, is none of these.
    """
    inner = next(iter(error.args), None)
    cause = inner if isinstance(inner, OSError) else error
    return isinstance(cause, OSError) and cause.errno in _OF_DISKS


def is_from_outside(error: BaseException | None, path: Path) -> bool:
    """Return whether it is not the content of a file that an error is about.

    Then the operating system is at its root, by a disk, a network or a signal, or the file cannot
    be read now: another try may end otherwise.
    """
    while error is not None:
        if isinstance(error, OSError) or is_of_disk(error):
            return True
        error = error.__cause__
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError:
        return True
    return False

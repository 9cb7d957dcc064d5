"""Whose fault it is that a file could not be read: its own, or that of its disk."""

from pathlib import Path


def is_from_outside(error: BaseException | None, path: Path) -> bool:
    """Return whether it is not the content of a file that an error is about.

    Then the operating system is at its root, by a disk, a network or a signal, or the file cannot
    be read now: another try may end otherwise.
    """
    while error is not None:
        if isinstance(error, OSError):
            return True
        error = error.__cause__
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError:
        return True
    return False

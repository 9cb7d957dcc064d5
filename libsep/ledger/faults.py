"""What a disk refuses, as an error of the ledger that names the file."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from libsep.errors import LedgerError, reason_of


@contextlib.contextmanager
def told(path: Path, what: str) -> Iterator[None]:
    """Say of what the system refuses inside the block which file it is about.

    Parameters
    ----------
    path
        The file or folder.
    what
        What does not work, as in "cannot be removed".

    Raises
    ------
    LedgerError
        The disk is full, read-only or gone.
    """
    try:
        yield
    except OSError as exc:
        raise LedgerError(f"{path}: {what}: {reason_of(exc)}") from exc


def remove(path: Path) -> None:
    """Delete a file of the ledger whose rows are on the disk elsewhere; raises as `told`."""
    with told(path, "cannot be removed"):
        path.unlink()

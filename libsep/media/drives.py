"""What drives make of names: some refuse what Linux takes, some take two names for one."""

import contextlib
import dataclasses
import errno
import functools
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from libsep.media.atomic import trial_in
from libsep.media.file_names import file_key, in_unicode, portable

logger = logging.getLogger(__name__)

_MARKS = ' :?*"<>|\\.'
_BYTE = "\udcff"

_REFUSALS = (errno.EINVAL, errno.EILSEQ, errno.ENOENT, errno.EPERM)
"""How drives refuse a name; shares of Windows say that there is no such file."""


@dataclasses.dataclass(frozen=True, slots=True)
class Names:
    """What names a drive takes, and gives back as they were.

    ``takes_marks``: those that Windows refuses (`portable`), ``takes_bytes``: those that are no
    UTF-8, ``tells_case``: two that differ in case only.
    """

    takes_marks: bool = True
    takes_bytes: bool = True
    tells_case: bool = True


class Drive:
    """Gives files of a folder names that its drive takes; looks at it when a name makes it need to.

    Parameters
    ----------
    folder
        Where files are to be made; need not exist. None for a place that takes all names.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def fitting(self, path: str) -> str:
        """Return a relative path as the drive takes it: or with ``_`` for what it refuses.

        Parameters
        ----------
        path
            With ``/`` between folders.
        """
        plain = "/".join(map(portable, path.split("/")))
        if plain == path or (self.names.takes_marks and self.names.takes_bytes):
            return path
        return in_unicode(path) if self.names.takes_marks else plain

    def key(self, path: str) -> str:
        """Return what is equal for paths that are one on the drive."""
        return path if self.names.tells_case else file_key(path)

    @functools.cached_property
    def names(self) -> Names:
        """What names the drive takes, as tried with files that are gone at once.

        Where nothing can be known, it takes all: none can be made, before or after the odd ones,
        or one fails for another reason than its name. Whoever wants to write there says why not.
        """
        if self._folder is None:
            return Names()
        folder = next(filter(os.path.isdir, (self._folder, *self._folder.parents)), self._folder)
        try:
            names = _tried(trial_in(folder))
        except OSError as exc:
            logger.info("%s: not known what names it takes: %s", folder, exc.strerror)
            return Names()
        logger.info("%s: %s", folder, names)
        return names


def _tried(trial: str) -> Names:
    """Find out what names a drive takes.

    Raises
    ------
    OSError
        It cannot be found out.
    """
    if not _is_kept(trial):
        return Names()
    names = Names(
        takes_marks=_is_kept(trial + _MARKS),
        takes_bytes=_is_kept(trial + _BYTE),
        tells_case=_tells_case(trial),
    )
    return names if _is_kept(trial) else Names()


def _is_kept(trial: str) -> bool:
    """Return whether a file of this name can be made, and is listed by it."""
    folder, _, name = trial.rpartition("/")
    with _made(trial) as is_made:
        names = os.listdir(folder) if is_made else ()  # noqa: PTH208 - the names are all that counts
        return file_key(name) in map(file_key, names)


def _tells_case(trial: str) -> bool:
    folder, _, name = trial.rpartition("/")
    with _made(trial):
        return not os.path.lexists(f"{folder}/{name.upper()}")


@contextlib.contextmanager
def _made(trial: str) -> Iterator[bool]:
    """Make a file that is gone after the block; yield whether the drive takes its name."""
    try:
        os.close(os.open(trial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as exc:
        if exc.errno not in _REFUSALS:
            raise
        yield False
        return
    try:
        yield True
    finally:
        with contextlib.suppress(OSError):  # its disk is gone: whoever writes there says so
            Path(trial).unlink()

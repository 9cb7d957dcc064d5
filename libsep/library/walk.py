"""The walk through a library: every file that may be a track, in a fixed order."""

import dataclasses
import logging
import os
import stat
from collections import deque
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from libsep.errors import ConfigError
from libsep.library.names import (
    Why,
    is_track_name,
    why_not_any,
    why_not_content,
    why_not_file,
)
from libsep.library.reasons import LeftOut, Reason
from libsep.library.sniff import sniff
from libsep.track import FoundFile

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """Something in the library that could not be walked: where, and why."""

    path: Path
    reason: str


def log_problem(problem: Problem) -> None:
    """Log a problem as a warning."""
    logger.warning("%s: %s", problem.path, problem.reason)


def log_left_out(left_out: LeftOut) -> None:
    """Log what was left out, for whoever looks for it."""
    logger.debug("%s: left out: %s", left_out.path, left_out.reason)


class Walk:
    """Walks a library; iterating yields the files that are tracks by their names.

    A track has one of the given extensions, in upper or lower case, whatever it contains: a text
    that is called ``.mp3`` is listed, and fails with a reason when it is converted. A file whose
    extension says nothing, or that has none, is a track if its first bytes say so. Left out are
    names of systems and programs, unfinished downloads, stem files, ``exclude``, what is no audio,
    and the output folder.

    The order does not depend on the file system: the files of a folder by the bytes of their
    names, then its folders likewise; folders behind links come after everything else. Each folder
    is walked once, however many links lead to it.

    Parameters
    ----------
    library
        Folder to walk.
    stems
        Output folder, left out where it lies inside the library; None if there is none.
    extensions
        Lower case, without the dot.
    exclude
        Glob patterns (``*`` matches ``/`` too), relative to the library.
    follow_symlinks
        Whether links are followed; otherwise they are left out.
    on_problem
        Called for what cannot be walked: dangling links, unreadable folders, devices.
    on_left_out
        Called for every file and folder that is left out, also for those.

    Raises
    ------
    ConfigError
        ``library`` is no folder that can be read, or is the output folder.
    """

    def __init__(
        self,
        library: Path,
        stems: Path | None = None,
        *,
        extensions: Collection[str],
        exclude: Collection[str] = (),
        follow_symlinks: bool = True,
        on_problem: Callable[[Problem], None] = log_problem,
        on_left_out: Callable[[LeftOut], None] = log_left_out,
    ) -> None:
        self._library = library
        self._extensions = frozenset(extensions)
        self._exclude = tuple(exclude)
        self._follow_symlinks = follow_symlinks
        self._on_problem = on_problem
        self._on_left_out = on_left_out
        self._barred: set[tuple[int, int]] = set()
        if stems is not None and stems.exists():
            self._barred.add(_inode(stems.stat()))
        self._visited: set[tuple[int, int]] = set()
        self._linked: deque[str] = deque()
        try:
            if _inode(library.stat()) in self._barred:
                raise ConfigError(f"{library}: library and output folder are the same")
            os.scandir(library).close()
        except OSError as exc:
            raise ConfigError(f"{library}: expected a folder of music: {exc.strerror}") from exc

    def __iter__(self) -> Iterator[FoundFile]:
        self._visited = set(self._barred)
        self._linked = deque([""])
        while self._linked:
            pending = [self._linked.popleft()]
            while pending:
                folder, folders = pending.pop(), list[str]()
                for entry in self._entries(self._library / folder):
                    found = self._examine(entry, f"{folder}{entry.name}", folders)
                    if found is not None:
                        yield found
                pending.extend(reversed(folders))

    def _entries(self, folder: Path) -> list[os.DirEntry[str]]:
        """Return what lies in a folder, sorted; nothing if it was walked before."""
        try:
            inode = _inode(folder.stat())
            if inode in self._visited:
                logger.debug("%s: not walked again", folder)
                return []
            self._visited.add(inode)
            with os.scandir(folder) as entries:
                return sorted(entries, key=lambda entry: os.fsencode(entry.name))
        except OSError as exc:
            self._report(folder, f"folder cannot be read: {exc.strerror}")
            return []

    def _examine(
        self, entry: os.DirEntry[str], source: str, folders: list[str]
    ) -> FoundFile | None:
        """Return the file if it is a track; put a folder where it is walked later."""
        if why := why_not_any(source, self._exclude):
            self._on_left_out(LeftOut(Path(source), *why))
            return None
        is_link = entry.is_symlink()
        if is_link and not self._follow_symlinks:
            self._on_left_out(LeftOut(Path(source), Reason.LINK))
            return None
        try:
            status = entry.stat()
        except OSError as exc:
            what = "link leads nowhere" if is_link else "file cannot be read"
            self._report(Path(entry.path), f"{what}: {exc.strerror}")
            return None
        if stat.S_ISDIR(status.st_mode):
            (self._linked if is_link else folders).append(f"{source}/")
            return None
        if not stat.S_ISREG(status.st_mode):
            self._report(Path(entry.path), "no regular file but a pipe, socket or device")
            return None
        if why := why_no_track(entry.path, entry.name, self._extensions):
            self._on_left_out(LeftOut(Path(source), *why))
            return None
        return FoundFile(
            path_name=entry.path,
            source_name=source,
            size_bytes=status.st_size,
            mtime_ns=status.st_mtime_ns,
        )

    def _report(self, path: Path, message: str) -> None:
        """Tell of what cannot be walked."""
        self._on_problem(Problem(path, message))
        self._on_left_out(LeftOut(path.relative_to(self._library), Reason.UNREADABLE))


def why_no_track(path: str, name: str, extensions: Collection[str]) -> Why | None:
    """Return why a file is no track, by its name or else by its first bytes; None if it is one."""
    if is_track_name(name, extensions):
        return None
    return why_not_file(name) or why_not_content(name, sniff(Path(path)))


def _inode(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino

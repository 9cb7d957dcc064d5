"""The walk through a library: every file that may be a track, in a fixed order."""

import dataclasses
import fnmatch
import logging
import os
import stat
from collections import deque
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from libsep.errors import ConfigError
from libsep.library.sniff import sniff
from libsep.media.stems import EXTENSIONS

logger = logging.getLogger(__name__)

SYSTEM_FOLDERS = frozenset(
    {"$RECYCLE.BIN", "#recycle", "@eaDir", "__MACOSX", "lost+found", "System Volume Information"}
)
"""Folders in which systems keep what a user deleted or never put there."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """A file of the library that is a track by its name, with the size and time of the scan.

    ``source`` is the path relative to the library. ``duration_s`` is the length that the header
    claims, in seconds, None where it does not say; ``genres`` are the tags', as they stand.
    """

    path: Path
    source: Path
    size_bytes: int
    mtime_ns: int
    duration_s: float | None = None
    genres: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """Something in the library that could not be walked: where, and why."""

    path: Path
    reason: str


def log_problem(problem: Problem) -> None:
    """Log a problem as a warning."""
    logger.warning("%s: %s", problem.path, problem.reason)


class Walk:
    """Walks a library; iterating yields the files that are tracks by their names.

    A track has one of the given extensions, in upper or lower case, whatever it contains: a text
    that is called ``.mp3`` is listed, and fails with a reason when it is converted. A file without
    any extension is a track if its first bytes say so. Left out are hidden files and folders
    (``.x``, ``._x``), folders of the system, stem files, ``exclude``, and the output folder.

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
    ) -> None:
        self._library = library
        self._extensions = frozenset(extensions)
        self._exclude = tuple(exclude)
        self._follow_symlinks = follow_symlinks
        self._on_problem = on_problem
        self._barred: set[tuple[int, int]] = set()
        if stems is not None and stems.exists():
            self._barred.add(_inode(stems.stat()))
        self._visited: set[tuple[int, int]] = set()
        self._linked: deque[Path] = deque()
        try:
            if _inode(library.stat()) in self._barred:
                raise ConfigError(f"{library}: library and output folder are the same")
            os.scandir(library).close()
        except OSError as exc:
            raise ConfigError(f"{library}: expected a folder of music: {exc.strerror}") from exc

    def __iter__(self) -> Iterator[FoundFile]:
        self._visited = set(self._barred)
        self._linked = deque([self._library])
        while self._linked:
            pending = [self._linked.popleft()]
            while pending:
                folders: list[Path] = []
                for entry in self._entries(pending.pop()):
                    found = self._examine(entry, folders)
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
            self._on_problem(Problem(folder, f"folder cannot be read: {exc.strerror}"))
            return []

    def _examine(self, entry: os.DirEntry[str], folders: list[Path]) -> FoundFile | None:
        """Return the file if it is a track; put a folder where it is walked later."""
        path = Path(entry.path)
        if is_left_out(path.relative_to(self._library), self._exclude):
            return None
        is_link = entry.is_symlink()
        if is_link and not self._follow_symlinks:
            return None
        try:
            status = entry.stat()
        except OSError as exc:
            what = "link leads nowhere" if is_link else "file cannot be read"
            self._on_problem(Problem(path, f"{what}: {exc.strerror}"))
            return None
        if stat.S_ISDIR(status.st_mode):
            (self._linked if is_link else folders).append(path)
            return None
        if not stat.S_ISREG(status.st_mode):
            self._on_problem(Problem(path, "no regular file but a pipe, socket or device"))
            return None
        if not self._is_track(path):
            return None
        return FoundFile(
            path=path,
            source=path.relative_to(self._library),
            size_bytes=status.st_size,
            mtime_ns=status.st_mtime_ns,
        )

    def _is_track(self, path: Path) -> bool:
        if path.name.casefold().endswith(EXTENSIONS):
            return False
        if path.suffix:
            return path.suffix[1:].lower() in self._extensions
        return sniff(path) is not None


def is_left_out(source: Path, exclude: Collection[str]) -> bool:
    """Return whether a file or folder is hidden, the system's, or matches one of ``exclude``."""
    if source.name.startswith(".") or source.name in SYSTEM_FOLDERS:
        return True
    text = source.as_posix()
    return any(fnmatch.fnmatchcase(text, pattern) for pattern in exclude)


def _inode(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino

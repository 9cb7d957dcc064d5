"""The tracks that lists of DJ programs name, found on this machine, as the scan of a library."""

import dataclasses
import fnmatch
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from libsep.config import LibraryConfig, ScanConfig
from libsep.dj.collection import MAX_STARS, Entry
from libsep.dj.read import read_list
from libsep.dj.spelling import spellings
from libsep.errors import ConfigError
from libsep.library.headers import with_headers
from libsep.library.names import why_not_any
from libsep.library.naming import OUTSIDE
from libsep.library.on_disk import Disk
from libsep.library.reasons import LeftOut, Reason
from libsep.library.survey import ListFiles, lister_of
from libsep.library.walk import Problem, why_no_track
from libsep.machine import n_cores
from libsep.storage.ends import Ends
from libsep.track import FoundFile, Outcome


@dataclasses.dataclass(frozen=True, slots=True)
class ListedTracks:
    """Lists the tracks of playlists; what `libsep.library.survey.ListFiles` is.

    Each file counts once, in the order of the lists. A file in the library has the source that a
    scan gives it, so that both make the same stem file; one outside of it has the source
    ``Outside the library/`` and its whole path, which no two files share.

    Parameters
    ----------
    library
        Folder of music, which the output mirrors.
    lists
        Files, or ``FILE#NAME``, as `read_list` takes them.
    config
        Where the paths of the lists are here, and which tracks are wanted.
    beside
        Lists the library itself, whose tracks then come first; of the lists, only tracks outside of
        it are added. None: the lists stand for the library.
    """

    library: Path
    lists: Sequence[str]
    config: LibraryConfig
    beside: ListFiles | None = None

    def __call__(
        self,
        scan: ScanConfig,
        known: Mapping[str, Outcome],
        on_problem: Callable[[Problem], None],
        on_left_out: Callable[[LeftOut], None],
    ) -> Iterator[FoundFile]:
        """Yield the tracks with length and genres.

        Raises
        ------
        ConfigError
            A list cannot be read.
        """
        if self.beside is not None:
            yield from self.beside(scan, known, on_problem, on_left_out)
        genres: dict[Path, str] = {}
        files = self._files(scan, genres, on_problem, on_left_out)
        for file in with_headers(files, known, n_cores(), on_left_out=on_left_out):
            if self._is_wanted_genre(genres.get(file.source) or ";".join(file.genres)):
                yield file
            else:
                on_left_out(LeftOut(file.source, Reason.NOT_WANTED, "genre"))

    def _files(
        self,
        scan: ScanConfig,
        genres: dict[Path, str],
        on_problem: Callable[[Problem], None],
        on_left_out: Callable[[LeftOut], None],
    ) -> Iterator[FoundFile]:
        """Yield the tracks that are there; ``genres`` gets what the lists say of them."""
        seen: set[Path] = set()
        disk = Disk()
        library = disk.find(os.path.abspath(self.library)) or self.library  # noqa: PTH100 - no ..
        for text in self.lists:
            for entry in read_list(text):
                path = find_here(entry.location, self.config.path_map, disk)
                if path is None:
                    location = Path(entry.location)
                    on_problem(Problem(location, f"{Reason.NOT_THERE} ({_list_name(text)})"))
                    on_left_out(LeftOut(location, Reason.NOT_THERE, _list_name(text)))
                    continue
                source, is_inside = self._source(path, library)
                if source in seen or (is_inside and self.beside is not None):
                    continue
                seen.add(source)
                if (left_out := self._why_not(entry, path, source, scan)) is not None:
                    on_left_out(left_out)
                    continue
                status = path.stat()
                genres[source] = entry.genre
                yield FoundFile(
                    path_name=str(path),
                    source_name=str(source),
                    size_bytes=status.st_size,
                    mtime_ns=status.st_mtime_ns,
                )

    def _why_not(self, entry: Entry, path: Path, source: Path, scan: ScanConfig) -> LeftOut | None:
        if unwanted := why_not_wanted(entry, self.config):
            return LeftOut(source, Reason.NOT_WANTED, unwanted)
        why = why_not_any(source.as_posix(), scan.exclude) or why_no_track(
            str(path), path.name, scan.extensions
        )
        return LeftOut(source, *why) if why else None

    def _source(self, path: Path, library: Path) -> tuple[Path, bool]:
        """Return the source of a file, and whether it lies in the library; both as on the disk."""
        for file, folder in ((path, library), (path.resolve(), library.resolve())):
            if file.is_relative_to(folder):
                return file.relative_to(folder), True
        outside = OUTSIDE
        while (self.library / outside).exists():
            outside += "~"
        return Path(outside, *path.resolve().parts[1:]), False

    def _is_wanted_genre(self, text: str) -> bool:
        names = [name.strip().casefold() for name in re.split(r"[;/|,\0]", text) if name.strip()]

        def has(patterns: Sequence[str]) -> bool:
            folded = [pattern.casefold() for pattern in patterns]
            return any(fnmatch.fnmatchcase(n, p) for n in (*names, text.casefold()) for p in folded)

        if has(self.config.exclude_genres):
            return False
        return not self.config.genres or has(self.config.genres)


def listing_of(
    ends: Ends, lists: Sequence[str], wishes: LibraryConfig, *, with_library: bool
) -> Path | ListFiles:
    """Return what lists the tracks of a run: the library, lists instead of it, or both.

    Parameters
    ----------
    ends
        Where the library is.
    lists, wishes
        See `ListedTracks`; the wishes are for the tracks of the lists.
    with_library
        Whether all of the library is converted beside the lists.

    Raises
    ------
    ConfigError
        There are lists, but the library is in a store; or wishes, or ``with_library``, and no list.
    """
    if not lists:
        if wishes.is_choosy:
            raise ConfigError("library: genres, ratings and so on need a --playlist")
        if with_library:
            raise ConfigError("--with-library is for --playlist: alone, all of LIBRARY is taken")
        return ends.listing()
    library = ends.local_library
    if library is None:
        raise ConfigError(f"{ends.library}: --playlist needs a library on this machine")
    beside = lister_of(library, ends.local_stems) if with_library else None
    return ListedTracks(library, lists, wishes, beside)


def no_files(*_: object) -> Iterator[FoundFile]:
    """Return no tracks: what stands beside lists for a library that somebody else has listed."""
    return iter(())


def find_here(location: str, path_map: Mapping[str, str], disk: Disk) -> Path | None:
    r"""Return the regular file that a list means, as the disk spells it; None if it is not there.

    Parameters
    ----------
    location
        Its path as a DJ program writes it, with ``/`` between folders. Where there is no such file,
        ``\`` counts as ``/``, then ``%20`` as a space.
    path_map
        Begins of such paths, and what they are here; letters of drives without case.
    disk
        Finds it whatever the case of its letters.
    """
    for path in spellings(mapped(location, path_map)):
        found = disk.find(path) if path.startswith("/") else None
        if found is not None and os.path.isfile(found):  # noqa: PTH113 - a closed folder raises there
            return found
    return None


def mapped(location: str, path_map: Mapping[str, str]) -> str:
    """Return a path of another machine as it is here; the longest begin that fits counts."""
    plain = location.replace("\\", "/") if re.match(r"[A-Za-z]:|\\\\", location) else location
    for begin in sorted(path_map, key=len, reverse=True):
        start = begin.replace("\\", "/").rstrip("/")
        head, rest = plain[: len(start)], plain[len(start) :]
        is_drive = start[1:2] == ":"
        fits = head.casefold() == start.casefold() if is_drive else head == start
        if fits and (not rest or rest.startswith("/")):
            return path_map[begin].rstrip("/") + rest
    return plain


def why_not_wanted(entry: Entry, config: LibraryConfig) -> str:
    """Return which wish a track does not meet: ``rating``, ``date`` or ``tempo``; else nothing."""
    if config.min_rating and (entry.rating or 0) * MAX_STARS / 100 < config.min_rating:
        return "rating"
    if config.added_since and (entry.added is None or entry.added < config.added_since):
        return "date"
    limits = (config.min_bpm, config.max_bpm)
    if limits != (None, None):
        lowest, highest = limits[0] or 0.0, limits[1] or float("inf")
        if entry.bpm is None or not lowest <= entry.bpm <= highest:
            return "tempo"
    return ""


def _list_name(text: str) -> str:
    """Return what a list is called for its reader: its file, and which of its playlists."""
    file, separator, name = text.rpartition("#")
    return f"{Path(file).name}#{name}" if separator else Path(text).name

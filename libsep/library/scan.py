"""The scan of a library: every track with length, genres and the place of its stem file."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path

from libsep.library.headers import with_headers
from libsep.library.naming import Namer
from libsep.library.reasons import LeftOut
from libsep.library.walk import Problem, Walk, log_left_out, log_problem
from libsep.machine import n_cores
from libsep.track import FoundFile, Outcome, Track


def scan(
    library: Path,
    stems: Path | None = None,
    *,
    extensions: Collection[str],
    exclude: Collection[str] = (),
    follow_symlinks: bool = True,
    known: Mapping[str, Outcome] | None = None,
    on_problem: Callable[[Problem], None] = log_problem,
    on_left_out: Callable[[LeftOut], None] = log_left_out,
    n_workers: int | None = None,
) -> Iterator[FoundFile]:
    """Yield the tracks of a library in a fixed order, with length and genres.

    Headers are read in other processes, a bounded number of files ahead. A stem file that is not
    called one is found out there and left out. A header that cannot be read leaves its track
    without length and genres; why it cannot be read shows when the track is converted.

    Parameters
    ----------
    library, stems, extensions, exclude, follow_symlinks, on_problem, on_left_out
        As for `Walk`.
    known
        Last outcome of each source (`libsep.ledger.Ledger.latest`). A file whose size and time
        are still those of its outcome is not opened: length and genres are the outcome's, unless
        that does not know them.
    n_workers
        Processes that read headers; by default one per CPU core.

    Raises
    ------
    ConfigError
        ``library`` is no folder that can be read, or is the output folder.
    """
    files = Walk(
        library,
        stems,
        extensions=extensions,
        exclude=exclude,
        follow_symlinks=follow_symlinks,
        on_problem=on_problem,
        on_left_out=on_left_out,
    )
    return with_headers(files, known or {}, n_workers or n_cores(), on_left_out=on_left_out)


def named(files: Iterable[FoundFile], namer: Namer) -> Iterator[Track]:
    """Yield ``files`` as tracks, each with the path that its stem file gets from ``namer``."""
    for file in files:
        yield Track(
            path_name=file.path_name,
            source_name=file.source_name,
            output_name=namer.output_for(file.source_name),
            size_bytes=file.size_bytes,
            mtime_ns=file.mtime_ns,
            duration_s=file.duration_s,
            genres=file.genres,
            is_header_known=file.is_header_known,
        )

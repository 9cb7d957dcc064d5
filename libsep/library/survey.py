"""What there is to do: the scan of a library, held against the ledger of its output folder."""

import contextlib
import dataclasses
import functools
import operator
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from libsep.config import ScanConfig
from libsep.errors import ConfigError, ProbeError
from libsep.ledger import FOLDER, Ledger, RunLock, failed_outcomes, outputs_of
from libsep.library.gone import closed_failures
from libsep.library.headers import read_headers
from libsep.library.moves import Places, with_moves
from libsep.library.naming import Namer
from libsep.library.noted import remember_library
from libsep.library.omissions import Omission, Omissions
from libsep.library.plan import Action, Assign, ConfigOf, OutputSize, PlannedTrack, plan_tracks
from libsep.library.reasons import LeftOut
from libsep.library.rebuild import outcomes_from_files
from libsep.library.scan import named, scan
from libsep.library.walk import Problem
from libsep.machine import rare_garbage_search
from libsep.media.atomic import remove_stale
from libsep.media.drives import Drive
from libsep.media.stems import EXTENSION, EXTENSIONS
from libsep.track import Assignment, FoundFile, Outcome, Track, path_to_text

_route = operator.attrgetter(*(field.name for field in dataclasses.fields(Assignment)))

ListFiles = Callable[
    [
        ScanConfig,
        Mapping[str, Outcome],
        Callable[[Problem], None],
        Callable[[LeftOut], None],
    ],
    Iterator[FoundFile],
]
"""Lists the tracks of a library, by what is one, the last outcomes, and who is told of problems
and of all that is left out."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """All tracks of a library, apart into those that need something and those that do not.

    ``n_beyond_limit`` tracks need something too, but not in this run. ``problems`` are folders and
    links that could not be walked; ``left_out`` is all that is no track, with them. ``noted`` are
    rows for the ledger: tracks with nothing to do whose genres, or the reason for their model, are
    other ones than their last rows say, and failures whose tracks are gone.
    """

    work: list[PlannedTrack]
    n_up_to_date: int
    n_failed_before: int
    problems: list[Problem]
    noted: list[Outcome] = dataclasses.field(default_factory=list)
    n_beyond_limit: int = 0
    left_out: tuple[Omission, ...] = ()

    @property
    def n_found(self) -> int:
        """How many tracks the library holds."""
        return len(self.work) + self.n_beyond_limit + self.n_up_to_date + self.n_failed_before

    @property
    def n_gone(self) -> int:
        """How many failures ended because their tracks are gone."""
        return sum(row.has_gone for row in self.noted)

    def limited(self, limit: int | None) -> "Survey":
        """Return the survey with no more than ``limit`` tracks to do."""
        work = self.work[:limit]
        n_beyond_limit = len(self.work) - len(work)
        return dataclasses.replace(self, work=work, n_beyond_limit=n_beyond_limit)


@rare_garbage_search()
def survey(
    library: Path | ListFiles,
    stems: Path | OutputSize,
    latest: Mapping[str, Outcome],
    config: ScanConfig,
    *,
    assign: Assign,
    config_sha256: str | ConfigOf,
    retry_failed: bool = False,
    only_model_sha256: str = "",
    root: Path | None = None,
) -> Survey:
    """Scan a library and decide what each track needs; no audio is read, nothing is written.

    Parameters
    ----------
    library
        Folder of music, or what lists its tracks.
    stems
        Folder of stem files, or what tells their sizes.
    latest
        Last outcome of each source (`libsep.ledger.Ledger.latest`).
    config
        Which files are tracks.
    assign, config_sha256, retry_failed, only_model_sha256
        As for `plan_tracks`.
    root
        The local folder that the tracks lie in which ``library`` lists, if there is one.

    Raises
    ------
    ConfigError
        ``library`` is no folder, or the same as ``stems``.
    """
    problems: list[Problem] = []
    if isinstance(library, Path):
        root = library
        library = lister_of(library, stems if isinstance(stems, Path) else None)
    left_out = Omissions()
    found = library(config, latest, problems.append, left_out)
    # Where the folder is not there yet, this is a dry run: nothing is tried in those above it.
    is_there = isinstance(stems, Path) and os.path.isdir(stems)  # noqa: PTH112 - may not raise
    drive = Drive(stems / FOLDER) if isinstance(stems, Path) and is_there else None
    namer = Namer(outputs_of(latest), drive)
    plan = functools.partial(
        plan_tracks,
        assign=assign,
        config_sha256=config_sha256,
        retry_failed=retry_failed,
        only_model_sha256=only_model_sha256,
    )
    apart = _apart(plan(named(found, namer), latest, stems))  # walks, and so finds problems
    if root is not None:
        apart.noted.extend(closed_failures(failed_outcomes(latest), root))
    if root is not None and isinstance(stems, Path):
        places = Places(library=root, stems=stems, namer=namer, problems=problems)
        apart.work[:] = with_moves(apart.work, latest, places, plan)
    return dataclasses.replace(apart, problems=problems, left_out=left_out.all())


def _apart(tracks: Iterable[PlannedTrack]) -> Survey:
    """Take tracks that need something apart from those that do not."""
    work: list[PlannedTrack] = []
    noted: list[Outcome] = []
    n_up_to_date = n_failed_before = 0
    for planned in tracks:
        if planned.decision.action is not Action.SKIP or planned.previous is None:
            work.append(planned)
            continue
        noted += _with_new_route(planned.track, planned.previous, planned.assignment)
        if planned.previous.status == "failed":
            n_failed_before += 1
        else:
            n_up_to_date += 1
    return Survey(
        work=work,
        noted=noted,
        n_up_to_date=n_up_to_date,
        n_failed_before=n_failed_before,
        problems=[],
    )


def lister_of(library: Path, stems: Path | None) -> ListFiles:
    """Return what lists the tracks of a folder; the output in it, if it is local, is none of it."""

    def list_files(
        config: ScanConfig,
        known: Mapping[str, Outcome],
        on_problem: Callable[[Problem], None],
        on_left_out: Callable[[LeftOut], None],
    ) -> Iterator[FoundFile]:
        return scan(
            library,
            stems,
            extensions=config.extensions,
            exclude=config.exclude,
            follow_symlinks=config.follow_symlinks,
            known=known,
            on_problem=on_problem,
            on_left_out=on_left_out,
        )

    return list_files


def _with_new_route(
    track: Track, previous: Outcome, assignment: Assignment | None
) -> Iterator[Outcome]:
    """Yield the row of a track that needs nothing, if genres or the way to its model are new.

    So it does of one that failed, was gone, and is there again.

    The model itself is the same, or the track would be converted. What the row of the conversion
    measured stays with that row, so that it is not counted twice.
    """
    is_new = assignment is not None and _route(assignment) != _route(previous)
    if not is_new and not previous.has_gone and previous.tag_genres == track.tag_genres:
        return
    columns = assignment.columns() if assignment is not None else {}
    row = dataclasses.replace(previous, **columns, tag_genres=track.tag_genres, moved_from="")
    if row.status == "failed":
        yield dataclasses.replace(row, action="convert") if row.has_gone else row
        return
    yield dataclasses.replace(
        row,
        status="skipped",
        action="skip",
        warnings=(),
        decode_s=0.0,
        separate_s=0.0,
        encode_s=0.0,
        tag_s=0.0,
        verify_s=0.0,
        wall_s=0.0,
        started_at=0.0,
    )


@contextlib.contextmanager
def locked_ledger(
    library: Path | str, stems: Path, run: str, *, rebuild: bool = False
) -> Iterator[Ledger]:
    """Hold the lock of an output folder, and yield its ledger, readable and ready to begin.

    A folder with stem files of libsep but without a ledger gets one that is rebuilt from them.

    Parameters
    ----------
    library
        Folder of music, or the URI of one that is elsewhere. The output folder remembers it: the
        names of its files are those of one library.
    stems
        Output folder; made if it does not exist.
    run
        Name of the run, for whoever finds the lock.
    rebuild
        Whether damaged files of the ledger are moved aside and their rows read back from the stem
        files.

    Raises
    ------
    LedgerError
        Another run holds the lock, or the ledger is damaged and ``rebuild`` is False.
    ConfigError
        ``stems`` holds the stems of another library.
    """
    folder = stems / FOLDER
    with RunLock(folder, run=run) as lock:
        remember_library(folder / "library", library)
        ledger = Ledger(folder, lock=lock)
        found = list(outcomes_from_files(stems)) if rebuild or ledger.has_no_outcomes() else []
        if rebuild or found:
            ledger.rebuild(found, run=f"{run}-rebuilt")
        try:
            yield ledger
        finally:
            ledger.close()


def remove_leftovers(stems: Path, tracks: Iterable[Track]) -> int:
    """Delete what killed runs left beside outputs and ledger; return how many files.

    The caller holds the lock of ``stems``, so nobody else is writing there.
    """
    folders = sorted({stems, stems / FOLDER, *((stems / track.output).parent for track in tracks)})
    are_there = filter(os.path.isdir, folders)  # that of Path raises where a folder is closed
    return sum(len(remove_stale(folder)) for folder in are_there)


def remove_all_leftovers(stems: Path) -> int:
    """Delete what killed runs left anywhere, also beside tracks that have gone since.

    The caller holds the lock of ``stems``, as for `remove_leftovers`.
    """
    folders = (Path(folder) for folder, _, _ in os.walk(stems))
    return sum(len(remove_stale(folder)) for folder in folders)


def track_of_file(file: Path, output: Path | None = None) -> tuple[Track, Path]:
    """Return one file as a track, and the folder that its output is relative to.

    Parameters
    ----------
    file
        The recording; its extension does not matter.
    output
        Its stem file, or the existing folder in which that gets its usual name; by default the
        file's own folder.

    Raises
    ------
    ProbeError
        There is no file at ``file``, or it is a stem file already.
    ConfigError
        ``output`` is neither a folder nor named like a stem file.
    """
    try:
        status = file.stat()
    except OSError as exc:
        raise ProbeError(file, f"cannot be read: {exc.strerror}") from exc
    if not stat.S_ISREG(status.st_mode):
        raise ProbeError(file, "expected a file, found a folder or device")
    (header,) = read_headers([file])
    if header is None or file.name.casefold().endswith(EXTENSIONS):
        raise ProbeError(file, "is a stem file already")
    if output is None or output.is_dir():
        goal = stem_file_in(output or file.parent, file.name)
    elif output.name.casefold().endswith(EXTENSIONS):
        goal = output
    else:
        raise ConfigError(
            f"{output}: expected a folder (of a new one, end the path with /), or a name that ends "
            f"with {EXTENSION}"
        )
    track = Track(
        path_name=str(file.absolute()),
        source_name=file.name,
        output_name=goal.name,
        size_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        duration_s=header.duration_s,
        genres=tuple(header.genres),
    )
    return track, goal.parent


def stem_file_in(folder: Path, name: str) -> Path:
    """Return the stem file that a track of this name gets in a folder, there or not."""
    return folder / Namer(drive=Drive(folder)).output_for(name)


def source_of(planned: PlannedTrack) -> str:
    """Return the key of a planned track in the ledger."""
    return path_to_text(planned.track.source_name)

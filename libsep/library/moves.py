"""Tracks that were moved or renamed since they were converted: their stem files go with them."""

import collections
import contextlib
import dataclasses
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from libsep import __version__
from libsep.ledger import outcomes_of_files
from libsep.library.naming import OUTSIDE
from libsep.library.plan import Action, Decision, OutputSize, PlannedTrack
from libsep.track import Outcome, Track, path_to_text, text_to_path

logger = logging.getLogger(__name__)

Planner = Callable[
    [Iterable[Track], Mapping[str, Outcome], OutputSize],
    Iterator[PlannedTrack],
]
"""Decides what tracks need, by their last outcomes and the sizes of their stem files."""


def with_moves(
    work: Sequence[PlannedTrack],
    latest: Mapping[str, Outcome],
    library: Path,
    stems: Path,
    plan: Planner,
) -> list[PlannedTrack]:
    """Return the tracks to do, each new one that is an old one elsewhere with what it was.

    A new file is an old one if it has the size and the time of a file that the ledger knows, which
    is not in the library any more and whose stem file is as it was made. Of several with the same
    size and time, those of the same name are. What is in the file is not read here: whoever tags
    the stem file compares the audio.

    Parameters
    ----------
    work
        Tracks to do.
    latest
        Last outcome of each source.
    library, stems
        The two folders.
    plan
        Decides what a track needs, here with its old outcome.
    """
    new = {
        index: planned
        for index, planned in enumerate(work)
        if planned.previous is None and not os.path.lexists(stems / planned.track.output)
    }
    files = {_identity(planned.track) for planned in new.values()}
    gone = collections.defaultdict(list)
    for row in outcomes_of_files(latest, files) if files else ():
        if has_gone(row, library) and _has_stem_file(row, stems):
            gone[row.size_bytes, row.mtime_ns].append(row)
    followed = list(work)
    for identity, rows in gone.items():
        same = {i: planned for i, planned in new.items() if _identity(planned.track) == identity}
        for index, row in _pairs(same, rows):
            followed[index] = _followed(work[index], row, plan)
    return followed


def move_stem_files(stems: Path, work: Iterable[PlannedTrack], run: str) -> Iterator[Outcome]:
    """Give the stem files of moved tracks their new places; yield what the ledger has to know.

    A stem file that cannot be moved stays, and its track is converted.

    Parameters
    ----------
    stems
        The output folder; the caller holds its lock.
    work
        Tracks to do.
    run
        Name of the run, for the rows.

    Yields
    ------
    The last row of each old source.
    """
    for planned in work:
        was = planned.was
        if was is None:
            continue
        before, after = stems / text_to_path(was.output), stems / planned.track.output
        try:
            after.parent.mkdir(parents=True, exist_ok=True)
            before.rename(after)
        except OSError as exc:
            logger.warning("%s: cannot be moved to %s: %s", before, after, exc)
            continue
        _remove_empty_folders(before.parent, stems)
        source = path_to_text(planned.track.source_name)
        logger.info("%s: is %s now, and its stem file %s", was.source, source, planned.track.output)
        yield Outcome(
            source=was.source,
            output=was.output,
            status="moved",
            action="move",
            message=f"is {source} now",
            size_bytes=was.size_bytes,
            mtime_ns=was.mtime_ns,
            run=run,
            ended_at=time.time(),
            version=__version__,
        )


def _identity(track: Track) -> tuple[int, int]:
    return track.size_bytes, track.mtime_ns


def has_gone(row: Outcome, library: Path) -> bool:
    """Return whether a file that lay in the library does not lie there any more."""
    is_of_library = not row.source.startswith((f"{OUTSIDE}/", f"{OUTSIDE}~"))
    return is_of_library and not os.path.lexists(library / text_to_path(row.source))


def _has_stem_file(row: Outcome, stems: Path) -> bool:
    if not row.has_stem_file:
        return False
    try:
        return (stems / text_to_path(row.output)).stat().st_size == row.output_size_bytes
    except OSError:
        return False


def _pairs(
    new: Mapping[int, PlannedTrack], rows: Sequence[Outcome]
) -> Iterator[tuple[int, Outcome]]:
    """Yield which new track is which old one: the only one, or the only one of its name."""
    if len(new) == len(rows) == 1:
        yield next(iter(new)), rows[0]
        return
    by_name = collections.defaultdict(list)
    for row in rows:
        by_name[text_to_path(row.source).name].append(row)
    names = collections.Counter(planned.track.source.name for planned in new.values())
    for index, planned in new.items():
        name = planned.track.source.name
        if names[name] == len(by_name[name]) == 1:
            yield index, by_name[name][0]


def _followed(planned: PlannedTrack, was: Outcome, plan: Planner) -> PlannedTrack:
    """Return a track with its old outcome under its new name."""
    track = planned.track
    source, output = path_to_text(track.source_name), path_to_text(track.output_name)
    previous = dataclasses.replace(was, source=source, output=output)
    (again,) = plan([track], {source: previous}, lambda _: was.output_size_bytes)
    decision = again.decision
    if decision.action is not Action.CONVERT:
        decision = Decision(Action.CHECK, f"was {was.source}; its stem file goes with it")
    return dataclasses.replace(again, decision=decision, was=was)


def _remove_empty_folders(folder: Path, root: Path) -> None:
    """Remove a folder that the last stem file has left, and those above it that held nothing else.

    ``root`` stays.
    """
    with contextlib.suppress(OSError):  # it holds something
        while folder != root:
            folder.rmdir()
            folder = folder.parent

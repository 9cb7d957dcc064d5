"""Tracks that may be others, moved or renamed since they were converted."""

import collections
import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from libsep.ledger import outcomes_of_files
from libsep.library.gone import has_gone
from libsep.library.naming import Namer
from libsep.library.plan import Action, Decision, OutputSize, PlannedTrack
from libsep.library.walk import Problem
from libsep.track import Move, Outcome, Track, path_to_text, text_to_path

Planner = Callable[[Iterable[Track], Mapping[str, Outcome], OutputSize], Iterator[PlannedTrack]]
"""Decides what tracks need, by last outcomes and the sizes of stem files."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where tracks and stem files are and were: local folders, names, what could not be walked."""

    library: Path
    stems: Path
    namer: Namer
    problems: Sequence[Problem]


def with_moves(
    work: Sequence[PlannedTrack],
    latest: Mapping[str, Outcome],
    places: Places,
    plan: Planner,
) -> list[PlannedTrack]:
    """Return the tracks to do, each new one that may be an old one elsewhere with what it was.

    It may be if size and time are those of a converted track that has gone (`has_gone`), whose stem
    file is there and of the model and settings of today. What is in the files is not read here:
    whoever takes the stem file along compares the audio. Each old track is that of one new one at
    most; of several with one size and time, those with the same file name.

    Parameters
    ----------
    work
        Tracks to do.
    latest
        Last outcome of each source.
    places
        The two folders, and the names of stem files.
    plan
        Decides what a track needs, here as if it had the last outcome of another one.
    """
    new: dict[tuple[int, int], list[int]] = collections.defaultdict(list)
    for index, planned in enumerate(work):
        if planned.previous is None or planned.previous.status == "failed":
            new[_identity(planned.track)].append(index)
    if not latest or not new:
        return list(work)
    old: dict[tuple[int, int], list[Outcome]] = collections.defaultdict(list)
    for row in outcomes_of_files(latest, new.keys()):
        if row.status != "failed" and not _is_below(row, places):
            old[row.size_bytes, row.mtime_ns].append(row)
    followed = list(work)
    for identity, rows in old.items():
        for index, row in _pairs(new[identity], rows, work, places):
            followed[index] = _followed(work[index], row, places, plan)
    return followed


def remove_empty_folders(stems: Path, moves: Iterable[Move]) -> None:
    """Remove the folders in which moved stem files lay if nothing is left in them.

    The caller holds the lock of ``stems``, so that nobody is about to write there.
    """
    for folder in {(stems / text_to_path(move.was.output)).parent for move in moves}:
        with contextlib.suppress(OSError):  # it holds something, or has gone already
            while folder != stems:
                folder.rmdir()
                folder = folder.parent


def _identity(track: Track) -> tuple[int, int]:
    return track.size_bytes, track.mtime_ns


def _is_below(row: Outcome, places: Places) -> bool:
    """Return whether a track lay below a folder that could not be walked."""
    path = places.library / text_to_path(row.source)
    return any(problem.path in path.parents for problem in places.problems)


def _pairs(
    new: Sequence[int], rows: Sequence[Outcome], work: Sequence[PlannedTrack], places: Places
) -> Iterator[tuple[int, Outcome]]:
    """Yield which new track may be which old one: first by file name, then in their order."""
    left, spare = list(new), list(rows)
    for needs_name in (True, False):
        for index in list(left):
            track = work[index].track
            for row in spare:
                is_called_so = text_to_path(row.source).name == track.source.name
                if (is_called_so or not needs_name) and _may_be(track, row, places):
                    left.remove(index)
                    spare.remove(row)
                    yield index, row
                    break


def _may_be(track: Track, row: Outcome, places: Places) -> bool:
    """Return whether an old track has gone and its stem file is there, or where it would go."""
    output = places.namer.output_instead_of(row.source, track.source_name)
    outputs = text_to_path(row.output), output
    is_there = any(os.path.lexists(places.stems / output) for output in outputs)
    return is_there and has_gone(row, places.library, track)


def _followed(planned: PlannedTrack, was: Outcome, places: Places, plan: Planner) -> PlannedTrack:
    """Return a track with what it may have been, unless it is to be converted all the same."""
    track = planned.track
    as_was = {path_to_text(track.source_name): was}
    (as_old,) = plan([track], as_was, lambda _: was.output_size_bytes)
    if as_old.decision.action is Action.CONVERT:
        return planned
    move = Move(
        was=was,
        library_name=str(places.library),
        output_name=places.namer.output_instead_of(was.source, track.source_name),
    )
    reason = f"perhaps {was.source}, moved or renamed"
    return dataclasses.replace(planned, decision=Decision(Action.CHECK, reason), move=move)

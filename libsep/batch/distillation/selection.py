"""The tracks of a library that a student is for: all, or those of one genre."""

import collections
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import ray

from libsep.batch.listening import Listening, n_listeners
from libsep.batch.schedule.plan import Attempt
from libsep.errors import ConfigError
from libsep.library.naming import Namer
from libsep.library.scan import named, scan
from libsep.pipeline import Assigner, Settings
from libsep.track import Track, path_to_text
from libsep.training.distillation.job import DistillationJob

logger = logging.getLogger(__name__)

HEARD = "heard.jsonl"
"""File in the folder of a distillation: which genre each track was heard to have."""


def select_tracks(
    job: DistillationJob, stop: Callable[[], str], say: Callable[[str], None]
) -> list[Track]:
    """Return the tracks of the library, or those of the job's genre as a run would route them.

    Tracks whose genre only their sound tells are listened to on Ray, each once.

    Parameters
    ----------
    job
        Library, genre and routing.
    stop
        Says why no further track is to be listened to; empty text: go on.
    say
        Is told how many tracks are listened to.

    Raises
    ------
    ConfigError
        The library is no folder, or holds no track of the genre.
    ModelError
        A model that the routing names, or the classifier, is missing.
    """
    config = job.conversion()
    found = scan(
        job.library,
        extensions=config.scan.extensions,
        exclude=config.scan.exclude,
        follow_symlinks=config.scan.follow_symlinks,
    )
    tracks = list(named(found, Namer()))
    if job.genre is not None:
        tracks = _of_genre(job, tracks, stop, say)
    if not tracks:
        raise ConfigError(f"{job.library}: no tracks" + (f" of {job.genre}" if job.genre else ""))
    return tracks


def _of_genre(
    job: DistillationJob,
    tracks: Sequence[Track],
    stop: Callable[[], str],
    say: Callable[[str], None],
) -> list[Track]:
    assigner = Assigner(job.conversion())
    genres: dict[Track, str] = {}
    unknown = []
    heard = _read_heard(job.out / HEARD)
    for track in tracks:
        assignment = assigner.assign(track, None)
        if assignment is not None:
            genres[track] = assignment.genre
        elif (genre := heard.get(_identity(track))) is not None:
            genres[track] = genre
        else:
            unknown.append(track)
    if unknown:
        say(f"{len(unknown)} tracks have no tag that tells their genre: they are listened to")
        with (job.out / HEARD).open("a", encoding="utf-8") as file:
            for track, genre in _listened(job, assigner, unknown, stop):
                genres[track] = genre
                file.write(json.dumps([*_identity(track), genre]) + "\n")
        counts = collections.Counter(genres[track] for track in unknown if track in genres)
        heard_as = ", ".join(f"{n} as {genre}" for genre, n in counts.most_common())
        say(f"heard {heard_as or 'none'}; routing.folders in --config knows better")
    return [track for track in tracks if genres.get(track) == job.genre]


def _listened(
    job: DistillationJob, assigner: Assigner, tracks: Sequence[Track], stop: Callable[[], str]
) -> Iterator[tuple[Track, str]]:
    """Yield tracks with the genre that they are heard to have, as they come."""
    settings = Settings(config=job.conversion(), models={}, output_root=job.out, run="distil")
    listening = Listening(settings, assigner)
    left = collections.deque(tracks)
    try:
        while left or listening.pending:
            while left and not stop() and len(listening.pending) < n_listeners():
                listening.begin(Attempt(left.popleft()))
            if not listening.pending:
                return
            ready, _ = ray.wait(listening.pending, num_returns=1, timeout=1.0)
            done = [listening.collect(reference) for reference in ready] + listening.overdue()
            for attempt, assignment in done:
                yield attempt.track, assignment.genre
    finally:
        listening.end()


def _identity(track: Track) -> tuple[str, int, int]:
    return path_to_text(track.source), track.size_bytes, track.mtime_ns


def _read_heard(path: Path) -> dict[tuple[str, int, int], str]:
    """Return what was heard before; a line that was torn by a crash is left out."""
    heard = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            source, size_bytes, mtime_ns, genre = json.loads(line)
        except ValueError:
            logger.warning("%s: a line is torn", path)
            continue
        heard[source, size_bytes, mtime_ns] = genre
    return heard

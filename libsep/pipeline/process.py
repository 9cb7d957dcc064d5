"""One track through all its stages, in plain Python: what a track task of a run executes."""

import dataclasses
import logging
import platform
import time
import traceback
from typing import Any

from libsep import __version__, log
from libsep.errors import DecodeError, LibsepError, ProbeError, TagError, TrackError
from libsep.library.gone import was_edited
from libsep.media.blame import is_from_outside
from libsep.pipeline.settings import Settings
from libsep.pipeline.stages import TrackRun
from libsep.pipeline.stopwatch import Stopwatch
from libsep.separation.stream import SegmentSeparator
from libsep.track import Assignment, Move, Outcome, Track, path_to_text

logger = logging.getLogger(__name__)


def process(
    track: Track,
    previous: Outcome | None,
    separator: SegmentSeparator,
    settings: Settings,
    assignment: Assignment,
    *,
    attempt: int = 1,
    move: Move | None = None,
) -> Outcome:
    """Take one track through all its stages; whatever happens ends as one outcome.

    Parameters
    ----------
    track
        The recording, as the scan saw it.
    previous
        Its last outcome, if any: a track whose audio, model and settings are the same is skipped
        or tagged again instead of converted.
    separator
        Turns segments of the mixture into estimates, here or on another machine.
    settings
        What all tracks of the run share.
    assignment
        Which of the run's models ``separator`` is, and why.
    attempt
        Which try at this track it is, from 1.
    move
        What a new track may have been: if it is the same recording, its stem file goes with it.

    Returns
    -------
    ``done``, ``skipped`` or ``failed``; a failure carries stage, class, reason and the end of the
    output of the program that failed. The output file is whole or untouched in each case.

    Raises
    ------
    ConfigError, ModelError
        No track could be converted like this: the run has to stop.
    """
    watch = Stopwatch()
    outcome = begun(track, settings, assignment, attempt)
    start = time.perf_counter()
    track_run = TrackRun(track, previous, separator, settings, outcome, watch, move)
    with log.bound(run=settings.run, track=outcome.source):
        try:
            outcome = track_run.end()
        except TrackError as exc:
            logger.error("%s: %s %s", exc.stage, exc, exc.log)
            message = f"{exc.message}\n{exc.log}".strip()
            kind = _kind_of(exc, track)
            outcome = _failed(track_run.outcome, kind, exc.stage, type(exc).__name__, message)
        except LibsepError:
            raise
        except Exception as exc:
            logger.exception("unexpected error in stage %s", watch.stage)
            message = f"{type(exc).__name__}: {exc}\n{traceback.format_exc()}"
            outcome = _failed(track_run.outcome, "bug", watch.stage, type(exc).__name__, message)
    wall_s = time.perf_counter() - start
    return dataclasses.replace(outcome, **_seconds(watch), wall_s=wall_s, ended_at=time.time())


def _seconds(watch: Stopwatch) -> dict[str, Any]:
    """Return how long each stage took, by column of the ledger."""
    stages = ("decode", "separate", "encode", "tag", "verify")
    return {f"{stage}_s": watch.seconds.get(stage, 0.0) for stage in stages}


def begun(track: Track, settings: Settings, assignment: Assignment, attempt: int) -> Outcome:
    """Return what is known of a track before anything is done with it, as a failure so far."""
    return Outcome(
        source=path_to_text(track.source_name),
        output=path_to_text(track.output_name),
        status="failed",
        tag_genres=track.tag_genres,
        config_sha256=settings.config_sha256(None),
        size_bytes=track.size_bytes,
        mtime_ns=track.mtime_ns,
        duration_s=track.duration_s or 0.0,
        node=platform.node(),
        attempt=attempt,
        run=settings.run,
        started_at=time.time(),
        version=__version__,
        **assignment.columns(),
    )


def is_fault_of_the_file(exc: TrackError, track: Track) -> bool:
    """Return whether a track failed by what is in it, so that another try would fail again."""
    is_about_file = isinstance(exc, ProbeError | DecodeError | TagError) and exc.path == track.path
    if not is_about_file or is_from_outside(exc, track.path):
        return False
    try:
        now = track.path.stat()
    except OSError:
        return False
    return (now.st_size, now.st_mtime_ns) == (track.size_bytes, track.mtime_ns)


def _kind_of(exc: TrackError, track: Track) -> str:
    if is_fault_of_the_file(exc, track):
        return "file"
    return "changed" if was_edited(track) else "fault"


def _failed(outcome: Outcome, kind: str, stage: str, error: str, message: str) -> Outcome:
    return dataclasses.replace(
        outcome, status="failed", kind=kind, stage=stage, error=error, message=message
    )

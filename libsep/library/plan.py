"""What a track needs: nothing, new tags, or a conversion; and why."""

import dataclasses
import enum
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from libsep.errors import StemsError, TagError, reason_of
from libsep.media.blame import is_of_disk
from libsep.media.tags import read_fingerprint
from libsep.track import Assignment, Move, Outcome, Track, path_to_text

logger = logging.getLogger(__name__)

Assign = Callable[[Track, Outcome | None], Assignment | None]
"""Gives a track its model, by itself and its last outcome; None if only its sound can tell."""


OutputSize = Callable[[str], int | None]
"""Tells the size of a stem file, in bytes, by its path in the output; None if there is none."""

ConfigOf = Callable[[Outcome | None], str]
"""Gives the SHA-256 of the settings for a track, by its last outcome: what is known of its cut-off
says whether it is restored."""

UNCHANGED = "unchanged"
"""Reason for leaving a track alone whose stem file is as it should be."""

OTHER_SETTINGS = "its stem file was made with other settings"
"""Reason for converting a track again whose settings are not those of today."""


class Action(enum.StrEnum):
    """What is done with a track; ``check`` means that its content decides (`decide_by_content`)."""

    SKIP = "skip"
    RETAG = "retag"
    CONVERT = "convert"
    CHECK = "check"


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    """An action, and a sentence that says why."""

    action: Action
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class PlannedTrack:
    """A track with its last outcome, if any, its model, and what is to be done with it.

    Without an ``assignment``, it has to be listened to before it can be converted. ``rank`` is its
    class of urgency, 0 the most urgent one. ``move`` is what a new track may have been before.
    """

    track: Track
    previous: Outcome | None
    assignment: Assignment | None
    decision: Decision
    rank: int = 0
    move: Move | None = None


def plan_tracks(
    tracks: Iterable[Track],
    latest: Mapping[str, Outcome],
    outputs: Path | OutputSize,
    *,
    assign: Assign,
    config_sha256: str | ConfigOf,
    retry_failed: bool = False,
    only_model_sha256: str = "",
) -> Iterator[PlannedTrack]:
    """Decide for each track without opening any file: one ``stat`` of its output is all.

    Parameters
    ----------
    tracks
        Tracks as the scan saw them.
    latest
        Last outcome of each source (`libsep.ledger.Ledger.latest`).
    outputs
        Folder of the stem files, or what tells their sizes.
    assign
        Gives each track the model that it would be converted with now.
    config_sha256
        The settings that it would be converted with now, or what tells them.
    retry_failed
        Whether failed tracks that have not changed are tried again.
    only_model_sha256
        The model that a track gets whatever is heard of it; empty if that depends. A track that
        has it already need not be listened to.
    """
    output_size = _sizes_in(outputs) if isinstance(outputs, Path) else outputs
    for track in tracks:
        previous = latest.get(path_to_text(track.source_name))
        assignment = assign(track, previous)
        # What will be heard is not known yet: then it is the model of the last time that counts.
        known = assignment or previous
        decision = decide(
            track,
            previous,
            output_size(track.output_name),
            wanted=(known.model_sha256 if known else "", _told(config_sha256, previous)),
            retry_failed=retry_failed,
        )
        if decision.reason == OTHER_SETTINGS and _may_lack_nothing(previous, config_sha256):
            decision = Decision(Action.CHECK, "its cut-off has not been looked for yet")
        is_open = previous is None or previous.model_sha256 != only_model_sha256
        if assignment is None and decision.reason == UNCHANGED and is_open:
            decision = Decision(Action.CHECK, "its genre has not been heard yet")
        yield PlannedTrack(track, previous, assignment, decision)


def decide(
    track: Track,
    previous: Outcome | None,
    output_size_bytes: int | None,
    *,
    wanted: tuple[str, str],
    retry_failed: bool = False,
) -> Decision:
    """Decide by size, time and hashes of the settings, without reading any file.

    Parameters
    ----------
    track
        The track as the scan saw it.
    previous
        Its last outcome; None if the ledger does not know it.
    output_size_bytes
        Size of the file at the output's path; None if there is none.
    wanted
        SHA-256 of the model and of the settings it would be converted with now.
    retry_failed
        Whether a failed track that has not changed is tried again.
    """
    is_unchanged = previous is not None and (
        (previous.size_bytes, previous.mtime_ns) == (track.size_bytes, track.mtime_ns)
    )
    if previous is None:
        return _to_do(output_size_bytes, "not in the ledger")
    has_same_settings = (previous.model_sha256, previous.config_sha256) == wanted
    if previous.status == "failed":
        if not is_unchanged:
            return _to_do(output_size_bytes, "failed before, but the file has changed since")
        if not has_same_settings:
            return _to_do(output_size_bytes, "failed before, with another model or other settings")
        if not previous.is_settled:
            return _to_do(output_size_bytes, "failed before, not by what is in the file")
        if retry_failed:
            return _to_do(output_size_bytes, "failed before, and is to be tried again")
        return Decision(Action.SKIP, f"failed before: {previous.message}")
    if output_size_bytes is None:
        return Decision(Action.CONVERT, "its stem file is missing")
    if previous.model_sha256 != wanted[0]:
        return Decision(Action.CONVERT, "its stem file was made with another model")
    if not has_same_settings:
        return Decision(Action.CONVERT, OTHER_SETTINGS)
    if not is_unchanged:
        return Decision(Action.CHECK, "the file has changed since")
    if output_size_bytes != previous.output_size_bytes:
        return Decision(Action.CHECK, "its stem file was changed by another program")
    return Decision(Action.SKIP, UNCHANGED)


def decide_by_content(outcome: Outcome, previous: Outcome | None, goal: Path) -> Action:
    """Decide by the fingerprint in the stem file that is there.

    The fingerprint, not the ledger, says what the file was made of, so the answer is right after
    a crash and with a lost ledger, too. A stem file that a DJ program has written its own data to
    is kept as long as it holds what would be made again.

    Parameters
    ----------
    outcome
        The track's hashes as they are now: audio, tags, model, settings.
    previous
        Its last outcome; None if the ledger does not know it.
    goal
        Path of the stem file.

    Returns
    -------
    ``skip``, ``retag`` or ``convert``.

    Raises
    ------
    StemsError
        ``goal`` is a file that libsep did not make, as far as the ledger knows, or its disk failed
        while it was read.
    """
    decision = _decide_by_content(outcome, previous, goal)
    logger.info("%s: %s: %s", outcome.source, decision.action, decision.reason)
    return decision.action


def _decide_by_content(outcome: Outcome, previous: Outcome | None, goal: Path) -> Decision:
    try:
        if not goal.exists():
            return Decision(Action.CONVERT, "no stem file yet")
    except OSError as exc:
        raise StemsError(goal, f"cannot be looked at: {reason_of(exc)}") from exc
    try:
        made = read_fingerprint(goal)
    except TagError as exc:
        if exc.__cause__ is not None and is_of_disk(exc.__cause__):
            # It may be as it should be, with what a DJ program has written into it.
            raise StemsError(goal, exc.message) from exc
        made = None
    if made is None:
        if previous is None or previous.status == "failed":
            raise StemsError(
                goal,
                "is not a file of libsep (it has no fingerprint), and is not overwritten;"
                " move it away to have this track converted",
            )
        return Decision(Action.CONVERT, "the stem file is damaged or from elsewhere")
    if made.audio_sha256 != outcome.audio_sha256:
        return Decision(Action.CONVERT, "other audio")
    if made.model_sha256 != outcome.model_sha256:
        return Decision(Action.CONVERT, "another model")
    if made.config_sha256 != outcome.config_sha256:
        return Decision(Action.CONVERT, "other settings")
    if made.tags_sha256 != outcome.tags_sha256:
        return Decision(Action.RETAG, "same audio, other tags")
    if made.source != outcome.source:
        return Decision(Action.RETAG, "same audio and tags, other source")
    return Decision(Action.SKIP, "same audio, tags, model and settings")


def _told(config_sha256: str | ConfigOf, previous: Outcome | None) -> str:
    return config_sha256 if isinstance(config_sha256, str) else config_sha256(previous)


def _may_lack_nothing(previous: Outcome | None, config_sha256: str | ConfigOf) -> bool:
    """Return whether a stem file is as it should be if its track turns out not to be cut off."""
    if previous is None or previous.cutoff_confidence is not None:
        return False
    whole = dataclasses.replace(previous, cutoff_hz=None, cutoff_confidence=0.0)
    return _told(config_sha256, whole) == previous.config_sha256


def _to_do(output_size_bytes: int | None, reason: str) -> Decision:
    action = Action.CONVERT if output_size_bytes is None else Action.CHECK
    return Decision(action, reason)


def _sizes_in(folder: Path) -> OutputSize:
    def size_bytes(output: str) -> int | None:
        try:
            return os.stat(f"{folder}/{output}").st_size  # noqa: PTH116 - a path of each takes long
        except OSError:
            return None

    return size_bytes

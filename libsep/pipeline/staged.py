"""One track of a library, or for an output, in an object store: fetched, converted, delivered."""

import contextlib
import dataclasses
import logging
import time
from collections.abc import Iterator

from libsep import log
from libsep.errors import DecodeError, ProbeError, SourceChangedError, TransferError
from libsep.media.decode import BLOCK_SAMPLES, SAMPLE_RATE, Decoder
from libsep.media.ffmpeg import find_ffmpeg
from libsep.pipeline.process import begun, process
from libsep.pipeline.settings import Settings
from libsep.separation.stream import SegmentSeparator
from libsep.storage.staging import Stage, Staged, stage_of
from libsep.track import Assignment, Move, Outcome, Track, path_to_text
from libsep.units import samples_to_seconds

logger = logging.getLogger(__name__)

TOO_LONG = "longer than"
"""How the message begins with which `libsep.media.decode.Decoder` gives up a track."""

ROUNDING_S = 1.0
"""What a length that was measured may be too short by: a model may have another sample rate."""


def process_staged(
    track: Track,
    previous: Outcome | None,
    separator: SegmentSeparator,
    settings: Settings,
    assignment: Assignment,
    *,
    attempt: int = 1,
    move: Move | None = None,
) -> Outcome:
    """Take one track through all its stages, wherever library and output lie.

    The track and its stem file lie in the scratch folder of this machine while `process` works;
    what fails between the scratch and a store is a fault, which the next run tries again.

    Parameters
    ----------
    track, previous, separator, settings, assignment, attempt, move
        As for `process`; in object stores nothing is moved.

    Returns
    -------
    What `process` does; the object of the output is whole or untouched in each case.

    Raises
    ------
    ConfigError, ModelError
        No track could be converted like this: the run has to stop.
    """
    if settings.staging is None:
        return process(track, previous, separator, settings, assignment, attempt=attempt, move=move)
    first = begun(track, settings, assignment, attempt)
    start = time.perf_counter()
    with log.bound(run=settings.run, track=first.source):
        try:
            stage = stage_of(settings.staging, settings.config.encode)
            outcome = _Carried(track, previous, separator, settings, assignment, attempt).end(stage)
        except TransferError as exc:
            logger.error("%s: %s", exc.stage, exc)
            outcome = _with_fault(first, exc)
    return dataclasses.replace(
        outcome,
        source=first.source,
        output=first.output,
        started_at=first.started_at,
        ended_at=time.time(),
        wall_s=time.perf_counter() - start,
    )


@contextlib.contextmanager
def staged_source(track: Track, settings: Settings) -> Iterator[Track]:
    """Yield a track with a path at which it can be read, for as long as the block lasts.

    Raises
    ------
    TransferError
        It cannot be fetched.
    """
    if settings.staging is None:
        yield track
        return
    with stage_of(settings.staging, settings.config.encode).staged_source(track) as staged:
        yield staged


@dataclasses.dataclass(frozen=True)
class _Carried:
    """A track on its way through the scratch."""

    track: Track
    previous: Outcome | None
    separator: SegmentSeparator
    settings: Settings
    assignment: Assignment
    attempt: int

    def end(self, stage: Stage) -> Outcome:
        """Convert the track in the room for its length, which is measured if its header lies."""
        longest_s = self.settings.config.decode.max_duration_h * 3600
        length_s = stage.expected_s(self.track, longest_s)
        outcome = self._converted(stage, length_s)
        if not _is_too_long(outcome) or length_s >= longest_s:
            return outcome
        most_s = min(stage.most_s(self.track), longest_s)
        length_s = self._measured_s(stage, most_s)
        if length_s <= most_s:
            return self._converted(stage, length_s)
        if most_s == longest_s:
            message = f"{TOO_LONG} {longest_s:g} s, the longest that is converted"
            return dataclasses.replace(outcome, message=message)
        message = (
            f"{TOO_LONG} {most_s:.0f} s, the longest whose stem file has room in the"
            " scratch folder (storage.max_scratch_bytes, and what is free on its disk)"
        )
        return _with_fault(outcome, TransferError(self.track.source, message))

    def _measured_s(self, stage: Stage, most_s: float) -> float:
        """Return how long the track is when it is decoded; more than ``most_s`` if it is longer.

        All the room that there is would keep the other tracks waiting. What cannot be decoded to
        its end gets that all the same: its conversion will say why.
        """
        config, length_s = self.settings.config.decode, 0.0
        with stage.staged_source(self.track) as local:
            try:
                with Decoder(
                    local.path,
                    ffmpeg=find_ffmpeg(config.ffmpeg),
                    block_samples=BLOCK_SAMPLES,
                    stall_timeout_s=config.stall_timeout_s,
                ) as decoder:
                    for _ in decoder:
                        length_s = samples_to_seconds(decoder.n_samples, SAMPLE_RATE)
                        if length_s > most_s:
                            return length_s
            except (ProbeError, DecodeError):
                return most_s
        return min(length_s + ROUNDING_S, most_s)

    def _converted(self, stage: Stage, length_s: float) -> Outcome:
        config = self.settings.config
        output_root, model_sha256 = self.settings.output_root, self.assignment.model_sha256
        with stage.staged(self.track, output_root, model_sha256, length_s) as staged:
            settings = dataclasses.replace(
                self.settings,
                output_root=staged.output_root,
                config=config.replaced(decode={"max_duration_h": length_s / 3600}),
            )
            outcome = process(
                staged.track,
                self.previous,
                self.separator,
                settings,
                self.assignment,
                attempt=self.attempt,
            )
            return self._delivered(stage, staged, outcome)

    def _delivered(self, stage: Stage, staged: Staged, outcome: Outcome) -> Outcome:
        """Return the outcome with what is known of the object, after uploading it."""
        stored = staged.existing
        if outcome.status == "done":
            try:
                stored = stage.deliver(self.track, staged)
            except TransferError as exc:
                logger.error("%s: %s", exc.stage, exc)
                return _with_fault(outcome, exc)
        if stored is None or outcome.status == "failed":
            return outcome
        return dataclasses.replace(
            outcome,
            output=path_to_text(self.track.output),
            output_size_bytes=stored.size_bytes,
            output_mtime_ns=stored.mtime_ns,
        )


def _is_too_long(outcome: Outcome) -> bool:
    return outcome.error == "DecodeError" and outcome.message.startswith(TOO_LONG)


def _with_fault(outcome: Outcome, exc: TransferError) -> Outcome:
    return dataclasses.replace(
        outcome,
        status="failed",
        kind="changed" if isinstance(exc, SourceChangedError) else "fault",
        stage=exc.stage,
        error=type(exc).__name__,
        message=exc.message,
    )

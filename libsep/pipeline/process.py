"""One track through all its stages, in plain Python: what a track task of a run executes."""

import dataclasses
import logging
import platform
import shutil
import time
import traceback
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float32

from libsep import __version__, log
from libsep.errors import (
    DecodeError,
    LibsepError,
    ProbeError,
    SeparationError,
    StemsError,
    TrackError,
)
from libsep.library.plan import Action, decide_by_content
from libsep.media import atomic
from libsep.media.decode import Decoder, hash_audio
from libsep.media.encode import StemEncoder
from libsep.media.ffmpeg import find_ffmpeg
from libsep.media.loudness import StemMeter
from libsep.media.stems import finalise
from libsep.media.tags import Fingerprint, Tags, read_tags, tags_digest, write_tags
from libsep.media.verify import verify_fidelity, verify_stems
from libsep.pipeline.settings import Settings, segment_grid
from libsep.pipeline.stopwatch import Stopwatch
from libsep.separation.segments import SegmentGrid
from libsep.separation.stream import SegmentSeparator, separate_blocks
from libsep.track import TARGETS, Assignment, Outcome, Track, path_to_text
from libsep.units import db_to_amplitude, samples_to_seconds

logger = logging.getLogger(__name__)

MAX_NULL_DB = -90.0
"""Largest RMS level, in dB, of the mixture minus the sum of the stems before they are encoded."""

MEASURED = ("duration_s", "null_db", "peak_db", "loudness_lufs")
"""What only a conversion measures; a new tag does not change it."""


def process(
    track: Track,
    previous: Outcome | None,
    separator: SegmentSeparator,
    settings: Settings,
    assignment: Assignment,
    *,
    attempt: int = 1,
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
    outcome = Outcome(
        source=path_to_text(track.source),
        output=path_to_text(track.output),
        status="failed",
        tag_genres=track.genres,
        config_sha256=settings.config.fingerprint(),
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
    start = time.perf_counter()
    track_run = _TrackRun(track, previous, separator, settings, outcome, watch)
    with log.bound(run=settings.run, track=outcome.source):
        try:
            outcome = track_run.end()
        except TrackError as exc:
            logger.error("%s: %s %s", exc.stage, exc, exc.log)
            message = f"{exc.message}\n{exc.log}".strip()
            kind = "file" if _is_fault_of_the_file(exc, track) else "fault"
            outcome = _failed(track_run.outcome, kind, exc.stage, type(exc).__name__, message)
        except LibsepError:
            raise
        except Exception as exc:
            logger.exception("unexpected error in stage %s", watch.stage)
            message = f"{type(exc).__name__}: {exc}\n{traceback.format_exc()}"
            outcome = _failed(track_run.outcome, "bug", watch.stage, type(exc).__name__, message)
    return dataclasses.replace(
        outcome,
        decode_s=watch.seconds.get("decode", 0.0),
        separate_s=watch.seconds.get("separate", 0.0),
        encode_s=watch.seconds.get("encode", 0.0),
        tag_s=watch.seconds.get("tag", 0.0),
        verify_s=watch.seconds.get("verify", 0.0),
        wall_s=time.perf_counter() - start,
        ended_at=time.time(),
    )


def _is_fault_of_the_file(exc: TrackError, track: Track) -> bool:
    """Return whether a track failed by what is in it, so that another try would fail again."""
    if not isinstance(exc, ProbeError | DecodeError) or isinstance(exc.__cause__, OSError):
        return False
    try:
        with track.path.open("rb") as file:
            file.read(1)
        now = track.path.stat()
    except OSError:
        return False
    return (now.st_size, now.st_mtime_ns) == (track.size_bytes, track.mtime_ns)


def _failed(outcome: Outcome, kind: str, stage: str, error: str, message: str) -> Outcome:
    return dataclasses.replace(
        outcome, status="failed", kind=kind, stage=stage, error=error, message=message
    )


@dataclasses.dataclass
class _TrackRun:
    """The stages of one track, in order; each method is one stage or two that are interleaved."""

    track: Track
    previous: Outcome | None
    separator: SegmentSeparator
    settings: Settings
    outcome: Outcome
    watch: Stopwatch

    def __post_init__(self) -> None:
        self.goal = self.settings.output_root / self.track.output
        self.model = self.settings.models[self.outcome.model]
        self.n_samples: int | None = None
        self.stall_timeout_s = self.settings.config.decode.stall_timeout_s
        self.beginning: Float32[np.ndarray, "5 2 T"] | None = None

    def end(self) -> Outcome:
        """Decide by content what the track needs, and do it."""
        self.ffmpeg = find_ffmpeg(self.settings.config.decode.ffmpeg)
        with self.watch("probe"):
            audio_sha256 = hash_audio(
                self.track.path, ffmpeg=self.ffmpeg, stall_timeout_s=self.stall_timeout_s
            )
        with self.watch("tag"):
            tags = read_tags(self.track.path, ffmpeg=self.ffmpeg)
        self.outcome = dataclasses.replace(
            self.outcome, audio_sha256=audio_sha256, tags_sha256=tags_digest(tags)
        )
        action = decide_by_content(self.outcome, self.previous, self.goal)
        self.outcome = dataclasses.replace(self.outcome, action=action.value)
        if action is Action.SKIP:
            return self._with_output("skipped")
        with atomic.replacing(self.goal) as final:
            make = self._retag if action is Action.RETAG else self._convert
            losses = make(tags, final)
            with self.watch("verify"):
                self._verify(final)
            self._check_source_is_unchanged()
        outcome = self._with_output("done")
        return dataclasses.replace(outcome, warnings=(*outcome.warnings, *losses))

    def _verify(self, final: Path) -> None:
        """Check format, readers and accuracy, and the beginning against what was encoded."""
        report = verify_stems(final, ffmpeg=self.ffmpeg, goal=self.goal, n_samples=self.n_samples)
        report.raise_if_broken()
        if self.beginning is not None:
            verify_fidelity(final, self.beginning, ffmpeg=self.ffmpeg).raise_if_broken()

    def _with_output(self, status: Literal["done", "skipped"]) -> Outcome:
        """Return the outcome with what is known of the finished file, old numbers included."""
        output = self.goal.stat()
        outcome = self.outcome
        if self.previous is not None and outcome.null_db is None:
            measured = {name: getattr(self.previous, name) for name in MEASURED}
            outcome = dataclasses.replace(outcome, **measured)
        return dataclasses.replace(
            outcome,
            status=status,
            output_size_bytes=output.st_size,
            output_mtime_ns=output.st_mtime_ns,
        )

    def _retag(self, tags: Tags, final: Path) -> tuple[str, ...]:
        """Copy the finished stem file and give the copy the new tags; the audio stays."""
        with self.watch("tag"):
            try:
                shutil.copyfile(self.goal, final)
            except OSError as exc:
                raise StemsError(self.goal, f"cannot be copied: {exc.strerror}") from exc
            return write_tags(final, tags, fingerprint=self._fingerprint())

    def _convert(self, tags: Tags, final: Path) -> tuple[str, ...]:
        """Decode, separate and encode block by block, then tag and assemble the stem file."""
        with atomic.temporary(self.goal) as encoded:
            self._make_stems(encoded)
            with self.watch("tag"):
                losses = write_tags(encoded, tags, fingerprint=self._fingerprint())
            with self.watch("encode"):
                finalise(encoded, final)
        return losses

    def _make_stems(self, encoded: Path) -> None:
        config = self.settings.config
        sample_rate = self.model.sample_rate
        grid = segment_grid(config.separation, self.model)
        gain = np.float32(db_to_amplitude(config.encode.gain_db))
        meter = StemMeter(TARGETS, sample_rate)
        with self._decoder(grid) as decoder, self._encoder(encoded) as encoder:
            blocks = self.watch.timed(decoder, "decode")
            stretches = separate_blocks(blocks, self.separator, grid, path=self.track.path)
            for mixture, stems in self.watch.timed(stretches, "separate"):
                with self.watch("encode"):
                    # One gain for all five streams: the stems keep adding up to the mixture.
                    streams = np.concatenate([mixture[None], stems]) * gain
                    if self.beginning is None:
                        self.beginning = streams
                    meter.add(streams[0], streams[1:])
                    encoder.write(streams[0], streams[1:])
            with self.watch("encode"):
                encoder.close()
        if meter.null_db() > MAX_NULL_DB:
            message = f"stems miss the mixture by {meter.null_db():.1f} dB (limit {MAX_NULL_DB} dB)"
            raise SeparationError(self.track.path, message)
        self.n_samples = decoder.n_samples
        self.outcome = dataclasses.replace(
            self.outcome,
            duration_s=samples_to_seconds(decoder.n_samples, sample_rate),
            null_db=meter.null_db(),
            peak_db=meter.peak_db(),
            loudness_lufs=meter.loudness_lufs(),
            warnings=(*decoder.warnings, *encoder.warnings),
        )

    def _decoder(self, grid: SegmentGrid) -> Decoder:
        config = self.settings.config.decode
        return Decoder(
            self.track.path,
            ffmpeg=self.ffmpeg,
            block_samples=grid.hop_samples,
            sample_rate=self.model.sample_rate,
            stall_timeout_s=self.stall_timeout_s,
            max_duration_s=config.max_duration_h * 3600,
        )

    def _encoder(self, encoded: Path) -> StemEncoder:
        config = self.settings.config.encode
        return StemEncoder(
            encoded,
            ffmpeg=self.ffmpeg,
            codec=config.codec,
            bitrate_kbps=config.bitrate_kbps,
            aac_coder=config.aac_coder,
            sample_rate=self.model.sample_rate,
            stall_timeout_s=self.stall_timeout_s,
        )

    def _fingerprint(self) -> Fingerprint:
        names = {field.name for field in dataclasses.fields(Fingerprint)}
        return Fingerprint(**{name: getattr(self.outcome, name) for name in names})

    def _check_source_is_unchanged(self) -> None:
        try:
            now = self.track.path.stat()
        except OSError as exc:
            raise DecodeError(self.track.path, f"vanished while it was converted: {exc}") from exc
        if (now.st_size, now.st_mtime_ns) != (self.track.size_bytes, self.track.mtime_ns):
            raise DecodeError(self.track.path, "changed since the scan; the next run converts it")

"""The stages of one track: read what it is, decide, convert or tag, verify, give it its name."""

import dataclasses
import logging
import shutil
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float32

from libsep.errors import DecodeError, StemsError, TagError, VerifyError, reason_of
from libsep.library.gone import has_gone
from libsep.library.plan import Action, decide_by_content
from libsep.media import atomic
from libsep.media.decode import hash_audio
from libsep.media.ffmpeg import find_ffmpeg
from libsep.media.stems import finalise
from libsep.media.tags import Fingerprint, Tags, read_tags, tags_digest, write_tags
from libsep.media.tags.replaygain import with_level
from libsep.media.verify import verify_fidelity, verify_stems
from libsep.pipeline.conversion import Conversion
from libsep.pipeline.moved import stem_file_of
from libsep.pipeline.settings import Settings
from libsep.pipeline.stopwatch import Stopwatch
from libsep.restoration.cutoff import Cutoff, CutoffMeter
from libsep.separation.registry import Model
from libsep.separation.stream import SegmentSeparator
from libsep.track import Move, Outcome, Track, path_to_text

logger = logging.getLogger(__name__)

MEASURED = ("duration_s", "null_db", "peak_db", "clipped_samples", "loudness_lufs")
"""What only a conversion measures; a new tag does not change it."""


@dataclasses.dataclass
class TrackRun:
    """One track under way; ``outcome`` says at any time what is known of it so far."""

    track: Track
    previous: Outcome | None
    separator: SegmentSeparator
    settings: Settings
    outcome: Outcome
    watch: Stopwatch
    move: Move | None = None

    def __post_init__(self) -> None:
        self.known = self.previous
        self.goal = self.settings.output_root / self.track.output
        self.n_samples: int | None = None
        self.beginning: Float32[np.ndarray, "5 2 T"] | None = None

    def end(self) -> Outcome:
        """Decide by content what the track needs, do it, and return how it ended.

        Raises
        ------
        TrackError
            The track is lost, and nothing is left behind.
        LibsepError
            The run has to stop.
        """
        config = self.settings.config.decode
        self.ffmpeg = find_ffmpeg(config.ffmpeg)
        with self.watch("probe"):
            audio_sha256 = hash_audio(
                self.track.path, ffmpeg=self.ffmpeg, stall_timeout_s=config.stall_timeout_s
            )
        with self.watch("tag"):
            tags = read_tags(self.track.path, ffmpeg=self.ffmpeg)
        self.outcome = dataclasses.replace(
            self.outcome, audio_sha256=audio_sha256, tags_sha256=tags_digest(tags)
        )
        if self.move is not None and self.move.was.audio_sha256 == audio_sha256:
            self.known = self.move.was
        self._recall_drums()
        self._decide_on_restoration()
        if self.move is not None and self.known is self.move.was:
            followed = self._followed(self.move, tags)
            if followed is not None:
                return followed
        action = decide_by_content(self.outcome, self.previous, self.goal)
        self.outcome = dataclasses.replace(self.outcome, action=action.value)
        if action is Action.SKIP:
            return self._with_output("skipped")
        self._expect_output()
        with atomic.replacing(self.goal) as final:
            make = self._retag if action is Action.RETAG else self._convert
            losses = make(tags, final)
            with self.watch("verify"):
                self._verify(final)
            self._check_source_is_unchanged()
            self._expect_output()  # it may have gone before the first file was begun
        return self._done(losses)

    def _expect_output(self) -> None:
        """Do nothing if the output folder of a run is there; one in its place is not to be made.

        Raises
        ------
        StemsError
            It has gone: its drive may be away, and its mount point is a folder of another disk.
        """
        logs = self.settings.log_folder
        if logs is not None and logs.has_gone:
            raise StemsError(self.goal, "its output folder has gone: is its drive there?")

    def _followed(self, move: Move, tags: Tags) -> Outcome | None:
        """Let the stem file of a moved track go with it; None if that is to be converted instead.

        The copy with the new tags is whole and verified before the old file gets its new name,
        which the copy then takes: there is one stem file at any time, and no edit of it is lost.
        """
        stem_file = stem_file_of(move, self.outcome, self.settings.output_root)
        if stem_file is None or not has_gone(move.was, Path(move.library_name), self.track):
            return None
        self._expect_output()
        as_new = self.outcome, self.goal
        self.goal = self.settings.output_root / move.output_name
        self.outcome = dataclasses.replace(
            self.outcome,
            output=path_to_text(move.output_name),
            action="move",
            moved_from=move.was.source,
        )
        try:
            with atomic.replacing(self.goal) as final:
                losses = self._retag(tags, final, of=stem_file.path)
                with self.watch("verify"):
                    self._verify(final)
                self._check_source_is_unchanged()
                stem_file.rename(self.goal)
        except BaseException as exc:
            self.outcome, self.goal = as_new  # a failure takes nothing from the old track
            is_of_file = isinstance(exc, (StemsError, TagError, VerifyError))
            if stem_file.is_renamed or not is_of_file:
                raise
            logger.warning("%s: its stem file stays: %s", move.was.source, exc)
            return None
        logger.info("%s: is %s now", move.was.source, self.outcome.source)
        return self._done(losses)

    def _done(self, losses: tuple[str, ...]) -> Outcome:
        outcome = self._with_output("done")
        return dataclasses.replace(outcome, warnings=(*outcome.warnings, *losses))

    def _recall_drums(self) -> None:
        """Take over what is known of the drums of the same audio: perhaps nothing is to be done."""
        previous = self.known
        if previous is not None and previous.audio_sha256 == self.outcome.audio_sha256:
            names = ("drum_transients", "n_hits_replaced")
            known = {name: getattr(previous, name) for name in names}
            self._note(dataclasses.replace(self.outcome, **known))

    def _decide_on_restoration(self) -> None:
        """Take the cut-off that is known, or look for it if it decides on what is made."""
        previous = self.known
        if (
            previous is not None
            and previous.cutoff_confidence is not None
            and previous.audio_sha256 == self.outcome.audio_sha256
        ):
            self._note_cutoff(previous.cutoff_hz, previous.cutoff_confidence)
        elif self.settings.restoration_model is not None:
            cut = self._conversion().look_for_cutoff()
            self._note_cutoff(*_columns_of(cut))

    def _note_cutoff(self, hertz: float | None, confidence: float) -> None:
        known = dataclasses.replace(self.outcome, cutoff_hz=hertz, cutoff_confidence=confidence)
        restored_from_hz = hertz if self.settings.restores(known) else None
        self._note(dataclasses.replace(known, restored_from_hz=restored_from_hz))

    def _note(self, known: Outcome) -> None:
        """Take what is known of the track by now, and the settings that follow from it."""
        config_sha256 = self.settings.config_sha256(known)
        self.outcome = dataclasses.replace(known, config_sha256=config_sha256)

    def _verify(self, final: Path) -> None:
        """Check format, readers and accuracy, and the beginning against what was encoded."""
        report = verify_stems(final, ffmpeg=self.ffmpeg, goal=self.goal, n_samples=self.n_samples)
        report.raise_if_broken()
        if self.beginning is not None:
            verify_fidelity(final, self.beginning, ffmpeg=self.ffmpeg).raise_if_broken()

    def _with_output(self, status: Literal["done", "skipped"]) -> Outcome:
        """Return the outcome with what is known of the finished file, old numbers included."""
        try:
            output = self.goal.stat()
        except OSError as exc:
            raise StemsError(
                self.goal, f"vanished as soon as it had its name: {reason_of(exc)}"
            ) from exc
        outcome = self.outcome
        if self.known is not None and outcome.null_db is None:
            measured = {name: getattr(self.known, name) for name in MEASURED}
            outcome = dataclasses.replace(outcome, **measured)
        return dataclasses.replace(
            outcome,
            status=status,
            output_size_bytes=output.st_size,
            output_mtime_ns=output.st_mtime_ns,
        )

    def _retag(self, tags: Tags, final: Path, *, of: Path | None = None) -> tuple[str, ...]:
        """Copy the finished stem file and give the copy the new tags; the audio stays."""
        made = of or self.goal
        with self.watch("tag"):
            try:
                shutil.copyfile(made, final)
            except OSError as exc:
                raise StemsError(made, f"cannot be copied: {exc.strerror}") from exc
            return self._write_tags(final, tags)

    def _convert(self, tags: Tags, final: Path) -> tuple[str, ...]:
        """Decode, separate and encode block by block, then tag and assemble the stem file."""
        is_known = self.outcome.cutoff_confidence is not None
        spectrum = None if is_known else CutoffMeter(self._model.sample_rate)
        with atomic.temporary(self.goal) as encoded:
            made = self._conversion(spectrum).write(encoded)
            self.n_samples, self.beginning = made.n_samples, made.beginning
            self._note(dataclasses.replace(self.outcome, **made.columns))
            if spectrum is not None:
                self._note_cutoff(*_columns_of(spectrum.cutoff()))
            with self.watch("tag"):
                losses = self._write_tags(encoded, tags)
            with self.watch("encode"):
                finalise(encoded, final)
        return losses

    def _write_tags(self, path: Path, tags: Tags) -> tuple[str, ...]:
        levelled = with_level(tags, self.settings.config.encode.gain_db)
        return write_tags(path, levelled, fingerprint=self._fingerprint())

    def _conversion(self, spectrum: CutoffMeter | None = None) -> Conversion:
        return Conversion(
            path=self.track.path,
            model=self._model,
            separator=self.separator,
            config=self.settings.config,
            ffmpeg=self.ffmpeg,
            watch=self.watch,
            cutoff_hz=self.outcome.restored_from_hz,
            spectrum=spectrum,
            drums=self.settings.drum_models,
        )

    @property
    def _model(self) -> Model:
        return self.settings.models[self.outcome.model]

    def _fingerprint(self) -> Fingerprint:
        names = {field.name for field in dataclasses.fields(Fingerprint)}
        return Fingerprint(**{name: getattr(self.outcome, name) for name in names})

    def _check_source_is_unchanged(self) -> None:
        try:
            now = self.track.path.stat()
        except OSError as exc:
            raise DecodeError(
                self.track.path, f"vanished while it was converted: {reason_of(exc)}"
            ) from exc
        if (now.st_size, now.st_mtime_ns) != (self.track.size_bytes, self.track.mtime_ns):
            raise DecodeError(self.track.path, "changed since the scan; the next run converts it")


def _columns_of(cut: Cutoff | None) -> tuple[float | None, float]:
    """Return cut-off and confidence; where nothing was found, the confidence is 0."""
    return (None, 0.0) if cut is None else (cut.hz, cut.confidence)

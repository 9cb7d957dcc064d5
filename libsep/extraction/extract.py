"""One stem file into plain audio files: decoded once, written side by side, tagged, renamed."""

import contextlib
import dataclasses
import functools
import hashlib
import json
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from libsep.errors import StemsError, TagError, TrackError
from libsep.extraction.selection import MIXTURE, Part, Selection, goal_of, parts_of
from libsep.media import atomic
from libsep.media.audio_file import FORMATS, AudioFormat, AudioWriter
from libsep.media.sheet import Sheet, read_sheet
from libsep.media.streams import decode_streams
from libsep.media.tags import read_fingerprint, read_tags, tags_digest
from libsep.media.tags.replaygain import with_level
from libsep.media.tags.write_audio import write_audio_tags
from libsep.units import amplitude_to_db

BLOCK_SAMPLES = 1 << 17
"""Samples that are decoded at once: 3 s."""

MARK = "LIBSEP_SOURCE"
"""Tag of an extracted file that says what it was made of; another value makes it anew."""

VERSION = 1
"""Number of the way in which files are extracted; another one makes all anew."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """How all stem files are to be extracted: what of them, as what, and where to."""

    selection: Selection
    format_name: str
    output: Path
    ffmpeg: Path

    @functools.cached_property
    def root(self) -> atomic.Root:
        """The folder that all goes into."""
        return atomic.Root(self.output)

    @property
    def audio_format(self) -> AudioFormat:
        """What kind of file is written."""
        return FORMATS[self.format_name]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Extracted:
    """What became of one stem file.

    ``gain_db`` is how much all of its files were lowered so that none clips; ``warnings`` are
    tags that could not be carried.
    """

    source: str
    status: Literal["done", "up to date", "failed"]
    files: tuple[Path, ...] = ()
    gain_db: float = 0.0
    warnings: tuple[str, ...] = ()
    message: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values; bytes of paths that are no UTF-8 are escaped."""
        files = [str(file).encode(errors="backslashreplace").decode() for file in self.files]
        return dataclasses.asdict(self) | {"files": files}


class Stopped(Exception):  # noqa: N818 - it is no error: the user wants to stop
    """The user wants to stop."""


def extract(
    path: Path, source: Path, job: Job, *, name: str, stop: threading.Event | None = None
) -> Extracted:
    """Write what is wanted of one stem file, unless it is there already.

    Files appear whole or not at all. Where a sum or a stem goes beyond full scale and the format
    cannot hold that, all files of the track are lowered by one gain, so that they still add up.

    Parameters
    ----------
    path
        The stem file.
    source
        Its path relative to what was given, which says where its files go.
    job
        What is wanted.
    name
        What the stem file is called in the result.
    stop
        Is set when the user wants to stop.

    Raises
    ------
    Stopped
        ``stop`` was set; nothing is left behind.
    ConfigError
        The output folder has gone since its first file.
    """
    try:
        sheet = read_sheet(path)
        parts = parts_of(path, sheet.names, job.selection)
        goals = tuple(
            job.output / goal_of(source, part, job.selection, job.audio_format.extension)
            for part in parts
        )
        mark = _mark(path, sheet, parts, job.format_name)
        found = [_mark_in(goal) for goal in goals]
        if all(text == mark for text in found):
            return Extracted(source=name, status="up to date", files=goals)
        writing = _Writing(sheet, parts, goals, job, mark, stop or threading.Event())
        peak = writing.write(1.0)
        gain = 1.0
        if peak > 1.0 and not job.audio_format.is_unlimited:
            gain = 1.0 / peak
            writing.write(gain)
        return Extracted(
            source=name,
            status="done",
            files=goals,
            gain_db=amplitude_to_db(gain),
            warnings=tuple(dict.fromkeys(writing.losses)),
        )
    except TrackError as exc:
        return Extracted(source=name, status="failed", message=f"{exc.stage}: {exc.message}")
    except OSError as exc:
        return Extracted(source=name, status="failed", message=f"read: {exc.strerror}")


@dataclasses.dataclass
class _Writing:
    """The files of one track, on their way."""

    sheet: Sheet
    parts: Sequence[Part]
    goals: Sequence[Path]
    job: Job
    mark: str
    stop: threading.Event
    losses: list[str] = dataclasses.field(default_factory=list)

    def write(self, gain: float) -> float:
        """Write all files, and return the highest sample.

        They take their names only if none is beyond what the format holds, and the folder of all
        is still there.

        Raises
        ------
        ConfigError
            The folder has gone.
        """
        self.job.root.expect()
        is_unlimited = self.job.audio_format.is_unlimited
        with contextlib.ExitStack() as stack:
            finals = [stack.enter_context(_kept(goal)) for goal in self.goals]
            peak = self._encode([final.path for final in finals], gain)
            self.job.root.expect()
            if gain < 1.0 or peak <= 1.0 or is_unlimited:
                for part, final in zip(self.parts, finals, strict=True):
                    self.losses += self._tag(part, final.path, amplitude_to_db(gain))
                    final.is_wanted = True
        return peak

    def _encode(self, paths: Sequence[Path], gain: float) -> float:
        sheet, job = self.sheet, self.job
        factor = np.float32(gain)
        peak = 0.0
        with contextlib.ExitStack() as stack:
            writers = [
                stack.enter_context(
                    AudioWriter(
                        path,
                        job.audio_format,
                        sample_rate=sheet.sample_rate,
                        n_samples=sheet.n_samples,
                        ffmpeg=job.ffmpeg,
                    )
                )
                for path in paths
            ]
            for block in decode_streams(
                sheet.path,
                ffmpeg=job.ffmpeg,
                n_streams=sheet.n_streams,
                sample_rate=sheet.sample_rate,
                start_samples=0,
                n_samples=sheet.n_samples,
                block_samples=BLOCK_SAMPLES,
            ):
                if self.stop.is_set():
                    raise Stopped
                for part, writer in zip(self.parts, writers, strict=True):
                    signal = block[list(part.streams)].sum(axis=0) * factor
                    peak = max(peak, float(np.abs(signal).max(initial=0.0)))
                    writer.write(signal)
            for writer in writers:
                writer.close()
        return peak

    def _tag(self, part: Part, path: Path, gain_db: float) -> tuple[str, ...]:
        tags = with_level(self.sheet.tags, gain_db, has_peaks=part.name == MIXTURE)
        fields = dict(tags.fields)
        if part.name != MIXTURE:
            title = fields.get("title", (self.sheet.path.name.partition(".stem.")[0],))[0]
            fields["title"] = (f"{title} ({part.name})",)
        extras = {**tags.extras, MARK: (self.mark,)}
        new = dataclasses.replace(tags, fields=fields, extras=extras)
        return write_audio_tags(path, new, extension=self.job.audio_format.extension)


@dataclasses.dataclass
class _Final:
    """A file that takes its name if it is wanted."""

    path: Path
    is_wanted: bool = False


@contextlib.contextmanager
def _kept(goal: Path) -> Any:
    """Yield a file that becomes ``goal`` if it is wanted when the block ends well."""
    with contextlib.suppress(_UnwantedError), atomic.replacing(goal) as path:
        final = _Final(path)
        yield final
        if not final.is_wanted:
            raise _UnwantedError


class _UnwantedError(Exception):
    """A file is to be dropped."""


def _mark(path: Path, sheet: Sheet, parts: Sequence[Part], format_name: str) -> str:
    """Return what an extracted file was made of, as a hash.

    A stem file of libsep says so itself; of others size and time count.
    """
    try:
        fingerprint = read_fingerprint(path)
    except TagError:
        fingerprint = None
    status = path.stat()
    content = {
        "made of": [status.st_size, status.st_mtime_ns]
        if fingerprint is None
        else [fingerprint.audio_sha256, fingerprint.model_sha256, fingerprint.config_sha256],
        "tags": tags_digest(sheet.tags),
        "parts": [[part.name, *part.streams] for part in parts],
        "format": format_name,
        "version": VERSION,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _mark_in(goal: Path) -> str | None:
    """Return what an extracted file says that it was made of; None where there is no file.

    Raises
    ------
    StemsError
        There is a file that was not extracted by libsep: it must not be replaced.
    """
    if not os.path.lexists(goal):
        return None
    with contextlib.suppress(TagError):
        for key, values in read_tags(goal).extras.items():
            if key.upper().endswith(MARK):
                return values[0]
    raise StemsError(goal, "exists, and libsep did not extract it: left as it is")

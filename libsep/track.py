"""What the parts of libsep tell each other about a track."""

import dataclasses
import os
import re
from pathlib import Path
from typing import Any, Literal

TARGETS = ("drums", "bass", "other", "vocals")
"""Names of the targets, in the order in which the container holds their stems."""

HIGHEST_CUTOFF_HZ = 20_000.0
"""What lies above is hardly heard: a track that ends there lacks nothing."""

Status = Literal["done", "skipped", "failed"]

_BYTES_PER_S = {
    "dff dsf": 705_600,
    "aif aifc aiff au bw64 bwf caf rf64 snd voc w64 wav wave": 176_400,
    "alac ape dts dtshd flac mlp shn tak thd tta wv": 120_000,
    "3g2 3gp 3gpp asf avi divx f4v flv m2ts m4v mkv mov mp4 mpeg mpg mts ogm ogv qt rm rmvb vob"
    " webm wmv": 250_000,
    "3ga amr awb spx": 3_000,
}
"""What a second usually takes, by extension: DSD, sound as on a CD, lossless, films, speech."""

_USUAL_BYTES_PER_S = {name: rate for names, rate in _BYTES_PER_S.items() for name in names.split()}

_LOSSY_BYTES_PER_S = 24_000
"""What a second of all else usually takes: 192 kbit/s."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """A file of the library that is a track by its name, with the size and time of the scan.

    ``path_name`` is its path and ``source_name`` its path relative to the library, as the operating
    system takes them: `Path` objects of a million tracks would take half a gigabyte more.
    ``size_bytes`` and ``mtime_ns`` tell later whether the file has changed since. ``duration_s`` is
    the length that the header claims, in seconds, None where it does not say; ``genres`` are those
    of its tags, as they stand. ``is_header_known`` is False if the header could not be read for no
    fault of the file, so that both are still to be found out.
    """

    path_name: str
    source_name: str
    size_bytes: int
    mtime_ns: int
    duration_s: float | None = None
    genres: tuple[str, ...] = ()
    is_header_known: bool = True

    @property
    def tag_genres(self) -> tuple[str, ...] | None:
        """The genres of its tags, as the ledger keeps them: None if nobody could look."""
        return self.genres if self.is_header_known else None

    @property
    def path(self) -> Path:
        """Where the file is."""
        return Path(self.path_name)

    @property
    def source(self) -> Path:
        """Its path relative to the library."""
        return Path(self.source_name)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Track(FoundFile):
    """One recording in the library, as the scan saw it.

    ``output_name`` is the path of its stem file relative to the output folder.
    """

    output_name: str

    @property
    def output(self) -> Path:
        """The path of its stem file, relative to the output folder."""
        return Path(self.output_name)

    @property
    def expected_s(self) -> float:
        """Seconds of audio that work is planned with.

        Where the header does not say how long it is, size and extension give a guess.
        """
        if self.duration_s:
            return self.duration_s
        extension = self.source_name.rpartition(".")[2].rstrip(" ").lower()
        return self.size_bytes / _USUAL_BYTES_PER_S.get(extension, _LOSSY_BYTES_PER_S)


@dataclasses.dataclass(frozen=True, slots=True)
class Heard:
    """What a classifier heard: how likely each genre is, and the strongest tags, if it has any.

    The probabilities add up to one; the strongest tag comes first.
    """

    probabilities: dict[str, float]
    tags: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Which model a track is given, and why; the ledger has columns of the same names.

    ``genre_source`` says what told the genre: ``option``, ``tag`` and so on; `libsep.genre.Route`
    lists them. ``genre_probabilities`` is what the classifier ``classifier_sha256`` heard, by
    genre, and ``heard_tags`` are the strongest tags; empty if it has not listened, or could not.
    """

    model: str
    model_sha256: str
    genre: str
    genre_reason: str
    genre_source: str
    genre_probabilities: dict[str, float] = dataclasses.field(default_factory=dict)
    heard_tags: tuple[str, ...] = ()
    classifier_sha256: str = ""

    def columns(self) -> dict[str, Any]:
        """Return what it says, by column of the ledger."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a track: exactly one per track and run, and one row of the ledger.

    Durations are in seconds, levels in dB relative to full scale, loudness in LUFS, hashes in
    hexadecimal. ``kind`` says how a track failed: ``file`` (by what is in it), ``fault`` (by the
    disk, the network, the device or a file in its way), ``changed`` (it was edited, moved or
    deleted during the run), ``bug`` (unexpected exception), ``crash`` (its process died),
    ``timeout``. Empty text means that the field does not apply.
    ``tag_genres`` are the genres of the track's tags; None in rows that do not know them, because
    an older version wrote them, they were read back from a stem file, or the track's disk was away.
    ``null_db`` is the level of the mixture minus the sum of the stems; of a restored track, of what
    lies below its cut-off. ``clipped_samples`` counts those of the mixture, in both channels, that
    reach full scale; None in rows of older versions. ``cutoff_hz`` is where the source was cut off,
    None if it was not; ``cutoff_confidence``, from 0 to 1, says how sure that is, and is None if
    nobody has looked.
    ``restored_from_hz`` is where the band begins that super-resolution made; None: there is none.
    ``drum_transients`` is how attacks of drums were replaced, empty if they were not to be, and
    ``n_hits_replaced`` how many; None if nobody has looked for them. ``moved_from`` is the source
    that a track of ``action`` ``move`` had until then: from this row on, it is not one any more.
    A failure of ``action`` ``gone`` repeats one whose track has been taken from the library since.
    """

    source: str
    output: str
    status: Status
    action: str = "convert"
    kind: str = ""
    stage: str = ""
    error: str = ""
    message: str = ""
    genre: str = ""
    genre_reason: str = ""
    genre_source: str = ""
    genre_probabilities: dict[str, float] = dataclasses.field(default_factory=dict)
    heard_tags: tuple[str, ...] = ()
    classifier_sha256: str = ""
    tag_genres: tuple[str, ...] | None = None
    model: str = ""
    model_sha256: str = ""
    config_sha256: str = ""
    audio_sha256: str = ""
    tags_sha256: str = ""
    size_bytes: int = 0
    mtime_ns: int = 0
    output_size_bytes: int = 0
    output_mtime_ns: int = 0
    moved_from: str = ""
    duration_s: float = 0.0
    decode_s: float = 0.0
    separate_s: float = 0.0
    encode_s: float = 0.0
    tag_s: float = 0.0
    verify_s: float = 0.0
    wall_s: float = 0.0
    null_db: float | None = None
    peak_db: float | None = None
    clipped_samples: int | None = None
    cutoff_hz: float | None = None
    cutoff_confidence: float | None = None
    restored_from_hz: float | None = None
    drum_transients: str = ""
    n_hits_replaced: int | None = None
    loudness_lufs: dict[str, float] = dataclasses.field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    node: str = ""
    attempt: int = 1
    run: str = ""
    started_at: float = 0.0
    ended_at: float = 0.0
    version: str = ""

    @property
    def heard(self) -> Heard:
        """What the classifier ``classifier_sha256`` heard."""
        return Heard(self.genre_probabilities, self.heard_tags)

    @property
    def is_settled(self) -> bool:
        """Whether the same file would end in the same way again, and not only by a fault."""
        return self.status != "failed" or self.kind not in ("fault", "changed")

    @property
    def has_gone(self) -> bool:
        """Whether the track failed and was taken from the library since: nothing is open."""
        return self.status == "failed" and self.action == "gone"

    def as_row(self) -> dict[str, Any]:
        """Return the outcome as a flat dictionary of plain values, as the ledger stores it."""
        row = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        row["warnings"] = list(self.warnings)
        row["loudness_lufs"] = dict(self.loudness_lufs)
        row["genre_probabilities"] = dict(self.genre_probabilities)
        row["heard_tags"] = list(self.heard_tags)
        row["tag_genres"] = None if self.tag_genres is None else list(self.tag_genres)
        return row


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What a new track seems to have been under another name; only its audio can tell.

    ``was`` is the last outcome of that name. ``library_name`` is the folder that sources are
    relative to, and ``output_name`` the path that the stem file gets, relative to the output
    folder, if it is the same track.
    """

    was: Outcome
    library_name: str
    output_name: str


def path_to_text(path: Path | str) -> str:
    r"""Return a path as valid Unicode that `text_to_path` turns back into the same bytes.

    A byte that is not UTF-8 becomes ``\xNN``, and a backslash becomes two.
    """
    text = os.fspath(path).replace("\\", "\\\\")
    if text.isascii():
        return text
    return "".join(
        f"\\x{ord(char) - 0xDC00:02x}" if 0xDC80 <= ord(char) <= 0xDCFF else char for char in text
    )


def text_to_path(text: str) -> Path:
    """Return the path that `path_to_text` wrote as ``text``."""
    return Path(unescaped(text))


def unescaped(text: str) -> str:
    """Return the name, as the operating system takes it, of the path of a text."""

    def unescape(match: re.Match[str]) -> str:
        escaped = match.group(1)
        return "\\" if escaped == "\\" else chr(0xDC00 + int(escaped[1:], 16))

    return re.sub(r"\\(\\|x[0-9a-f]{2})", unescape, text) if "\\" in text else text

"""The little that the scan of a library needs of each file, in a fraction of a millisecond."""

from pathlib import Path
from typing import Any

import mutagen
from mutagen import id3
from mutagen._vorbis import VComment
from mutagen.aiff import AIFF
from mutagen.apev2 import APEv2
from mutagen.asf import ASFTags
from mutagen.mp3 import MP3
from mutagen.mp4 import MP4Tags
from mutagen.oggopus import OggOpus
from mutagen.wave import WAVE

from libsep.errors import TagError, reason_of
from libsep.media.ffmpeg import find_ffmpeg
from libsep.media.forecast import believed_s
from libsep.media.tags.bounded import UNREADABLE, BoundedFile
from libsep.media.tags.collect import Collector
from libsep.media.tags.ffmetadata import read_ffmetadata
from libsep.media.tags.mapping import FIELDS
from libsep.media.tags.read_all import container, read_all
from libsep.media.tags.read_vorbis import read_vorbis
from libsep.media.tags.record import Header
from libsep.media.tags.values import parse_genres

_COLUMNS = (
    (id3.ID3, "id3"),
    (VComment, "vorbis"),
    (APEv2, "vorbis"),
    (MP4Tags, "mp4"),
    (ASFTags, "asf"),
)
OPUS_SAMPLE_RATE = 48_000
"""Rate in Hz to which every Opus file decodes; its header names another one, or none."""

_WITH_ID3 = {".mp3": MP3, ".wav": WAVE, ".aif": AIFF, ".aiff": AIFF}
_FRAMES = {name: getattr(id3, name) for name in ("TIT2", "TPE1", "TCON", "TT2", "TP1", "TCO")}
_FIELDS = {field.name: field for field in FIELDS}
_NAMES = ("genre", "title", "artist")


def read_header(path: Path, *, ffmpeg: Path | None = None) -> Header:
    """Return length, sample rate, genres, title and artist of an audio file.

    Nothing is decoded: the length is what the header claims, as far as that can be true. A file
    that mutagen does not know costs a run of ffmpeg.

    Parameters
    ----------
    path
        A file of any format that `read_tags` reads.
    ffmpeg
        The ffmpeg program; by default the one that `find_ffmpeg` finds.

    Raises
    ------
    TagError
        The file cannot be read at all.
    """
    try:
        file = _open(path)
    except UNREADABLE:
        file = None
    if file is None:
        return _read_through_ffmpeg(path, ffmpeg)
    try:
        sample_rate = getattr(file.info, "sample_rate", None)
        if isinstance(file, OggOpus):
            sample_rate = OPUS_SAMPLE_RATE
        return _header(path, _read_few(file, path), getattr(file.info, "length", None), sample_rate)
    except UNREADABLE as exc:
        raise TagError(path, f"header cannot be read: {reason_of(exc)}") from exc


def _open(path: Path) -> Any:
    """Open a file; from ID3 only the frames that are needed, which takes a fifth of the time."""
    kind = _WITH_ID3.get(path.suffix.lower())
    if kind is not None:
        try:
            with BoundedFile(path) as file:
                return kind(file, known_frames=_FRAMES)
        except UNREADABLE:
            pass  # perhaps another format under a wrong name
    with BoundedFile(path) as file:
        body = container(file)
        file.seek(0)
        return mutagen.File(file if body is None else body)


def _header(
    path: Path, tags: dict[str, tuple[str, ...]], duration_s: Any, sample_rate: Any
) -> Header:
    return Header(
        duration_s=believed_s(path, float(duration_s) if duration_s and duration_s > 0 else None),
        sample_rate=int(sample_rate) if sample_rate else None,
        genres=parse_genres(tags.get("genre", ())),
        title=next(iter(tags.get("title", ())), ""),
        artist=", ".join(tags.get("artist", ())),
    )


def _read_few(file: Any, path: Path) -> dict[str, tuple[str, ...]]:
    """Return genre, title and artist; the other tags of the file are opened only for a gap."""
    column = next((name for kind, name in _COLUMNS if isinstance(file.tags, kind)), None)
    found = _values_of_all(file.tags, column) if column else {}
    if not all(found.get(name) for name in _NAMES):
        others, _ = _read_all(path)
        found = {name: found.get(name) or others.get(name, ()) for name in _NAMES}
    return found


def _read_all(path: Path) -> tuple[dict[str, tuple[str, ...]], bool]:
    """Return the fields of all tags of a file, and whether there can be no others."""
    collector = Collector()
    with path.open("rb") as file:
        is_all = read_all(file, collector)
    return dict(collector.result().fields), is_all or not collector.is_empty


def _values_of_all(tags: Any, column: str) -> dict[str, tuple[str, ...]]:
    return {name: _values(tags, name, column) for name in _NAMES}


def _values(tags: Any, name: str, column: str) -> tuple[str, ...]:
    """Return the values of the first of a field's names that has some."""
    for key in getattr(_FIELDS[name], column):
        value = tags.get(key)
        if value is not None:
            texts = (str(text).strip() for text in getattr(value, "text", value))
            return tuple(text for text in texts if text)
    return ()


def _read_through_ffmpeg(path: Path, ffmpeg: Path | None) -> Header:
    """Return what ffmpeg says of a file; its tags too if nothing else tells them."""
    try:
        comments, duration_s, sample_rate = read_ffmetadata(path, ffmpeg or find_ffmpeg())
    except TagError:
        if (length_s := _length_s(path)) is None:
            raise
        return Header(duration_s=length_s)  # samples behind a header that nobody else reads
    try:
        fields, is_all = _read_all(path)
    except (OSError, mutagen.MutagenError) as exc:
        raise TagError(path, f"header cannot be read: {reason_of(exc)}") from exc
    if not is_all:
        collector = Collector()
        read_vorbis(comments, collector)
        fields = dict(collector.result().fields)
    return _header(path, fields, duration_s, sample_rate)


def _length_s(path: Path) -> float | None:
    try:
        return believed_s(path, None)
    except OSError:
        return None

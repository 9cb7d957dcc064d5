"""The tags of a source file, whatever its format."""

from pathlib import Path
from typing import Any

import mutagen
from mutagen._vorbis import VComment
from mutagen.apev2 import APENoHeaderError, APEv2
from mutagen.asf import ASFTags
from mutagen.id3 import ID3, ID3NoHeaderError
from mutagen.mp3 import MP3
from mutagen.mp4 import MP4Tags

from libsep.errors import TagError
from libsep.media.ffmpeg import find_ffmpeg
from libsep.media.tags.bounded import UNREADABLE, BoundedFile
from libsep.media.tags.collect import FALLBACK, PREFERRED, Collector
from libsep.media.tags.ffmetadata import read_ffmetadata
from libsep.media.tags.read_id3 import read_id3, serato_objects
from libsep.media.tags.read_mp4 import read_asf, read_mp4
from libsep.media.tags.read_riff import read_texts
from libsep.media.tags.read_vorbis import read_ape, read_pictures, read_vorbis
from libsep.media.tags.record import Tags
from libsep.media.tags.serato import from_id3


def read_tags(path: Path, *, ffmpeg: Path | None = None) -> Tags:
    """Return the tags of an audio file.

    A field that cannot be read is left out and reported in ``problems``; a file without tags gives
    empty ones. Files that mutagen does not know (WebM, Matroska, CAF) are read through ffmpeg,
    which does not show their pictures.

    Parameters
    ----------
    path
        MP3, AIFF, WAV, FLAC, Ogg (Vorbis, Opus, Speex), MP4, ASF, APE, WavPack, Musepack, DSF,
        Matroska and relatives.
    ffmpeg
        The ffmpeg program; by default the one that `find_ffmpeg` finds.

    Raises
    ------
    TagError
        The file cannot be read at all.
    """
    collector = Collector()
    file, failure = _open(path)
    if file is None:
        _read_without_header(path, collector, failure, ffmpeg)
    else:
        _read_by_kind(file, path, collector)
        try:
            read_texts(path, collector)
        except OSError as exc:
            collector.problems.append(f"old texts of the file could not be read: {exc}")
    return collector.result()


def _open(path: Path) -> tuple[Any, Exception | None]:
    try:
        with BoundedFile(path) as file:
            return mutagen.File(file), None
    except UNREADABLE as exc:
        return None, exc


def _read_by_kind(file: Any, path: Path, collector: Collector) -> None:
    tags = file.tags
    if isinstance(file, MP3):
        _read_mp3(tags, path, collector, file.info.sample_rate)
    elif isinstance(tags, ID3):
        read_id3(tags, collector)
        _read_serato(tags, collector, mp3_sample_rate=None)
    elif isinstance(tags, VComment):
        read_vorbis(list(tags), collector)
        read_pictures(getattr(file, "pictures", ()), collector)
    elif isinstance(tags, APEv2):
        read_ape(tags, collector)
    elif isinstance(tags, MP4Tags):
        read_mp4(tags, collector)
    elif isinstance(tags, ASFTags):
        read_asf(list(tags), collector)
    elif tags is not None:
        collector.problems.append(f"tags of the kind {type(tags).__name__} are not known: dropped")


def _read_mp3(tags: Any, path: Path, collector: Collector, sample_rate: int | None) -> None:
    """Read both tags that an MP3 may have; ID3v1, which cuts texts at 30 letters, comes last."""
    is_v1 = tags is not None and tags.version < (2, 0)
    if tags is not None:
        read_id3(tags, collector, weakness=2 * FALLBACK if is_v1 else PREFERRED)
        _read_serato(tags, collector, mp3_sample_rate=sample_rate)
    try:
        with BoundedFile(path) as file:
            read_ape(APEv2(file), collector, weakness=FALLBACK)
    except APENoHeaderError:
        return
    except UNREADABLE as exc:
        collector.problems.append(f"APEv2 tag could not be read: {exc}")


def _read_serato(tags: Any, collector: Collector, *, mp3_sample_rate: int | None) -> None:
    atoms, problems = from_id3(dict(serato_objects(tags)), mp3_sample_rate=mp3_sample_rate)
    collector.serato.update(atoms)
    collector.problems += problems


def _read_without_header(
    path: Path, collector: Collector, failure: Exception | None, ffmpeg: Path | None
) -> None:
    """Read a file whose audio mutagen does not understand: its ID3 tag, else what ffmpeg sees."""
    try:
        with BoundedFile(path) as file:
            tags = ID3(file)
    except ID3NoHeaderError:
        tags = None
    except UNREADABLE as exc:
        tags, failure = None, failure or exc
    if tags is not None:
        _read_mp3(tags, path, collector, sample_rate=0)
        return
    try:
        comments, _, _ = read_ffmetadata(path, ffmpeg or find_ffmpeg())
    except TagError as exc:
        reason = f"tags cannot be read: {failure}" if failure else exc.message
        raise TagError(path, reason, exc.log) from exc
    if failure is not None:
        collector.problems.append(f"tags could be read in part only: {failure}")
    read_vorbis(comments, collector)

"""The tags of a source file, whatever its format."""

from pathlib import Path

import mutagen

from libsep.errors import TagError, reason_of
from libsep.media.ffmpeg import find_ffmpeg
from libsep.media.id3_objection import id3_objection
from libsep.media.tags.collect import Collector
from libsep.media.tags.ffmetadata import read_ffmetadata
from libsep.media.tags.read_all import read_all
from libsep.media.tags.read_vorbis import read_vorbis
from libsep.media.tags.record import Tags


def read_tags(path: Path, *, ffmpeg: Path | None = None) -> Tags:
    """Return the tags of an audio file: those of its container, and those put around it.

    What cannot be read is left out and reported in ``problems``; a file without tags gives empty
    ones. Containers that are not known here are read through ffmpeg, which does not show pictures.

    Parameters
    ----------
    path
        MP3, AAC, AIFF, WAV, W64, CAF, FLAC, Ogg (Vorbis, Opus, Speex), MP4, QuickTime, ASF, APE,
        WavPack, Musepack, TTA, DSF, DSDIFF, Matroska and relatives.
    ffmpeg
        The ffmpeg program; by default the one that `find_ffmpeg` finds.

    Raises
    ------
    TagError
        The file cannot be read at all, or its ID3 tag has more frames than ffmpeg can take.
    """
    collector = Collector()
    try:
        with path.open("rb") as file:
            if objection := id3_objection(file, is_skipped=True):
                raise TagError(path, f"tags cannot be read: {objection}")
            is_all = read_all(file, collector)
    except (OSError, mutagen.MutagenError) as exc:
        raise TagError(path, f"tags cannot be read: {reason_of(exc)}") from exc
    if not is_all:
        _read_through_ffmpeg(path, ffmpeg, collector)
    return collector.result()


def _read_through_ffmpeg(path: Path, ffmpeg: Path | None, collector: Collector) -> None:
    """Take what ffmpeg sees of a file; it may fail if tags were found already."""
    is_found = not collector.is_empty
    try:
        comments, _, _ = read_ffmetadata(path, ffmpeg or find_ffmpeg())
    except TagError as exc:
        if not is_found:
            raise TagError(path, f"tags cannot be read: {exc.message}", exc.log) from exc
        collector.problems.append(f"tags could be read in part only: {exc.message}")
        return
    if not is_found:  # else ffmpeg would tell the same again, in its own words
        read_vorbis(comments, collector)

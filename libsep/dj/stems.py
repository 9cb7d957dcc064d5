"""Stem files as a DJ program should know them, with the cues and the grid of their sources."""

import dataclasses
import json
import logging
import math
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from libsep.dj.collection import Collection, Entry
from libsep.dj.keys import key_number
from libsep.dj.spelling import spellings
from libsep.dj.xml_values import is_listable, positive
from libsep.errors import TrackError, reason_of
from libsep.media.atoms import MalformedAtomError
from libsep.media.edit_list import skipped_s
from libsep.media.stems import read_manifest
from libsep.media.tags import Tags, read_fingerprint, read_tags
from libsep.media.tags.serato_cues import Cue, GridMarker, read_cues, read_grid
from libsep.media.verify import find_stem_files
from libsep.media.verify.container import read_container
from libsep.track import text_to_path

T = TypeVar("T")

logger = logging.getLogger(__name__)

MAX_DIFFERENCE_S = 3.0
"""Two lengths of one recording, one of which may be a round number or an encoder's guess."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StemTrack:
    """A stem file, what it says of itself, and its source relative to the library.

    ``skipped_s`` is the silence of the encoder, which the file asks players to skip.
    """

    path: Path
    source: str
    entry: Entry
    skipped_s: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The stem files of a folder, and a sentence for each that cannot stand in a list."""

    tracks: tuple[StemTrack, ...]
    left_out: tuple[str, ...]


def read_stem_tracks(folder: Path) -> Found:
    """Return the stem files in a folder, in the order of their names.

    A file that cannot be read, or whose path is no valid text, is left out and named.
    """
    tracks, left_out = [], []
    for path in find_stem_files([folder]):
        name = ascii(str(path))[1:-1]
        if not is_listable(str(path)):
            left_out.append(f"{name}: its name has characters that no list can hold")
            continue
        try:
            tracks.append(_stem_track(path.absolute()))
        except (MalformedAtomError, TrackError, OSError) as exc:
            left_out.append(f"{name}: {reason_of(exc)}")
    return Found(tracks=tuple(tracks), left_out=tuple(left_out))


def sources_in(collection: Collection, tracks: tuple[StemTrack, ...]) -> Mapping[str, StemTrack]:
    """Return the stem file of each track of a collection that has one, by the track's location.

    A track is taken for the source of a stem file if its location ends with the source's path in
    the library, wherever the library lies for that program, and if it is as long, as far as both
    lengths are known. Where several stem files fit, the one with the longest path is it; of equal
    paths the one that is spelt exactly so. Another case or form of accents counts as well, where
    only one stem file fits: else it would be a guess.
    """
    exact = {track.source: track for track in tracks}
    alike: dict[str, list[StemTrack]] = {}
    for track in exact.values():
        alike.setdefault(_normal(track.source), []).append(track)
    lengths_s = {entry.location: entry.duration_s for entry in collection.entries}
    places = set(lengths_s)
    places |= {place for playlist in collection.playlists for place in playlist.locations}
    found = {}
    for location in places:
        length_s = lengths_s.get(location)
        for suffix in _suffixes(location):
            spelt = [exact[suffix]] if suffix in exact else []
            fitting = [
                [track for track in each if _as_long(track.entry.duration_s, length_s)]
                for each in (spelt, alike.get(_normal(suffix), []))
            ]
            if candidates := fitting[0] or fitting[1]:
                if len(candidates) == 1:
                    found[location] = candidates[0]
                break
    return found


def closest(track: StemTrack, entries: Sequence[Entry], library: Path | None) -> Entry:
    """Return the entry of several for one stem file that is its source most surely.

    That is the one in the library itself, if it is known where that lies; else one whose path is
    spelt as that of the source; of equal ones the first.
    """
    place = (library / track.source).as_posix() if library else None

    def doubt(entry: Entry) -> int:
        paths = [text.replace("\\", "/") for text in spellings(entry.location)]
        if place in paths:
            return 0
        return 1 if any(f"/{path}".endswith(f"/{track.source}") for path in paths) else 2

    return min(entries, key=doubt)


def _as_long(first_s: float | None, second_s: float | None) -> bool:
    return not first_s or not second_s or abs(first_s - second_s) <= MAX_DIFFERENCE_S


def carried(own: Entry, entry: Entry) -> Entry:
    """Return what a stem file says of itself, with what a collection knows of its source.

    The collection's cues, grid, rating, colour, plays and dates win where it has them; texts are
    those of the stem file where it has any, but a key that is none yields to one that is.

    Parameters
    ----------
    own
        The stem file.
    entry
        Its source in the collection, with positions in the stem file.
    """
    keys = (own.key, entry.key)
    return dataclasses.replace(
        own,
        title=own.title or entry.title,
        artist=own.artist or entry.artist,
        album=own.album or entry.album,
        genre=own.genre or entry.genre,
        comment=own.comment or entry.comment,
        key=next((key for key in keys if key_number(key) is not None), own.key or entry.key),
        key_number=entry.key_number,
        bpm=entry.bpm or own.bpm,
        rating=entry.rating if entry.rating is not None else own.rating,
        added=entry.added or own.added,
        play_count=entry.play_count,
        last_played=entry.last_played,
        color=entry.color,
        cues=entry.cues or own.cues,
        grid=entry.grid or own.grid,
    )


def moved(entry: Entry, shift_s: float) -> Entry:
    """Return an entry whose cues and grid lie ``shift_s`` later; below 0, earlier."""
    return dataclasses.replace(
        entry,
        cues=tuple(_moved_cue(cue, shift_s) for cue in entry.cues),
        grid=tuple(_moved_marker(marker, shift_s) for marker in entry.grid),
    )


def _stem_track(path: Path) -> StemTrack:
    fingerprint = read_fingerprint(path)
    tags = read_tags(path)
    manifest = read_manifest(path)
    source = fingerprint.source if fingerprint else path.name
    entry = Entry(
        location=path.as_posix(),
        stems=json.dumps(manifest, sort_keys=True, separators=(",", ":")) if manifest else "",
        title=_first(tags, "title") or path.name.rpartition(".stem.")[0],
        artist=_first(tags, "artist"),
        album=_first(tags, "album"),
        genre=_first(tags, "genre"),
        comment=_first(tags, "comment"),
        key=_first(tags, "key"),
        bpm=positive(_first(tags, "bpm")),
        rating=tags.rating,
        duration_s=fingerprint.duration_s if fingerprint else read_container(path).duration_s,
        size_bytes=path.stat().st_size,
        cues=_serato(path, tags, "markersv2", read_cues),
        grid=_serato(path, tags, "beatgrid", read_grid),
    )
    return StemTrack(
        path=path,
        source=text_to_path(source).as_posix(),
        entry=entry,
        skipped_s=skipped_s(path),
    )


def _serato(
    path: Path, tags: Tags, atom: str, read: Callable[[bytes], tuple[T, ...]]
) -> tuple[T, ...]:
    if atom not in tags.serato:
        return ()
    try:
        return read(tags.serato[atom])
    except ValueError as exc:
        logger.warning("%s: Serato's %s cannot be read: %s", path, atom, exc)
        return ()


def _first(tags: Tags, field: str) -> str:
    return next(iter(tags.fields.get(field, ())), "")


def _moved_cue(cue: Cue, shift_s: float) -> Cue:
    return dataclasses.replace(cue, position_s=max(cue.position_s + shift_s, 0.0))


def _moved_marker(marker: GridMarker, shift_s: float) -> GridMarker:
    """Move a beat; one that would come before 0 goes on by whole beats, on the same grid."""
    moved = dataclasses.replace(marker, position_s=marker.position_s + shift_s)
    return moved.later(max(math.ceil(-moved.position_s / moved.beat_s), 0))


def _normal(location: str) -> str:
    return unicodedata.normalize("NFC", location).casefold()


def _suffixes(location: str) -> Iterator[str]:
    """Yield the ends of all spellings of a path, the longest first."""
    paths = [text.replace("\\", "/").split("/") for text in spellings(location)]
    for n_parts in range(max(map(len, paths)), 0, -1):
        yield from ("/".join(path[-n_parts:]) for path in paths if len(path) >= n_parts)

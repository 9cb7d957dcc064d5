"""The library of iTunes and of Apple Music, as they export it (``Library.xml``), read.

A property list of Apple. Python's own reader of those refuses documents that declare entities.
"""

import datetime
import plistlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

from libsep.dj.collection import Collection, Entry, Playlist
from libsep.dj.spelling import location_of_url
from libsep.dj.xml_values import above_zero
from libsep.errors import ConfigError

_PARENT = "Parent Persistent ID"
_BROKEN = (
    plistlib.InvalidFileException, ExpatError, ValueError, TypeError, LookupError, RecursionError,
)  # fmt: skip


def read_itunes(path: Path) -> Collection:
    """Return the tracks and playlists of a library.

    What lies in Apple's cloud has no file and is left out. Ratings that iTunes computed from those
    of the album do not count.

    Raises
    ------
    ConfigError
        The file cannot be read, or is no library of iTunes.
    """
    try:
        with path.open("rb") as file:
            library = plistlib.load(file)
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read: {exc.strerror}") from exc
    except _BROKEN as exc:
        raise ConfigError(f"{path}: cannot be read as a library of iTunes: {exc}") from exc
    except AttributeError as exc:  # so plistlib puts it
        raise ConfigError(f"{path}: cannot be read as a library of iTunes: a date is none") from exc
    tracks = library.get("Tracks") if isinstance(library, dict) else None
    if not isinstance(tracks, dict):
        raise ConfigError(f"{path}: expected a library of iTunes, found another property list")
    entries = {
        key: _entry(track)
        for key, track in tracks.items()
        if isinstance(track, dict) and str(track.get("Location", "")).startswith("file:")
    }
    return Collection(
        entries=tuple(entries.values()),
        playlists=_playlists(_dictionaries(library.get("Playlists")), entries),
    )


def _entry(track: Mapping[str, Any]) -> Entry:
    def text(name: str) -> str:
        return str(track.get(name, ""))

    added, played = track.get("Date Added"), track.get("Play Date UTC")
    plays = above_zero(track.get("Play Count"))
    rating = None if track.get("Rating Computed") else above_zero(track.get("Rating"))
    milliseconds = above_zero(track.get("Total Time"))
    size = above_zero(track.get("Size"))
    return Entry(
        location=location_of_url(text("Location")),
        title=text("Name"),
        artist=text("Artist"),
        album=text("Album"),
        genre=text("Genre"),
        comment=text("Comments"),
        bpm=above_zero(track.get("BPM")),
        rating=min(int(rating), 100) if rating else None,
        added=added.date() if isinstance(added, datetime.datetime) else None,
        play_count=int(plays) if plays else None,
        last_played=played.date() if isinstance(played, datetime.datetime) else None,
        duration_s=milliseconds / 1000 if milliseconds else None,
        size_bytes=int(size) if size else None,
    )


def _playlists(
    playlists: list[dict[str, Any]], entries: Mapping[str, Entry]
) -> tuple[Playlist, ...]:
    by_id = {each.get("Playlist Persistent ID"): each for each in playlists}
    found = []
    for playlist in playlists:
        if playlist.get("Folder") or playlist.get("Master"):
            continue
        keys = [str(item.get("Track ID")) for item in _dictionaries(playlist.get("Playlist Items"))]
        locations = tuple(entries[key].location for key in keys if key in entries)
        found.append(Playlist(path=_path(playlist, by_id), locations=locations))
    return tuple(found)


def _dictionaries(values: object) -> list[dict[str, Any]]:
    """Return those of a list; what else a damaged library holds is left out, as with tracks."""
    return [each for each in values if isinstance(each, dict)] if isinstance(values, list) else []


def _path(playlist: dict[str, Any], by_id: Mapping[Any, dict[str, Any]]) -> tuple[str, ...]:
    names: list[str] = []
    current: dict[str, Any] | None = playlist
    while current is not None and len(names) <= len(by_id):  # damaged ones may hold each other
        names.insert(0, str(current.get("Name", "")))
        current = by_id.get(current[_PARENT]) if _PARENT in current else None
    return tuple(names)

"""Mixxx's library (``mixxxdb.sqlite``), read.

Tables and columns are those of Mixxx 2.0 and later (mixxxdj/mixxx, res/schema.xml).
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from libsep.dj.collection import MAX_STARS, Collection, Entry, Playlist
from libsep.dj.xml_values import above_zero, date
from libsep.errors import ConfigError

MAGIC = b"SQLite format 3\0"

_TRACKS = """
    SELECT library.id, track_locations.location, title, artist, album, genre, comment, key, bpm,
           rating, datetime_added, duration, filesize, timesplayed
    FROM library JOIN track_locations ON library.location = track_locations.id
    WHERE mixxx_deleted = 0 ORDER BY library.id
"""
_LISTS = """
    SELECT name, track_id FROM crates JOIN crate_tracks ON crates.id = crate_id
    UNION ALL SELECT * FROM (
        SELECT name, track_id FROM Playlists JOIN PlaylistTracks ON Playlists.id = playlist_id
        WHERE hidden = 0 ORDER BY Playlists.id, PlaylistTracks.position
    )
"""


def read_mixxx(path: Path) -> Collection:
    """Return the tracks of a Mixxx library, its playlists and its crates.

    The file is opened as one that cannot change: nothing is written, not even a lock. What a
    running Mixxx has not stored in it yet is not seen. Of a crate and a playlist with one name,
    the tracks of both count.

    Raises
    ------
    ConfigError
        The file cannot be read, or is no library of Mixxx.
    """
    entries: dict[int, Entry] = {}
    lists: dict[str, list[str]] = {}
    try:
        with _opened(path) as database:
            for number, location, *values in database.execute(_TRACKS):
                entries[number] = _entry(str(location), values)
            for name, number in database.execute(_LISTS):
                tracks = lists.setdefault(str(name), [])
                if number in entries:
                    tracks.append(entries[number].location)
    except sqlite3.Error as exc:
        raise ConfigError(f"{path}: cannot be read as a library of Mixxx: {exc}") from exc
    return Collection(
        entries=tuple(entries.values()),
        playlists=tuple(
            Playlist(path=(name,), locations=tuple(tracks)) for name, tracks in lists.items()
        ),
    )


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    uri = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as database:
        database.text_factory = lambda data: data.decode(errors="replace")
        yield database


def _entry(location: str, values: list[object]) -> Entry:
    title, artist, album, genre, comment, key, bpm, rating, added, *rest = values
    duration, size, played = rest
    texts = [str(each or "") for each in (title, artist, album, genre, comment, key)]
    stars = rating if isinstance(rating, int) and 0 < rating <= MAX_STARS else None
    return Entry(
        location=location.replace("\\", "/"),
        title=texts[0],
        artist=texts[1],
        album=texts[2],
        genre=texts[3],
        comment=texts[4],
        key=texts[5],
        bpm=above_zero(bpm),
        rating=stars * 100 // MAX_STARS if stars else None,
        added=date(str(added)),
        play_count=played if isinstance(played, int) and played > 0 else None,
        duration_s=above_zero(duration),
        size_bytes=size if isinstance(size, int) and size > 0 else None,
    )

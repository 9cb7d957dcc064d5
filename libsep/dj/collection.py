"""A DJ program's collection, whichever program wrote it."""

import dataclasses
import datetime
from collections.abc import Iterable

from libsep.media.tags.serato_cues import Cue, GridMarker

MAX_STARS = 5
"""Stars of a rating that is 100."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A track as a DJ program knows it.

    ``location`` is its path as that program writes it, with ``/`` between folders; on Windows it
    begins with the drive (``D:/Music/x.mp3``). ``stems`` is the stem atom of a stem file, as JSON.
    ``rating`` runs from 0 to 100, None is not rated; ``key`` is free text, ``key_number`` what the
    program itself found (`libsep.dj.keys`); ``color`` is one of `libsep.dj.colors`. Cues and grid
    are in seconds from the first sample, as that program counts them. Empty text and None mean
    that the program does not know.
    """

    location: str
    stems: str = ""
    title: str = ""
    artist: str = ""
    album: str = ""
    genre: str = ""
    comment: str = ""
    key: str = ""
    key_number: int | None = None
    bpm: float | None = None
    rating: int | None = None
    added: datetime.date | None = None
    play_count: int | None = None
    last_played: datetime.date | None = None
    color: str = ""
    duration_s: float | None = None
    size_bytes: int | None = None
    cues: tuple[Cue, ...] = ()
    grid: tuple[GridMarker, ...] = ()

    @property
    def file_name(self) -> str:
        """The last part of its path."""
        return self.location.rpartition("/")[2]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Playlist:
    """Locations of tracks in their order; ``path`` is the folders it lies in, and its name.

    Two of a collection may have one path: DJ programs allow it.
    """

    path: tuple[str, ...]
    locations: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its path, joined by ``/``."""
        return "/".join(self.path)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """Playlists and folders of one folder, in their order."""

    name: str
    members: tuple["Playlist | Folder", ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """Tracks, and playlists of them.

    ``program`` is whose cues and grids they have, empty if it has none: ``traktor``, ``rekordbox``.
    """

    entries: tuple[Entry, ...]
    program: str = ""
    playlists: tuple[Playlist, ...] = ()


def in_folders(playlists: Iterable[Playlist], depth: int = 0) -> tuple[Playlist | Folder, ...]:
    """Return playlists as a tree of the folders they lie in, each where its first one stands.

    Parameters
    ----------
    playlists
        Lists that share the first ``depth`` folders.
    depth
        How many folders are done.
    """
    folders: dict[str, list[Playlist]] = {}
    members: list[Playlist | str] = []
    for playlist in playlists:
        if len(playlist.path) == depth + 1:
            members.append(playlist)
            continue
        name = playlist.path[depth]
        if name not in folders:
            members.append(name)
        folders.setdefault(name, []).append(playlist)
    return tuple(
        Folder(name=each, members=in_folders(folders[each], depth + 1))
        if isinstance(each, str)
        else each
        for each in members
    )

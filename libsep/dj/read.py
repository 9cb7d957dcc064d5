"""Lists of tracks, whatever program wrote them."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from libsep.dj import m3u, serato
from libsep.dj.collection import Collection, Entry, Playlist
from libsep.dj.itunes import read_itunes
from libsep.dj.mixxx import MAGIC, read_mixxx
from libsep.dj.rekordbox import read_rekordbox
from libsep.dj.traktor import read_traktor
from libsep.dj.xml_values import elements
from libsep.errors import ConfigError

MAX_NAMES = 20
"""How many playlists an error names."""

HEAD_BYTES = 1024


def read_collection(path: Path) -> Collection:
    """Return the collection or playlist in a file, by its extension or its content.

    Raises
    ------
    ConfigError
        The file is of no kind that is known, or cannot be read.
    """
    extension = path.suffix.lower()
    if extension in m3u.EXTENSIONS:
        return m3u.read_m3u(path)
    if extension == serato.EXTENSION:
        return serato.read_crate(path)
    head = _head(path)
    if head.startswith(MAGIC):
        return read_mixxx(path)
    if b"<plist" in head:
        return read_itunes(path)
    root = next((element.tag for _, element in elements(path, "a DJ program")), "")
    readers = {"NML": read_traktor, "DJ_PLAYLISTS": read_rekordbox}
    if root not in readers:
        raise ConfigError(
            f"{path}: expected a playlist (m3u, m3u8, pls), a crate of Serato, Mixxx's library, a "
            "Traktor collection (NML), a Rekordbox XML (DJ_PLAYLISTS) or the XML of iTunes, "
            f"found {root or 'nothing'}"
        )
    return readers[root](path)


def read_list(text: str) -> tuple[Entry, ...]:
    """Return the tracks of a list: of a file, or as ``FILE#NAME`` those of one of its playlists.

    Raises
    ------
    ConfigError
        The file cannot be read, or has no such playlist.
    """
    file, separator, name = text.rpartition("#")
    if not separator or os.path.exists(text):  # noqa: PTH110 - may not raise
        return read_collection(Path(text)).entries
    collection = read_collection(Path(file))
    by_location = {entry.location: entry for entry in collection.entries}
    playlist = _chosen(file, name, collection.playlists)
    return tuple(
        by_location.get(location, Entry(location=location)) for location in playlist.locations
    )


def _names(playlists: Sequence[Playlist]) -> list[str]:
    """Return names that tell playlists apart: several of one name are numbered, the first too."""
    totals = Counter(playlist.name for playlist in playlists)
    names: list[str] = []
    seen: Counter[str] = Counter()
    for playlist in playlists:
        seen[playlist.name] += 1
        number = f" ({seen[playlist.name]})" if totals[playlist.name] > 1 else ""
        names.append(playlist.name + number)
    return names


def _chosen(file: str, name: str, playlists: Sequence[Playlist]) -> Playlist:
    """Return the playlist that is called so; case, and the folders before it, may be left out."""
    names = _names(playlists)
    folded = name.casefold()
    fits: tuple[Callable[[str], bool], ...] = (
        lambda known: known == name,
        lambda known: known.casefold() == folded,
        lambda known: known.casefold().endswith(f"/{folded}"),
    )
    for is_it in fits:
        found = [
            place for place, each in enumerate(playlists) if is_it(names[place]) or is_it(each.name)
        ]
        if len(found) == 1:
            return playlists[found[0]]
        if found:
            listed = _listed([names[place] for place in found])
            raise ConfigError(f"{file}: {name!r} may be {listed}; give the whole name")
    raise ConfigError(f"{file}: has no playlist {name!r}, but {_listed(names) or 'none at all'}")


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(map(repr, sorted(names)[:MAX_NAMES])) + more


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read: {exc.strerror}") from exc

"""Rekordbox's XML: read, and written for stem files.

After the developer's list "rekordbox xml format" (rekordbox.com/en/support/developer): positions
in seconds, 51 steps of rating for a star, locations as URLs of ``file://localhost/``.
"""

import datetime
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement

from libsep import __version__
from libsep.dj.collection import Collection, Entry, Folder, Playlist, in_folders
from libsep.dj.colors import color_for, color_of
from libsep.dj.spelling import location_of_url
from libsep.dj.xml_values import count, date, elements, number, positive, xml_text
from libsep.media.tags.serato_cues import Cue, GridMarker

PROGRAM = "Rekordbox"

_HOST = "file://localhost/"
_PLAYLIST = "1"
_KINDS = {0: "cue", 1: "fade_in", 2: "fade_out", 3: "load", 4: "loop"}
_TYPES = {kind: number for number, kind in _KINDS.items()}
_RATING = 255
"""Of five stars."""


def read_rekordbox(path: Path) -> Collection:
    """Return the tracks and playlists of an exported collection.

    Raises
    ------
    ConfigError
        The file cannot be read, or is no such export.
    """
    entries: list[Entry] = []
    locations: dict[str, str] = {}
    playlists: list[tuple[tuple[str, ...], list[str]]] = []
    nodes: list[Element] = []
    for event, element in elements(path, PROGRAM):
        if element.tag == "NODE":
            if event == "start":
                nodes.append(element)
                if element.get("Type") == _PLAYLIST:
                    names = [each.get("Name", "") for each in nodes]
                    playlists.append((tuple(names[1:] or names), []))
            else:
                nodes.pop()
                element.clear()
        elif event == "end" and element.tag == "TRACK" and nodes:
            key = element.get("Key", "")
            by_location = nodes[-1].get("KeyType") == "1"
            location = location_of_url(key) if by_location else locations.get(key)
            if location is not None and nodes[-1].get("Type") == _PLAYLIST:
                playlists[-1][1].append(location)
        elif event == "end" and element.tag == "TRACK":
            entry = _entry(element)
            locations[element.get("TrackID", "")] = entry.location
            entries.append(entry)
            element.clear()
    return Collection(
        entries=tuple(entries),
        program="rekordbox",
        playlists=tuple(Playlist(path=path, locations=tuple(t)) for path, t in playlists),
    )


def write_rekordbox(
    entries: Iterable[Entry], playlists: Iterable[Playlist], *, today: datetime.date
) -> Element:
    """Return an XML of these tracks, with playlists of their locations.

    Rekordbox shows it under "rekordbox xml", from where tracks and lists are imported.
    """
    root = Element("DJ_PLAYLISTS", Version="1.0.0")
    SubElement(root, "PRODUCT", Name="libsep", Version=__version__, Company="")
    collection = SubElement(root, "COLLECTION")
    numbers: dict[str, str] = {}
    for entry in entries:
        numbers[entry.location] = str(len(numbers) + 1)
        _write_entry(collection, entry, numbers[entry.location], today)
    collection.set("Entries", str(len(numbers)))
    lists = Folder(name="ROOT", members=in_folders(playlists))
    _write_node(SubElement(root, "PLAYLISTS"), lists, numbers)
    return root


def _write_node(parent: Element, node: Playlist | Folder, numbers: Mapping[str, str]) -> None:
    if isinstance(node, Folder):
        count = str(len(node.members))
        folder = SubElement(parent, "NODE", Type="0", Name=xml_text(node.name), Count=count)
        for member in node.members:
            _write_node(folder, member, numbers)
        return
    keys = [numbers[location] for location in node.locations if location in numbers]
    name = xml_text(node.path[-1])
    playlist = SubElement(
        parent, "NODE", Name=name, Type=_PLAYLIST, KeyType="0", Entries=str(len(keys))
    )
    for key in keys:
        SubElement(playlist, "TRACK", Key=key)


def _entry(element: Element) -> Entry:
    rating = number(element.get("Rating"))
    return Entry(
        location=location_of_url(element.get("Location", "")),
        title=element.get("Name", ""),
        artist=element.get("Artist", ""),
        album=element.get("Album", ""),
        genre=element.get("Genre", ""),
        comment=element.get("Comments", ""),
        key=element.get("Tonality", ""),
        bpm=positive(element.get("AverageBpm")),
        rating=round(100 * min(rating, _RATING) / _RATING) if rating else None,
        added=date(element.get("DateAdded")),
        play_count=count(element.get("PlayCount")),
        color=color_of("rekordbox", element.get("Colour", "")),
        duration_s=positive(element.get("TotalTime")),
        size_bytes=int(positive(element.get("Size")) or 0) or None,
        cues=tuple(cue for cue in map(_cue, element.iter("POSITION_MARK")) if cue is not None),
        grid=tuple(m for m in map(_marker, element.iter("TEMPO")) if m is not None),
    )


def _cue(element: Element) -> Cue | None:
    start_s, kind = number(element.get("Start")), number(element.get("Type"))
    if start_s is None or kind is None or int(kind) not in _KINDS:
        return None
    end_s, slot = number(element.get("End")), number(element.get("Num"))
    parts = [number(element.get(name)) for name in ("Red", "Green", "Blue")]
    levels = [int(part) for part in parts if part is not None and 0 <= part <= 255]
    return Cue(
        kind=_KINDS[int(kind)],  # type: ignore[arg-type] # the values are those of Cue.kind
        position_s=start_s,
        length_s=max(end_s - start_s, 0.0) if end_s is not None else 0.0,
        name=element.get("Name", ""),
        slot=int(slot) if slot is not None and slot >= 0 else None,
        color=(levels[0], levels[1], levels[2]) if len(levels) == 3 else None,
    )


def _marker(element: Element) -> GridMarker | None:
    start_s, bpm = number(element.get("Inizio")), positive(element.get("Bpm"))
    if start_s is None or bpm is None:
        return None
    meter = re.fullmatch(r"([1-9]\d?)/([1-9]\d?)", element.get("Metro", ""), re.ASCII)
    n_beats, note = (int(meter[1]), int(meter[2])) if meter else (4, 4)
    beat = number(element.get("Battito")) or 1
    return GridMarker(
        position_s=start_s,
        bpm=bpm,
        beat=int(beat) if 1 <= beat <= n_beats else 1,
        meter=(n_beats, note),
    )


def _write_entry(collection: Element, entry: Entry, key: str, today: datetime.date) -> None:
    texts = {
        "Name": entry.title or entry.file_name,
        "Artist": entry.artist,
        "Album": entry.album,
        "Genre": entry.genre,
        "Comments": entry.comment,
        "Tonality": entry.key,
    }
    element = SubElement(collection, "TRACK", TrackID=key)
    for name, text in texts.items():
        element.set(name, xml_text(text))
    element.set("Kind", "MP4 File")
    element.set("DateAdded", (entry.added or today).isoformat())
    element.set("Location", _url(entry.location))
    if entry.size_bytes:
        element.set("Size", str(entry.size_bytes))
    if entry.duration_s:
        element.set("TotalTime", str(round(entry.duration_s)))
    if entry.rating is not None:
        element.set("Rating", str(51 * round(entry.rating / 20)))
    if entry.play_count is not None:
        element.set("PlayCount", str(entry.play_count))
    if color := color_for("rekordbox", entry.color):
        element.set("Colour", color)
    bpm = entry.bpm or (entry.grid[0].bpm if entry.grid else None)
    if bpm:
        element.set("AverageBpm", f"{bpm:.2f}")
    for marker in entry.grid:
        SubElement(
            element, "TEMPO", Inizio=f"{marker.position_s:.3f}", Bpm=f"{marker.bpm:.2f}",
            Metro="/".join(map(str, marker.meter)), Battito=str(marker.beat),
        )  # fmt: skip
    for cue in entry.cues:
        _write_cue(element, cue)


def _write_cue(entry: Element, cue: Cue) -> None:
    mark = SubElement(
        entry, "POSITION_MARK", Name=xml_text(cue.name), Type=str(_TYPES[cue.kind]),
        Start=f"{cue.position_s:.3f}",
    )  # fmt: skip
    if cue.length_s:
        mark.set("End", f"{cue.position_s + cue.length_s:.3f}")
    mark.set("Num", "-1" if cue.slot is None or cue.slot > 7 else str(cue.slot))
    if cue.color is not None:
        for name, level in zip(("Red", "Green", "Blue"), cue.color, strict=True):
            mark.set(name, str(level))


def _url(location: str) -> str:
    return _HOST + quote(location.removeprefix("/"), safe="/:")

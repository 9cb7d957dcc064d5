"""Traktor's collection (``collection.nml``): read, and written for stem files.

There is no specification. Elements and attributes are those that Traktor Pro 2 to 4 write, as
public collections and the readers of them show (wwerner/traktor-nml-utils, Holzhaus and pestrela's
notes on cue types): positions in milliseconds, 51 steps of rating for a star, folders that begin
with ``/:``. Stem files are tracks with an element ``STEMS``, and of the type ``STEM`` in playlists
(MrPatben8/konduktor, which found it so in all 945 places of a collection of Traktor 4).
"""

import datetime
import itertools
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

from libsep.dj.collection import Collection, Entry, Folder, Playlist, in_folders
from libsep.dj.colors import color_for, color_of
from libsep.dj.keys import KEYS, key_number
from libsep.dj.xml_values import count, date, elements, number, positive, xml_text
from libsep.media.tags.serato_cues import Cue, GridMarker

PROGRAM = "Traktor"

_GRID = 4
_KINDS = {0: "cue", 1: "fade_in", 2: "fade_out", 3: "load", 5: "loop"}
_TYPES = {kind: number for number, kind in _KINDS.items()}
_RANKING = 255
"""Of five stars."""

MUSIC_DRIVE = "Macintosh HD"
"""Volume of the paths that name none."""


def read_traktor(path: Path) -> Collection:
    """Return the tracks and playlists of a collection.

    Raises
    ------
    ConfigError
        The file cannot be read, or is no collection.
    """
    entries: list[Entry] = []
    playlists: list[tuple[tuple[str, ...], list[str]]] = []
    folders: list[tuple[str, str]] = []
    for event, element in elements(path, PROGRAM):
        if element.tag == "NODE":
            if event == "start":
                folders.append((element.get("NAME", ""), element.get("TYPE", "")))
                if folders[-1][1] == "PLAYLIST":
                    names = [name for name, _ in folders]
                    playlists.append((tuple(names[1:] or names), []))
            else:
                folders.pop()
                element.clear()
        elif event == "end" and element.tag == "PRIMARYKEY" and folders:
            is_track = element.get("TYPE") in (None, "TRACK", "STEM")
            if is_track and folders[-1][1] == "PLAYLIST":
                playlists[-1][1].append(_joined(element.get("KEY", "")))
        elif event == "end" and element.tag == "ENTRY" and not folders:
            location = element.find("LOCATION")
            if location is not None:
                entries.append(_entry(element, location))
            element.clear()
    return Collection(
        entries=tuple(entries),
        program="traktor",
        playlists=tuple(Playlist(path=path, locations=tuple(t)) for path, t in playlists),
    )


def write_traktor(
    entries: Iterable[Entry], playlists: Iterable[Playlist], *, today: datetime.date
) -> Element:
    """Return a collection of these tracks, with playlists of their locations.

    Traktor imports it by "Import Collection" or by dragging a playlist of it in; what it knows of
    other tracks stays.
    """
    root = Element("NML", VERSION="19")
    SubElement(root, "HEAD", COMPANY="www.native-instruments.com", PROGRAM=PROGRAM)
    collection = SubElement(root, "COLLECTION")
    types: dict[str, str] = {}
    for entry in entries:
        types[entry.location] = "STEM" if entry.stems else "TRACK"
        _write_entry(collection, entry, today)
    collection.set("ENTRIES", str(len(collection)))
    lists = Folder(name="$ROOT", members=in_folders(playlists))
    _write_node(SubElement(root, "PLAYLISTS"), lists, types)
    return root


def _write_node(parent: Element, node: Playlist | Folder, types: Mapping[str, str]) -> None:
    if isinstance(node, Folder):
        folder = SubElement(parent, "NODE", TYPE="FOLDER", NAME=xml_text(node.name))
        nodes = SubElement(folder, "SUBNODES", COUNT=str(len(node.members)))
        for member in node.members:
            _write_node(nodes, member, types)
        return
    element = SubElement(parent, "NODE", TYPE="PLAYLIST", NAME=xml_text(node.path[-1]))
    identity = uuid.uuid5(uuid.NAMESPACE_URL, "libsep:" + "\0".join(node.path)).hex
    n_tracks = str(len(node.locations))
    playlist = SubElement(element, "PLAYLIST", ENTRIES=n_tracks, TYPE="LIST", UUID=identity)
    for location in node.locations:
        key = {"TYPE": types.get(location, "TRACK"), "KEY": _primary_key(location)}
        SubElement(SubElement(playlist, "ENTRY"), "PRIMARYKEY", key)


def _entry(element: Element, location: Element) -> Entry:
    info, tempo = element.find("INFO"), element.find("TEMPO")
    info = Element("INFO") if info is None else info
    album, key = element.find("ALBUM"), element.find("MUSICAL_KEY")
    bpm = positive(tempo.get("BPM")) if tempo is not None else None
    ranking = number(info.get("RANKING"))
    size_kib = positive(info.get("FILESIZE"))
    index = count(key.get("VALUE")) if key is not None else None
    index = index if index is not None and index < len(KEYS) else None
    cues = element.findall("CUE_V2")
    return Entry(
        location=_joined(
            location.get("VOLUME", "") + location.get("DIR", "/:") + location.get("FILE", "")
        ),
        title=element.get("TITLE", ""),
        artist=element.get("ARTIST", ""),
        album=album.get("TITLE", "") if album is not None else "",
        genre=info.get("GENRE", ""),
        comment=info.get("COMMENT", ""),
        key=info.get("KEY", "") or (KEYS[index] if index is not None else ""),
        key_number=index,
        bpm=bpm,
        rating=round(100 * min(ranking, _RANKING) / _RANKING) if ranking else None,
        added=date(info.get("IMPORT_DATE")),
        play_count=count(info.get("PLAYCOUNT")),
        last_played=date(info.get("LAST_PLAYED")),
        color=color_of("traktor", info.get("COLOR", "")),
        duration_s=positive(info.get("PLAYTIME_FLOAT")) or positive(info.get("PLAYTIME")),
        size_bytes=int(1024 * size_kib) if size_kib else None,
        cues=tuple(cue for cue in map(_cue, cues) if cue is not None),
        grid=tuple(marker for marker in (_marker(cue, bpm) for cue in cues) if marker is not None),
    )


def _cue(element: Element) -> Cue | None:
    kind = number(element.get("TYPE"))
    start_ms = number(element.get("START"))
    if kind is None or start_ms is None or int(kind) not in _KINDS:
        return None
    slot = number(element.get("HOTCUE"))
    name = element.get("NAME", "")
    return Cue(
        kind=_KINDS[int(kind)],  # type: ignore[arg-type] # the values are those of Cue.kind
        position_s=start_ms / 1000,
        length_s=(positive(element.get("LEN")) or 0.0) / 1000,
        name="" if name == "n.n." else name,
        slot=int(slot) if slot is not None and slot >= 0 else None,
        color=_color(element.get("COLOR", "")),
    )


def _marker(element: Element, bpm: float | None) -> GridMarker | None:
    start_ms = number(element.get("START"))
    if number(element.get("TYPE")) != _GRID or start_ms is None:
        return None
    grid = element.find("GRID")
    tempo = positive(grid.get("BPM")) if grid is not None else None
    tempo = tempo or bpm
    return GridMarker(position_s=start_ms / 1000, bpm=tempo) if tempo else None


def _color(text: str) -> tuple[int, int, int] | None:
    try:
        red, green, blue = bytes.fromhex(text.removeprefix("#"))
    except ValueError:
        return None
    return red, green, blue


def _write_entry(collection: Element, entry: Entry, today: datetime.date) -> None:
    volume, folder, name = _split(entry.location)
    day = f"{today.year}/{today.month}/{today.day}"
    element = SubElement(collection, "ENTRY", MODIFIED_DATE=day, MODIFIED_TIME="0")
    element.set("TITLE", xml_text(entry.title or entry.file_name))
    element.set("ARTIST", xml_text(entry.artist))
    SubElement(element, "LOCATION", DIR=folder, FILE=name, VOLUME=volume, VOLUMEID=volume)
    if entry.album:
        SubElement(element, "ALBUM", TITLE=xml_text(entry.album))
    info = {"GENRE": entry.genre, "COMMENT": entry.comment, "KEY": entry.key}
    attributes = {name: xml_text(text) for name, text in info.items() if text}
    if entry.duration_s:
        attributes["PLAYTIME"] = str(round(entry.duration_s))
        attributes["PLAYTIME_FLOAT"] = f"{entry.duration_s:.6f}"
    if entry.rating is not None:
        stars = round(entry.rating / 20)
        attributes["RANKING"] = str(51 * stars)
    if entry.size_bytes:
        attributes["FILESIZE"] = str(entry.size_bytes // 1024)
    added = entry.added or today
    attributes["IMPORT_DATE"] = f"{added.year}/{added.month}/{added.day}"
    if entry.play_count is not None:
        attributes["PLAYCOUNT"] = str(entry.play_count)
    if played := entry.last_played:
        attributes["LAST_PLAYED"] = f"{played.year}/{played.month}/{played.day}"
    if color := color_for("traktor", entry.color):
        attributes["COLOR"] = color
    SubElement(element, "INFO", attributes)
    bpm = entry.bpm or (entry.grid[0].bpm if entry.grid else None)
    if bpm:
        SubElement(element, "TEMPO", BPM=f"{bpm:.6f}", BPM_QUALITY="100.000000")
    index = entry.key_number if entry.key_number is not None else key_number(entry.key)
    if index is not None:
        SubElement(element, "MUSICAL_KEY", VALUE=str(index))
    for marker in _downbeats(entry.grid):
        beat = _write_cue(element, "AutoGrid", _GRID, marker.position_s)
        SubElement(beat, "GRID", BPM=f"{marker.bpm:.6f}")
    for cue in entry.cues:
        written = _write_cue(element, cue.name or "n.n.", _TYPES[cue.kind], cue.position_s)
        written.set("LEN", f"{1000 * cue.length_s:.6f}")
        written.set("HOTCUE", "-1" if cue.slot is None or cue.slot > 7 else str(cue.slot))
        if cue.color is not None:
            written.set("COLOR", "#" + bytes(cue.color).hex().upper())
    if entry.stems:
        SubElement(element, "STEMS", STEMS=entry.stems)


def _downbeats(grid: Sequence[GridMarker]) -> Iterator[GridMarker]:
    """Yield the first beats of bars that a grid's tempos begin with: Traktor has no other markers.

    A marker on another beat goes on to the next bar; one whose tempo ends before that is left out.
    """
    for marker, following in itertools.zip_longest(grid, grid[1:]):
        first = marker.later((1 - marker.beat) % marker.meter[0])
        if following is None or first.position_s < following.position_s - marker.beat_s / 2:
            yield first


def _write_cue(entry: Element, name: str, kind: int, position_s: float) -> Element:
    return SubElement(
        entry, "CUE_V2", NAME=xml_text(name), DISPL_ORDER="0", TYPE=str(kind),
        START=f"{1000 * position_s:.6f}", LEN="0.000000", REPEATS="-1", HOTCUE="-1",
    )  # fmt: skip


def _joined(traktor: str) -> str:
    """Return the path for Traktor's ``Volume/:Folder/:File``."""
    volume, _, rest = traktor.partition("/:")
    path = rest.replace("/:", "/")
    if volume.endswith(":"):
        return f"{volume}/{path}"
    return f"/{path}" if volume in ("", MUSIC_DRIVE) else f"/Volumes/{volume}/{path}"


def _split(location: str) -> tuple[str, str, str]:
    """Return volume, folder and file as Traktor writes them."""
    folder, _, name = location.rpartition("/")
    parts = folder.split("/")
    if parts[0].endswith(":"):
        volume, folders = parts[0], parts[1:]
    elif parts[:2] == ["", "Volumes"] and len(parts) > 2:
        volume, folders = parts[2], parts[3:]
    else:
        volume, folders = MUSIC_DRIVE, parts[1:]
    return volume, "".join(f"/:{part}" for part in folders) + "/:", name


def _primary_key(location: str) -> str:
    return "".join(_split(location))

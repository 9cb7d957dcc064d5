"""Traktor's collection (``collection.nml``): read, and written for stem files.

There is no specification. Elements and attributes are those that Traktor Pro 2 to 4 write, as
public collections and the readers of them show (wwerner/traktor-nml-utils, Holzhaus and pestrela's
notes on cue types): positions in milliseconds, 51 steps of rating for a star, folders that begin
with ``/:``.
"""

import datetime
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

from libsep.dj.collection import Collection, Entry, date, elements, number, positive, xml_text
from libsep.media.tags.serato_cues import Cue, GridMarker

PROGRAM = "Traktor"

_GRID = 4
_KINDS = {0: "cue", 1: "fade_in", 2: "fade_out", 3: "load", 5: "loop"}
_TYPES = {kind: number for number, kind in _KINDS.items()}
_RANKING = 255
"""Of five stars."""

KEYS = (
    "C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B",
    "Cm", "C#m", "Dm", "D#m", "Em", "Fm", "F#m", "Gm", "G#m", "Am", "Bbm", "Bm",
)  # fmt: skip
"""Keys by the number that Traktor gives them."""

_EQUAL_KEYS = {
    "C#": "Db", "D#": "Eb", "F#": "Gb", "G#": "Ab", "A#": "Bb",
    "Dbm": "C#m", "Ebm": "D#m", "Gbm": "F#m", "Abm": "G#m", "A#m": "Bbm",
}  # fmt: skip

MUSIC_DRIVE = "Macintosh HD"
"""Volume of the paths that name none."""


def read_traktor(path: Path) -> Collection:
    """Return the tracks and playlists of a collection.

    Playlists in folders are called ``Folder/Name``; of two with one name the last one counts.

    Raises
    ------
    ConfigError
        The file cannot be read, or is no collection.
    """
    entries: list[Entry] = []
    playlists: dict[str, list[str]] = {}
    folders: list[str] = []
    for event, element in elements(path, PROGRAM):
        if element.tag == "NODE":
            if event == "start":
                folders.append(element.get("NAME", ""))
                if element.get("TYPE") == "PLAYLIST":
                    playlists["/".join(folders[1:])] = []
            else:
                folders.pop()
                element.clear()
        elif event == "end" and element.tag == "PRIMARYKEY" and folders:
            tracks = playlists.get("/".join(folders[1:]))
            if tracks is not None and element.get("TYPE") in (None, "TRACK", "STEM"):
                tracks.append(_joined(element.get("KEY", "")))
        elif event == "end" and element.tag == "ENTRY" and not folders:
            location = element.find("LOCATION")
            if location is not None:
                entries.append(_entry(element, location))
            element.clear()
    return Collection(
        entries=tuple(entries),
        program="traktor",
        playlists={name: tuple(t) for name, t in playlists.items()},
    )


def write_traktor(
    entries: Iterable[Entry], playlists: Mapping[str, Iterable[str]], *, today: datetime.date
) -> Element:
    """Return a collection of these tracks, with playlists of their locations.

    Traktor imports it by "Import Collection" or by dragging a playlist of it in; what it knows of
    other tracks stays.
    """
    root = Element("NML", VERSION="19")
    SubElement(root, "HEAD", COMPANY="www.native-instruments.com", PROGRAM=PROGRAM)
    collection = SubElement(root, "COLLECTION")
    count = 0
    for entry in entries:
        _write_entry(collection, entry, today)
        count += 1
    collection.set("ENTRIES", str(count))
    lists = SubElement(SubElement(root, "PLAYLISTS"), "NODE", TYPE="FOLDER", NAME="$ROOT")
    nodes = SubElement(lists, "SUBNODES", COUNT=str(len(playlists)))
    for name, locations in playlists.items():
        node = SubElement(nodes, "NODE", TYPE="PLAYLIST", NAME=xml_text(name))
        keys = [_primary_key(location) for location in locations]
        identity = uuid.uuid5(uuid.NAMESPACE_URL, f"libsep:{name}").hex
        playlist = SubElement(node, "PLAYLIST", ENTRIES=str(len(keys)), TYPE="LIST", UUID=identity)
        for key in keys:
            SubElement(SubElement(playlist, "ENTRY"), "PRIMARYKEY", TYPE="TRACK", KEY=key)
    return root


def _entry(element: Element, location: Element) -> Entry:
    info, tempo = element.find("INFO"), element.find("TEMPO")
    info = Element("INFO") if info is None else info
    album, key = element.find("ALBUM"), element.find("MUSICAL_KEY")
    bpm = positive(tempo.get("BPM")) if tempo is not None else None
    ranking = number(info.get("RANKING"))
    size_kib = positive(info.get("FILESIZE"))
    index = number(key.get("VALUE")) if key is not None else None
    named = KEYS[int(index)] if index is not None and 0 <= index < len(KEYS) else ""
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
        key=info.get("KEY", "") or named,
        bpm=bpm,
        rating=round(100 * min(ranking, _RANKING) / _RANKING) if ranking else None,
        added=date(info.get("IMPORT_DATE")),
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
    SubElement(element, "INFO", attributes)
    bpm = entry.bpm or (entry.grid[0].bpm if entry.grid else None)
    if bpm:
        SubElement(element, "TEMPO", BPM=f"{bpm:.6f}", BPM_QUALITY="100.000000")
    if (index := key_number(entry.key)) is not None:
        SubElement(element, "MUSICAL_KEY", VALUE=str(index))
    for marker in entry.grid:
        beat = _write_cue(element, "AutoGrid", _GRID, marker.position_s)
        SubElement(beat, "GRID", BPM=f"{marker.bpm:.6f}")
    for cue in entry.cues:
        written = _write_cue(element, cue.name or "n.n.", _TYPES[cue.kind], cue.position_s)
        written.set("LEN", f"{1000 * cue.length_s:.6f}")
        written.set("HOTCUE", "-1" if cue.slot is None or cue.slot > 7 else str(cue.slot))
        if cue.color is not None:
            written.set("COLOR", "#" + bytes(cue.color).hex().upper())


def _write_cue(entry: Element, name: str, kind: int, position_s: float) -> Element:
    return SubElement(
        entry, "CUE_V2", NAME=xml_text(name), DISPL_ORDER="0", TYPE=str(kind),
        START=f"{1000 * position_s:.6f}", LEN="0.000000", REPEATS="-1", HOTCUE="-1",
    )  # fmt: skip


def key_number(key: str) -> int | None:
    """Return Traktor's number of a key that is written with letters (``Am``, ``F#``); else None."""
    text = key.strip().replace("♯", "#").replace("♭", "b").replace(" ", "")
    text = text.removesuffix("maj").replace("min", "m")
    text = _EQUAL_KEYS.get(text[:1].upper() + text[1:], text[:1].upper() + text[1:])
    return KEYS.index(text) if text in KEYS else None


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

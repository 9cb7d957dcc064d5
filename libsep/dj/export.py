"""Lists of stem files for DJ programs, written beside the output."""

import dataclasses
import datetime
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args
from xml.etree.ElementTree import Element, ElementTree, indent

from libsep.dj.collection import Collection, Entry
from libsep.dj.read import read_collection
from libsep.dj.rekordbox import write_rekordbox
from libsep.dj.stems import carried, read_stem_tracks, sources_in
from libsep.dj.traktor import write_traktor
from libsep.errors import ConfigError
from libsep.media.atomic import replacing

Program = Literal["traktor", "rekordbox", "m3u"]
"""What lists are written for."""

PROGRAMS: tuple[Program, ...] = get_args(Program)

MARK = "written by libsep"
"""Stands at the head of each list, so that no other file is ever replaced."""

_NAMES = {"traktor": "stems.nml", "rekordbox": "stems.xml", "m3u": "stems.m3u8"}
_HEAD_BYTES = 512
_NO_FILE_NAME = str.maketrans('/\\:*?"<>|', "_________")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written: files, how many tracks and playlists, and what was left out and why.

    ``n_missing`` counts the tracks of the collection's playlists that have no stem file;
    ``n_from_mp3`` the tracks whose cues or grid a collection holds for an MP3.
    """

    files: tuple[Path, ...]
    n_tracks: int
    n_with_cues: int
    n_with_grid: int
    n_playlists: int
    n_missing: int
    n_from_mp3: int
    left_out: tuple[str, ...]


def export(
    stems: Path,
    program: Program,
    output: Path | None,
    *,
    collection: Path | None,
    paths: Mapping[str, str],
    mp3_shift_s: float,
    today: datetime.date,
) -> Exported:
    """Write a list of all stem files of a folder, and the playlists of a collection with them.

    Nothing but a list of libsep's own is ever replaced, so a collection stays as it is.

    Parameters
    ----------
    stems
        Folder of stem files.
    program
        Whose format is written.
    output
        The file; by default ``stems.nml``, ``stems.xml`` or ``stems.m3u8`` in ``stems``. Further
        playlists in M3U lie in the folder ``playlists`` beside it.
    collection
        What a DJ program knows (`libsep.dj.read.read_collection`): its cues, grids, ratings and
        playlists are carried over to the stem files of its tracks.
    paths
        Begins of paths here, and what stands for them where the DJ program runs.
    mp3_shift_s
        Is added to the collection's positions in MP3s.
    today
        Date of import of tracks that have none.

    Raises
    ------
    ConfigError
        There are no stem files, the collection cannot be read, or ``output`` is a file that
        libsep did not write.
    StemsError
        A list cannot be written.
    """
    found = read_stem_tracks(stems)
    if not found.tracks:
        raise ConfigError(f"{stems}: no stem files found (expected the output of libsep run)")
    known = read_collection(collection) if collection else Collection(entries=())
    sources = sources_in(known, found.tracks)
    by_track = {
        sources[entry.location].path: entry for entry in known.entries if entry.location in sources
    }
    entries = [carried(track, by_track.get(track.path), mp3_shift_s) for track in found.tracks]
    playlists = {stems.absolute().name or "stems": [entry.location for entry in entries]}
    names = {_file_name(name) for name in playlists}
    n_missing = 0
    for name, locations in known.playlists.items():
        with_stems = [sources[place].entry.location for place in locations if place in sources]
        n_missing += len(locations) - len(with_stems)
        if with_stems:
            playlists[_unused(name, names)] = with_stems
    goal = output or stems / _NAMES[program]
    mapped = {entry.location: _mapped(entry.location, paths) for entry in entries}
    entries = [dataclasses.replace(entry, location=mapped[entry.location]) for entry in entries]
    lists = {name: [mapped[place] for place in places] for name, places in playlists.items()}
    files = _write(program, goal, entries, lists, today)
    with_positions = {path for path, entry in by_track.items() if entry.cues or entry.grid}
    n_from_mp3 = sum(t.is_from_mp3 and t.path in with_positions for t in found.tracks)
    return Exported(
        files=tuple(files),
        n_tracks=len(entries),
        n_with_cues=sum(bool(entry.cues) for entry in entries),
        n_with_grid=sum(bool(entry.grid) for entry in entries),
        n_playlists=len(lists),
        n_missing=n_missing,
        n_from_mp3=n_from_mp3,
        left_out=found.left_out,
    )


def _unused(name: str, taken: set[str]) -> str:
    """Return a name, with a number if a list or its file would have that of another; note it."""
    candidates = itertools.chain([name], (f"{name} ({number})" for number in itertools.count(2)))
    free = next(candidate for candidate in candidates if _file_name(candidate) not in taken)
    taken.add(_file_name(free))
    return free


def _file_name(name: str) -> str:
    return name.translate(_NO_FILE_NAME).casefold()


def _write(
    program: Program,
    goal: Path,
    entries: Sequence[Entry],
    playlists: Mapping[str, Sequence[str]],
    today: datetime.date,
) -> list[Path]:
    if program != "m3u":
        write = write_traktor if program == "traktor" else write_rekordbox
        _write_xml(goal, write(entries, playlists, today=today))
        return [goal]
    by_location = {entry.location: entry for entry in entries}
    files = []
    for index, (name, locations) in enumerate(playlists.items()):
        path = goal
        if index:
            path = goal.parent / "playlists" / f"{name.translate(_NO_FILE_NAME)}.m3u8"
        _write_m3u(path, name, [by_location[place] for place in locations])
        files.append(path)
    return files


def _write_xml(goal: Path, root: Element) -> None:
    _refuse_to_replace(goal)
    indent(root)
    with replacing(goal) as part, part.open("wb") as file:
        file.write(f'<?xml version="1.0" encoding="UTF-8"?>\n<!-- {MARK} -->\n'.encode())
        ElementTree(root).write(file, encoding="utf-8", xml_declaration=False)


def _write_m3u(goal: Path, name: str, entries: Sequence[Entry]) -> None:
    _refuse_to_replace(goal)
    lines = ["#EXTM3U", f"# {MARK}", f"#PLAYLIST:{_line(name)}"]
    for entry in entries:
        label = " - ".join(filter(None, (entry.artist, entry.title)))
        lines.append(f"#EXTINF:{round(entry.duration_s or -1)},{_line(label)}")
        lines.append(entry.location)
    with replacing(goal) as part:
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _refuse_to_replace(goal: Path) -> None:
    try:
        with goal.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except FileNotFoundError:
        return
    except OSError as exc:
        raise ConfigError(f"{goal}: cannot be written: {exc.strerror}") from exc
    if MARK.encode() not in head:
        raise ConfigError(
            f"{goal}: exists, and libsep did not write it: left as it is (-o names another file)"
        )


def _line(text: str) -> str:
    return " ".join(text.split())


def _mapped(location: str, paths: Mapping[str, str]) -> str:
    """Return a path as it is where the DJ program runs; the longest begin that fits counts."""
    for begin in sorted(paths, key=len, reverse=True):
        base = Path(begin).absolute().as_posix()
        if location == base or location.startswith(base.rstrip("/") + "/"):
            goal = paths[begin].replace("\\", "/").rstrip("/")
            return goal + "/" + location[len(base) :].lstrip("/")
    return location

"""Lists of stem files for DJ programs, written beside the output."""

import dataclasses
import datetime
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args
from xml.etree.ElementTree import Element, ElementTree, indent

from libsep.dj.collection import Collection, Entry
from libsep.dj.mp3_time import Mp3Clock
from libsep.dj.read import read_collection
from libsep.dj.rekordbox import write_rekordbox
from libsep.dj.stems import StemTrack, carried, read_stem_tracks, sources_in
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
    ``n_shifted`` the tracks from MP3s whose cues and grid were moved, ``n_unknown_mp3`` those of
    which nobody can tell whether they need it (see `libsep.dj.mp3_time`).
    """

    files: tuple[Path, ...]
    n_tracks: int
    n_with_cues: int
    n_with_grid: int
    n_playlists: int
    n_missing: int
    n_shifted: int
    n_unknown_mp3: int
    left_out: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What a DJ prepared in another program, for whom stem files are listed.

    Parameters
    ----------
    collection
        What a DJ program knows (`libsep.dj.read.read_collection`): its cues, grids, ratings and
        playlists are carried over to the stem files of its tracks.
    library
        The folder that the stem files were made from, if that is known: the headers of its MP3s
        tell where their cues belong.
    mp3_shift_s
        Is added to the collection's positions in MP3s, whatever their headers say.
    """

    collection: Path | None = None
    library: Path | None = None
    mp3_shift_s: float | None = None


def export(
    stems: Path,
    program: Program,
    output: Path | None,
    prepared: Prepared,
    *,
    paths: Mapping[str, str],
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
    prepared
        What is carried over.
    paths
        Begins of paths here, and what stands for them where the DJ program runs.
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
    known = read_collection(prepared.collection) if prepared.collection else Collection(entries=())
    sources = sources_in(known, found.tracks)
    clock = Mp3Clock(program=known.program, library=prepared.library, shift_s=prepared.mp3_shift_s)
    carried_over = _carry_over(found.tracks, known, sources, clock)
    entries = carried_over.entries
    playlists = {stems.absolute().name or "stems": [entry.location for entry in entries]}
    n_missing = _add_playlists(playlists, known, sources)
    entries, lists = _relocated(entries, playlists, paths)
    files = _write(program, output or stems / _NAMES[program], entries, lists, today)
    return Exported(
        files=tuple(files),
        n_tracks=len(entries),
        n_with_cues=sum(bool(entry.cues) for entry in entries),
        n_with_grid=sum(bool(entry.grid) for entry in entries),
        n_playlists=len(lists),
        n_missing=n_missing,
        n_shifted=carried_over.n_shifted,
        n_unknown_mp3=carried_over.n_unknown_mp3,
        left_out=found.left_out,
    )


def _relocated(
    entries: Sequence[Entry], playlists: Mapping[str, Sequence[str]], paths: Mapping[str, str]
) -> tuple[list[Entry], dict[str, list[str]]]:
    """Return entries and playlists with the paths that the DJ program sees."""
    places = {entry.location: _mapped(entry.location, paths) for entry in entries}
    return (
        [dataclasses.replace(entry, location=places[entry.location]) for entry in entries],
        {name: [places[place] for place in listed] for name, listed in playlists.items()},
    )


@dataclasses.dataclass(slots=True)
class _CarriedOver:
    """Stem files with what a collection knows of them; see `Exported` for the counts."""

    entries: list[Entry] = dataclasses.field(default_factory=list)
    n_shifted: int = 0
    n_unknown_mp3: int = 0


def _carry_over(
    tracks: Sequence[StemTrack],
    known: Collection,
    sources: Mapping[str, StemTrack],
    clock: Mp3Clock,
) -> _CarriedOver:
    by_track = {
        sources[entry.location].path: entry for entry in known.entries if entry.location in sources
    }
    done = _CarriedOver()
    for track in tracks:
        entry = by_track.get(track.path)
        if entry is None:
            done.entries.append(track.entry)
            continue
        shift_s = clock.shift_of(track, entry) if entry.cues or entry.grid else 0.0
        done.n_shifted += bool(shift_s)
        done.n_unknown_mp3 += shift_s is None
        done.entries.append(carried(track, entry, shift_s or 0.0))
    return done


def _add_playlists(
    playlists: dict[str, list[str]], known: Collection, sources: Mapping[str, StemTrack]
) -> int:
    """Add a collection's playlists as far as they have stem files; return how many have none."""
    names = {_file_name(name) for name in playlists}
    n_missing = 0
    for name, locations in known.playlists.items():
        with_stems = [sources[place].entry.location for place in locations if place in sources]
        n_missing += len(locations) - len(with_stems)
        if with_stems:
            playlists[_unused(name, names)] = with_stems
    return n_missing


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

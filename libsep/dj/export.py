"""Lists of stem files for DJ programs, written beside the output."""

import dataclasses
import datetime
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args
from xml.etree.ElementTree import Element, ElementTree, indent

from libsep.dj.collection import Collection, Entry, Playlist
from libsep.dj.m3u_lists import MARK, file_key, refuse_to_replace, write_lists
from libsep.dj.read import MAX_NAMES, read_collection
from libsep.dj.rekordbox import write_rekordbox
from libsep.dj.stems import StemTrack, carried, closest, moved, read_stem_tracks, sources_in
from libsep.dj.time_zero import Clock
from libsep.dj.traktor import write_traktor
from libsep.dj.xml_values import is_listable
from libsep.errors import ConfigError
from libsep.media.atomic import replacing
from libsep.media.file_names import fitting

Program = Literal["traktor", "rekordbox", "m3u"]
"""What lists are written for."""

PROGRAMS: tuple[Program, ...] = get_args(Program)

NAMES = {"traktor": "stems.nml", "rekordbox": "stems.xml", "m3u": "stems.m3u8"}
"""What the list is called."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written: files, how many tracks and playlists, and what was left out and why.

    ``n_aside`` counts the entries of the collection that were left aside because another one fits
    the same stem file better; ``n_missing`` its playlists' tracks that have no stem file;
    ``n_shifted`` the tracks whose cues and grid were moved because of their source, ``n_unknown``
    those of which nobody can tell whether they need it (see `libsep.dj.time_zero`).
    """

    files: tuple[Path, ...]
    n_tracks: int
    n_with_cues: int
    n_with_grid: int
    n_playlists: int
    n_aside: int
    n_missing: int
    n_shifted: int
    n_unknown: int
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
        The file; by default one of `NAMES` in ``stems``. Further playlists in M3U lie beside it in
        the folder ``playlists``, those of another ``NAME`` in ``NAME playlists``.
    prepared
        What is carried over.
    paths
        Begins of paths here, and what stands for them where the DJ program runs.
    today
        Date of import of tracks that have none.

    Raises
    ------
    ConfigError
        There are no stem files, the collection cannot be read, a path is no text, or ``output`` is
        a file that libsep did not write.
    StemsError
        A list cannot be written.
    """
    _check_paths(paths)
    found = read_stem_tracks(stems)
    if not found.tracks:
        raise ConfigError(f"{stems}: no stem files found (expected the output of libsep run)")
    known = read_collection(prepared.collection) if prepared.collection else Collection(entries=())
    sources = sources_in(known, found.tracks)
    done = _carry_over(found.tracks, known, sources, prepared, program)
    playlists = [_with_stems(playlist, sources) for playlist in known.playlists]
    every = Playlist(path=(stems.absolute().name or "stems",), locations=_places(done.entries))
    entries, lists = _relocated(done.entries, told_apart([every, *playlists]), paths)
    files = _write(program, output or stems / NAMES[program], entries, lists, today)
    return Exported(
        files=files,
        n_tracks=len(entries),
        n_with_cues=sum(bool(entry.cues) for entry in entries),
        n_with_grid=sum(bool(entry.grid) for entry in entries),
        n_playlists=len(lists),
        n_aside=done.n_aside,
        n_missing=_n_locations(known.playlists) - _n_locations(playlists),
        n_shifted=done.n_shifted,
        n_unknown=done.n_unknown,
        left_out=(*found.left_out, *_without_stems(playlists)),
    )


def _check_paths(paths: Mapping[str, str]) -> None:
    for place in paths.values():
        if not is_listable(place):
            raise ConfigError(f"{ascii(place)[1:-1]}: a path with characters that no list can hold")


def _places(entries: Iterable[Entry]) -> tuple[str, ...]:
    return tuple(entry.location for entry in entries)


def _relocated(
    entries: Sequence[Entry], playlists: Iterable[Playlist], paths: Mapping[str, str]
) -> tuple[list[Entry], list[Playlist]]:
    """Return entries and playlists with the paths that the DJ program sees."""
    places = {entry.location: _mapped(entry.location, paths) for entry in entries}
    return (
        [dataclasses.replace(entry, location=places[entry.location]) for entry in entries],
        [
            dataclasses.replace(each, locations=tuple(places[place] for place in each.locations))
            for each in playlists
        ],
    )


@dataclasses.dataclass(slots=True)
class _CarriedOver:
    """Stem files with what a collection knows of them; see `Exported` for the counts."""

    entries: list[Entry] = dataclasses.field(default_factory=list)
    n_aside: int = 0
    n_shifted: int = 0
    n_unknown: int = 0


def _carry_over(
    tracks: Sequence[StemTrack],
    known: Collection,
    sources: Mapping[str, StemTrack],
    prepared: Prepared,
    program: Program,
) -> _CarriedOver:
    clock = Clock(program=known.program, library=prepared.library, mp3_shift_s=prepared.mp3_shift_s)
    fitting_each: dict[Path, list[Entry]] = {}
    for entry in known.entries:
        if entry.location in sources:
            fitting_each.setdefault(sources[entry.location].path, []).append(entry)
    done = _CarriedOver()
    for track in tracks:
        late_s = track.skipped_s if program == "rekordbox" else 0.0
        own = moved(track.entry, late_s)
        entries = fitting_each.get(track.path)
        if entries is None:
            done.entries.append(own)
            continue
        entry = closest(track, entries, prepared.library)
        done.n_aside += len(entries) - 1
        shift_s = clock.shift_of(track, entry) if entry.cues or entry.grid else 0.0
        done.n_shifted += bool(shift_s)
        done.n_unknown += shift_s is None
        done.entries.append(carried(own, moved(entry, (shift_s or 0.0) + late_s)))
    return done


def _with_stems(playlist: Playlist, sources: Mapping[str, StemTrack]) -> Playlist:
    """Return a collection's playlist with the stem files of its tracks, as far as there are any."""
    found = (sources[place] for place in playlist.locations if place in sources)
    return dataclasses.replace(playlist, locations=tuple(each.entry.location for each in found))


def _n_locations(playlists: Iterable[Playlist]) -> int:
    return sum(len(playlist.locations) for playlist in playlists)


def _without_stems(playlists: Sequence[Playlist]) -> tuple[str, ...]:
    """Return a sentence that names the playlists without any stem file, if there are such."""
    names = [repr(playlist.name) for playlist in playlists if not playlist.locations]
    if not names:
        return ()
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return (f"playlists without any stem file: {', '.join(names[:MAX_NAMES])}{more}",)


def told_apart(playlists: Iterable[Playlist]) -> Iterator[Playlist]:
    """Yield playlists, numbered after their name where one before would have the same file.

    Empty ones are left out.
    """
    taken: set[str] = set()
    for playlist in playlists:
        if not playlist.locations:
            continue
        *folders, name = playlist.path
        paths = ((*folders, f"{name} ({number})") for number in itertools.count(2))
        free = next(
            path for path in itertools.chain([playlist.path], paths) if file_key(path) not in taken
        )
        taken.add(file_key(free))
        yield dataclasses.replace(playlist, path=free)


def _write(
    program: Program,
    goal: Path,
    entries: Sequence[Entry],
    playlists: Sequence[Playlist],
    today: datetime.date,
) -> tuple[Path, ...]:
    """Write the lists; return the files."""
    if program == "m3u":
        folder = "playlists" if goal.name == NAMES["m3u"] else fitting(goal.name, " playlists")
        return write_lists(goal, goal.parent / folder, entries, playlists)
    write = write_traktor if program == "traktor" else write_rekordbox
    _write_xml(goal, write(entries, playlists, today=today))
    return (goal,)


def _write_xml(goal: Path, root: Element) -> None:
    refuse_to_replace(goal)
    indent(root)
    with replacing(goal) as part, part.open("wb") as file:
        file.write(f'<?xml version="1.0" encoding="UTF-8"?>\n<!-- {MARK} -->\n'.encode())
        ElementTree(root).write(file, encoding="utf-8", xml_declaration=False)


def _mapped(location: str, paths: Mapping[str, str]) -> str:
    """Return a path as it is where the DJ program runs; the longest begin that fits counts."""
    for begin in sorted(paths, key=len, reverse=True):
        base = Path(begin).absolute().as_posix()
        if location == base or location.startswith(base.rstrip("/") + "/"):
            goal = paths[begin].replace("\\", "/").rstrip("/")
            return goal + "/" + location[len(base) :].lstrip("/")
    return location

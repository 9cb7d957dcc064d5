"""A pack of small material for the sampler: one table, ``manifest.csv``, says what every clip is.

Columns that are read: ``path``, ``offset_s`` and ``duration_s`` of the clip in it, ``kind`` (stem,
oneshot, loop, note, voice, midi, ir), ``stem`` (the target; of MIDI files also ``mix``),
``instrument``, ``midi_pitch``, ``kit``, ``song``, ``member`` (of a ``.tar.xz``), ``note``, and
``genre`` of MIDI files, if there is such a column.
"""

import csv
import functools
import lzma
import math
import tarfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence, Set
from pathlib import Path, PurePosixPath

from libsep.datasets.audio_cache import AudioCache
from libsep.datasets.songs import SongFiles, load_song
from libsep.errors import ConfigError, reason_of
from libsep.track import TARGETS
from libsep.training.synthesis.clips import Clip, Collection, Groove, Samples, Strokes, one_shot
from libsep.training.synthesis.midi import Score, read_score
from libsep.units import seconds_to_samples

MANIFEST = "manifest.csv"

Row = dict[str, str]


def is_pack(folder: Path) -> bool:
    """Return whether a folder has the table of a pack."""
    return (folder / MANIFEST).is_file()


def pack_songs(folder: Path) -> list[SongFiles]:
    """Return the songs with stems of a pack.

    Raises
    ------
    ConfigError
        The table cannot be read, lacks a column, or has a wrong value.
    """
    rows = _read_rows(folder / MANIFEST)
    return _songs(folder, [row for row in rows if row["kind"] == "stem"])


def load_pack(folder: Path, cache: AudioCache) -> Collection:
    """Read a pack; its songs are decoded at once, other sounds when they are first played.

    Raises
    ------
    ConfigError
        The table cannot be read, lacks a column or has a wrong value, or a file that it names is
        missing or damaged.
    """
    by_kind: dict[str, list[Row]] = defaultdict(list)
    for row in _read_rows(folder / MANIFEST):
        by_kind[row["kind"]].append(row)
    clip = functools.partial(_clip, folder, functools.cache(cache.samples), cache.sample_rate)
    loops: dict[str, list[Clip]] = {target: [] for target in TARGETS}
    kits: dict[str, dict[str, list[Strokes]]] = defaultdict(lambda: defaultdict(list))
    notes: dict[str, dict[str, list[Clip]]] = {target: defaultdict(list) for target in TARGETS}
    voices: dict[str, list[Clip]] = defaultdict(list)
    for row in by_kind["loop"]:
        loops[row["stem"]].append(clip(row))
    for row in by_kind["oneshot"]:
        kits[row["kit"]][row["instrument"]].append(one_shot(clip(row)))
    for row in by_kind["note"]:
        if not row["note"].startswith("choir"):  # sounds like singing
            notes[row["stem"]][PurePosixPath(row["path"]).stem].append(clip(row))
    for row in by_kind["voice"]:
        voices[row["kit"]].append(clip(row))
    scores = _scores(folder, by_kind["midi"])
    return Collection(
        songs=[load_song(song, cache) for song in _songs(folder, by_kind["stem"])],
        loops=loops,
        kits=kits,
        notes=notes,
        voices=voices,
        impulse_responses=[clip(row) for row in by_kind["ir"]],
        grooves=[
            Groove(row.get("genre", ""), score) for row, score in scores if row["stem"] == "drums"
        ],
        arrangements=[score for row, score in scores if row["stem"] == "mix"],
    )


def _clip(folder: Path, samples: Callable[[Path], Samples], sample_rate: int, row: Row) -> Clip:
    path = folder / row["path"]
    if not path.is_file():
        raise ConfigError(f"{path}: named in {MANIFEST}, but missing")
    start = seconds_to_samples(float(row["offset_s"]), sample_rate)
    stop = start + seconds_to_samples(float(row["duration_s"]), sample_rate)

    def load() -> Samples:
        return samples(path)[:, start:stop]

    return Clip(load, float(row["midi_pitch"]) if row["midi_pitch"] else None)


def _read_rows(manifest: Path) -> list[Row]:
    needed = {"path", "offset_s", "duration_s", "kind", "stem", "instrument", "midi_pitch"}
    needed |= {"kit", "song", "member", "note"}
    try:
        with manifest.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, restval="")
            missing = needed - set(reader.fieldnames or ())
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise ConfigError(
            f"{manifest}: cannot be read as the table of a pack: {reason_of(exc)}"
        ) from exc
    if missing:
        raise ConfigError(f"{manifest}: columns are missing: {', '.join(sorted(missing))}")
    for number, row in enumerate(rows, start=2):
        _check(row, f"{manifest}, line {number}")
    return rows


def _check(row: Row, origin: str) -> None:
    """Refuse a clip whose target or numbers are none."""
    if row["kind"] in ("loop", "note") and row["stem"] not in TARGETS:
        raise ConfigError(f"{origin}: stem {row['stem']!r}, expected one of {', '.join(TARGETS)}")
    is_clip = row["kind"] in ("loop", "oneshot", "note", "voice", "ir")
    for column in ("offset_s", "duration_s", "midi_pitch") if is_clip else ():
        text = row[column] or ("0" if column == "midi_pitch" else "")
        try:
            is_number = 0 <= float(text) < math.inf
        except ValueError:
            is_number = False
        if not is_number:
            raise ConfigError(f"{origin}: {column} {text!r}, expected a number")


def _songs(folder: Path, rows: Sequence[Row]) -> list[SongFiles]:
    songs: dict[str, dict[str, tuple[tuple[Path, int], ...]]] = defaultdict(dict)
    for row in rows:
        songs[row["song"]][row["stem"]] = ((folder / row["path"], 0),)
    return [SongFiles(name, files) for name, files in songs.items()]


def _scores(folder: Path, rows: Sequence[Row]) -> list[tuple[Row, Score]]:
    """Return the MIDI files that rows name, in the order of the rows, without the empty ones."""
    archives = sorted({row["path"] for row in rows})
    found: dict[tuple[str, str], Score] = {}
    for archive in archives:
        wanted = {row["member"] for row in rows if row["path"] == archive}
        for name, data in _members(folder / archive, wanted):
            found[archive, name] = _score(data, f"{archive}:{name}")
    scores = [(row, found.get((row["path"], row["member"]))) for row in rows]
    return [(row, score) for row, score in scores if score is not None and len(score.notes) > 1]


def _members(archive: Path, wanted: Set[str]) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                file = tar.extractfile(member) if member.name in wanted else None
                if file is not None:
                    yield member.name, file.read()
    except (OSError, EOFError, tarfile.TarError, lzma.LZMAError) as exc:
        raise ConfigError(f"{archive}: named in {MANIFEST}, no archive: {reason_of(exc)}") from exc


def _score(data: bytes, origin: str) -> Score:
    try:
        return read_score(data)
    except ValueError as exc:
        raise ConfigError(f"{origin}: {exc}") from exc

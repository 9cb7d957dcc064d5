"""Layouts of training material on disk: songs with stems, and folders of single sources."""

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int16

from libsep import config
from libsep.datasets.audio_cache import EXTENSION, FULL_SCALE, AudioCache, tell_clipped
from libsep.datasets.song_list import GENRES_FILE, SongList, check_genres, read_genres
from libsep.datasets.stem_streams import target_streams
from libsep.datasets.sums import clash, in_order, is_source, merged_names, name_of, targets_of
from libsep.errors import ConfigError
from libsep.track import TARGETS

AUDIO_EXTENSIONS = frozenset((".wav", ".flac", ".aiff", ".aif", ".mp3", ".m4a", ".ogg", ".opus"))
STEM_EXTENSIONS = (".stem.mp4", ".stem.m4a")
UNSCORED = "unscored"
"""Name of the part of a song that belongs to its mixture, but to no target alone."""

SOURCES, MIXTURES = "Sources", "Mixtures"
"""Trees of DSD100."""

MIXTURE = "mixture"
"""Name of the file, or of the entry of a song list, that holds a song's mixture."""

LENGTH_TOLERANCE = 0.05
"""Sources may end early by this share of a song: coders pad, and some stop when they are silent."""


@dataclasses.dataclass(frozen=True)
class SongFiles:
    """Where the sources of a song are: for each target the files, and streams, that add up to it.

    A target that is not named is silent in the song, or part of what is ``unscored``. Targets that
    nobody has taken apart are one source, ``drums+bass``. ``mixture`` is the recording of the whole
    song, where there is one beside its sources.
    """

    name: str
    files: Mapping[str, tuple[tuple[Path, int], ...]]
    mixture: tuple[Path, int] | None = None
    genre: str | None = None


@dataclasses.dataclass(frozen=True)
class Song:
    """The sources of a song in memory, equally long.

    Their sum is the mixture, unless ``recorded_mixture`` is there: coders and mastering let the
    two differ a little.
    """

    name: str
    sources: Mapping[str, Int16[np.ndarray, "2 T"]]
    recorded_mixture: Int16[np.ndarray, "2 T"] | None = None
    genre: str | None = None

    @property
    def n_samples(self) -> int:
        """Length of every source."""
        return int(next(iter(self.sources.values())).shape[1])

    @property
    def scored_targets(self) -> tuple[str, ...]:
        """Targets whose source is known, in the usual order."""
        return tuple(target for target in TARGETS if target in self.sources)

    @property
    def known_sources(self) -> tuple[str, ...]:
        """Those targets, and sums of targets that are known as a whole: ``drums+bass``."""
        return in_order(self.sources)

    def source(
        self, target: str, start: int = 0, stop: int | None = None
    ) -> Float32[np.ndarray, "2 T"]:
        """Return a source, or a stretch of it, at full scale ±1.0; silence if the song lacks it."""
        if target not in self.sources:
            return np.zeros((2, self.n_samples), np.float32)[:, start:stop]
        return self.sources[target][:, start:stop].astype(np.float32) / FULL_SCALE

    def merged(self, targets: Sequence[str]) -> "Song":
        """Return the song with sources of these targets only; others are added to ``other``."""
        groups = merged_names(self.known_sources, targets)
        if list(groups) == list(self.known_sources):
            return self
        kept = {name: self.sources[name] for name in self.sources if not is_source(name)}
        merged = {
            name: _summed([self.sources[part] for part in parts], self.n_samples, self.name)
            for name, parts in groups.items()
        }
        return dataclasses.replace(self, sources=kept | merged)

    def mixture(self) -> Float32[np.ndarray, "2 T"]:
        """Return what a separator gets: the recorded mixture, else the sum of all sources.

        The sum includes what belongs to no target.
        """
        if self.recorded_mixture is not None:
            return self.recorded_mixture.astype(np.float32) / FULL_SCALE
        mixture = np.zeros((2, self.n_samples), np.float32)
        for name in self.sources:
            mixture += self.source(name)
        return mixture


def find_songs(path: Path) -> list[SongFiles]:
    """Return all songs below a folder, or of a file, by name.

    * A folder is a song if at least two of its files are called like a target (``drums.wav``,
      ``Bass.flac``), or like the sum of several (``drums+bass.wav``): MUSDB18-HQ and most others.
      If a file of it is called ``mixture``, all four targets must be there.
    * DSD100 keeps the sources in ``Sources/Dev/SONG`` and the mixture in ``Mixtures/Dev/SONG``.
    * A stem file (``*.stem.mp4``) is a song: MUSDB18, and Native Instruments Stems whose names say
      the targets. Its first stream is the mixture.
    * A YAML file of the form of `libsep.datasets.song_list.SongList`.

    Genres come from such a list, or from ``genres.yaml`` in the folder.

    Raises
    ------
    ConfigError
        The path does not exist, a song lacks a stem or its mixture, a stem file has stems of
        other names, or a YAML file is wrong.
    """
    if path.is_file():
        if _is_stem_file(path):
            return [_song_in_file(path)]
        if path.suffix[1:].lower() in config.ScanConfig().extensions:
            raise ConfigError(
                f"{path}: is one recording, expected songs: a folder of songs with stems, or a "
                "YAML list of them"
            )
        return _read_song_list(path)
    if not path.is_dir():
        raise ConfigError(f"{path}: not found, expected a folder of songs or a YAML file")
    songs = [song for folder in _folders(path) if (song := _song_in_folder(path, folder))]
    songs += [_song_in_file(file) for file in sorted(path.rglob("*")) if _is_stem_file(file)]
    genres = read_genres(path)
    check_genres(genres, {song.name for song in songs}, origin=path / GENRES_FILE)
    named = [dataclasses.replace(song, genre=genres.get(song.name)) for song in songs]
    return sorted(named, key=lambda song: song.name)


def find_single_sources(path: Path) -> dict[str, list[Path]]:
    """Return recordings of one target each: files in folders that are called like the target.

    A folder that is called like the sum of some targets (``bass+other+vocals``) holds mixes of
    these alone. Every target is a key; its list may be empty. Stem files are songs, not recordings.
    """
    found: dict[str, list[Path]] = {target: [] for target in TARGETS}
    for folder in _folders(path):
        name = folder.name.lower()
        targets = targets_of(name)
        if is_source(name) and len(targets) < len(TARGETS) and (files := _audio_files(folder)):
            found.setdefault(name_of(targets), []).extend(files)
    return found


def load_song(song: SongFiles, cache: AudioCache, *, with_mixture: bool = False) -> Song:
    """Decode a song; shorter sources are padded with silence to the length of the longest.

    Parameters
    ----------
    song
        Where its sources are.
    cache
        Keeps what was decoded.
    with_mixture
        Whether the recorded mixture is read too, if there is one.

    Raises
    ------
    ConfigError
        A file is missing or cannot be decoded, or the lengths differ by more than 5 %.
    """
    files = dict(song.files)
    if with_mixture and song.mixture is not None:
        files[MIXTURE] = (song.mixture,)
    parts = {
        target: [cache.samples(path, stream) for path, stream in places]
        for target, places in files.items()
    }
    lengths = {
        f"{path.name}:{stream}": part.shape[1]
        for target, places in files.items()
        for (path, stream), part in zip(places, parts[target], strict=True)
    }
    longest, shortest = max(lengths.values()), min(lengths.values())
    if longest - shortest > LENGTH_TOLERANCE * longest:
        listed = ", ".join(f"{name} {n / cache.sample_rate:.2f} s" for name, n in lengths.items())
        raise ConfigError(f"song {song.name}: sources of unequal length ({listed})")
    sources = {target: _summed(parts[target], longest, song.name) for target in parts}
    return Song(song.name, sources, sources.pop(MIXTURE, None), song.genre)


def _summed(
    parts: list[Int16[np.ndarray, "2 _"]], n_samples: int, song: str
) -> Int16[np.ndarray, "2 T"]:
    if len(parts) == 1 and parts[0].shape[1] == n_samples:
        return parts[0]
    total = np.zeros((2, n_samples), np.int32)
    for part in parts:
        total[:, : part.shape[1]] += part
    if len(parts) > 1:
        tell_clipped(f"song {song}, sum of {len(parts)} files", total / FULL_SCALE)
    return np.clip(total, -FULL_SCALE, FULL_SCALE).astype(np.int16)


def _folders(root: Path) -> Iterator[Path]:
    yield root
    yield from sorted(path for path in root.rglob("*") if path.is_dir())


def _audio_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in (*AUDIO_EXTENSIONS, EXTENSION) and not _is_stem_file(path)
    )


def _is_stem_file(path: Path) -> bool:
    return path.name.lower().endswith(STEM_EXTENSIONS)


def _song_in_file(path: Path) -> SongFiles:
    streams = target_streams(path)
    files = {target: tuple((path, i) for i in numbers) for target, numbers in streams.items()}
    return SongFiles(path.name.rsplit(".stem.", 1)[0], files, mixture=(path, 0))


def _song_in_folder(root: Path, folder: Path) -> SongFiles | None:
    files = {path.stem.lower(): ((path, 0),) for path in _audio_files(folder)}
    sources = {name_of(targets_of(name)): files[name] for name in in_order(files)}
    _check_apart(sources, origin=str(folder))
    place = folder.relative_to(root)
    name = str(place.relative_to(SOURCES) if place.is_relative_to(SOURCES) else place)
    mixture = files.get(MIXTURE, (None,))[0] or (_dsd100_mixture(folder) if sources else None)
    known = {target for name in sources for target in targets_of(name)}
    missing = [target for target in TARGETS if target not in known]
    if sources and missing and mixture is not None:
        raise ConfigError(
            f"{folder}: mixture and {', '.join(sources)}, but {', '.join(missing)} missing "
            "(a song list can say what is known of an incomplete song)"
        )
    if len(sources) < 2:
        return None
    return SongFiles(name if place.parts else folder.name, sources, mixture)


def _check_apart(names: Collection[str], *, origin: str) -> None:
    if target := clash(names):
        raise ConfigError(f"{origin}: {target} belongs to several of {', '.join(names)}")


def _dsd100_mixture(folder: Path) -> tuple[Path, int] | None:
    """Return the mixture of a song of DSD100, which lies in a tree of its own.

    Raises
    ------
    ConfigError
        There is a tree of mixtures, but not the one of this song.
    """
    for parent in folder.parents:
        if parent.name == SOURCES and (parent.parent / MIXTURES).is_dir():
            place = parent.parent / MIXTURES / folder.relative_to(parent)
            found = [file for file in _audio_files(place) if file.stem.lower() == MIXTURE]
            if not found:
                raise ConfigError(f"{folder}: its mixture is missing, expected it in {place}")
            return found[0], 0
    return None


def _read_song_list(path: Path) -> list[SongFiles]:
    listed = config.load(SongList, path)
    check_genres(listed.genres, set(listed.songs), origin=path)
    songs = []
    for name, entries in listed.songs.items():
        unknown = {entry for entry in entries if not is_source(entry)} - {UNSCORED, MIXTURE}
        if unknown:
            raise ConfigError(f"{path}: {name}: unknown target {min(unknown)!r}, not in {TARGETS}")
        _check_apart(in_order(entries), origin=f"{path}: {name}")
        places = {
            name_of(targets_of(entry)) or entry: tuple(
                (path.parent / listed.root / file, 0) for file in files
            )
            for entry, files in entries.items()
        }
        mixture = places.pop(MIXTURE, (None,))
        if len(mixture) != 1:
            raise ConfigError(f"{path}: {name}: {len(mixture)} mixtures, expected one file")
        if not any(places.values()):
            raise ConfigError(f"{path}: {name}: no sources, expected some of {TARGETS}")
        songs.append(SongFiles(name, places, mixture[0], listed.genres.get(name)))
    return songs

"""Training material: what was found in packs, folders of songs, and folders of single sources."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int16

from libsep.datasets.audio_cache import AudioCache
from libsep.datasets.songs import Song, find_single_sources, find_songs, load_song
from libsep.errors import ConfigError
from libsep.track import TARGETS
from libsep.training.synthesis.pack import is_pack, load_pack
from libsep.training.synthesis.sample_list import is_sample_list

Samples = Int16[np.ndarray, "2 _"]


@dataclasses.dataclass(frozen=True)
class Recording:
    """Samples of one target alone, or of the sum of some; its name is that of the file."""

    name: str
    samples: Samples


@dataclasses.dataclass(frozen=True)
class Material:
    """All that examples are cut from: songs, and recordings of each target and of sums of some."""

    songs: Sequence[Song]
    recordings: Mapping[str, Sequence[Recording]]

    @property
    def duration_s(self) -> float:
        """Seconds of songs and recordings, at 44.1 kHz."""
        n_samples = sum(song.n_samples for song in self.songs)
        n_samples += sum(r.samples.shape[1] for rs in self.recordings.values() for r in rs)
        return float(n_samples / 44100)

    @property
    def n_bytes(self) -> int:
        """Memory that all samples need."""
        n_bytes = sum(source.nbytes for song in self.songs for source in song.sources.values())
        return n_bytes + sum(r.samples.nbytes for rs in self.recordings.values() for r in rs)


def load_material(folders: Sequence[Path], cache: AudioCache, exclude: Sequence[str]) -> Material:
    """Decode what lies in folders: packs, songs, folders of single sources, in any mixture.

    Lists of samples are for the sampler alone; nothing of them is material by itself.

    Raises
    ------
    ConfigError
        A folder does not exist or holds nothing of these; a file is damaged.
    """
    songs: list[Song] = []
    recordings: dict[str, list[Recording]] = {target: [] for target in TARGETS}
    for folder in folders:
        if is_sample_list(folder):
            continue
        if is_pack(folder):
            pack = load_pack(folder, cache)
            found_songs = pack.songs
            found = {
                target: [Recording("loop", clip.samples) for clip in clips]
                for target, clips in pack.loops.items()
            }
        else:
            found_songs = [load_song(song, cache) for song in find_songs(folder)]
            sources = find_single_sources(folder) if folder.is_dir() else {}
            found = {
                target: [Recording(path.stem, cache.samples(path)) for path in paths]
                for target, paths in sources.items()
            }
        if not found_songs and not any(found.values()):
            raise ConfigError(
                f"{folder}: no training material, expected SONG/drums.wav …, *.stem.mp4, "
                "drums/*.wav … or manifest.csv"
            )
        songs += [song for song in found_songs if song.name not in exclude]
        for target, clips in found.items():
            recordings.setdefault(target, []).extend(clips)
    return Material(songs, recordings)

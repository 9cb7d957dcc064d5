"""Recordings whose sources nobody knows: full mixes, targets alone, mixes without a target."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int16

from libsep.datasets.audio_cache import AudioCache
from libsep.datasets.songs import AUDIO_EXTENSIONS, STEM_EXTENSIONS, find_songs
from libsep.errors import ConfigError
from libsep.track import TARGETS

WITHOUT = "no_"
"""A folder of this and a target's name holds mixes without the target."""

Samples = Int16[np.ndarray, "2 _"]


@dataclasses.dataclass(frozen=True)
class Unpaired:
    """Samples of recordings; every target is a key of ``alone`` and ``without``."""

    mixtures: Sequence[Samples]
    alone: Mapping[str, Sequence[Samples]]
    without: Mapping[str, Sequence[Samples]]


def find_unpaired(folder: Path) -> dict[str, list[Path]]:
    """Return the audio files below ``folder`` by what they are, each list in order of the paths.

    The nearest folder that is called like a target (``drums``) or like its absence (``no_drums``)
    decides; a file that lies in neither is a full mix, with the key ``mixes``.

    Raises
    ------
    ConfigError
        The folder does not exist, holds no audio, or holds songs with stems, which are paired.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: not found, expected a folder of unpaired recordings")
    songs = find_songs(folder)
    if songs:
        raise ConfigError(
            f"{folder}: {songs[0].name} is a song with stems, expected mixes, drums/ … or "
            "no_drums/ … (songs with stems belong to --data)"
        )
    roles = {*TARGETS, *(WITHOUT + target for target in TARGETS)}
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        is_stem_file = path.name.lower().endswith(STEM_EXTENSIONS)
        if path.suffix.lower() in AUDIO_EXTENSIONS and not is_stem_file:
            names = [folder.name, *path.relative_to(folder).parts[:-1]]
            role = next((n.lower() for n in reversed(names) if n.lower() in roles), "mixes")
            found.setdefault(role, []).append(path)
    if not found:
        raise ConfigError(
            f"{folder}: no recordings, expected audio files: mixes as they are, targets alone in "
            "drums/ …, mixes without a target in no_drums/ …"
        )
    return found


def load_unpaired(folders: Sequence[Path], cache: AudioCache) -> Unpaired:
    """Decode what `find_unpaired` finds in several folders.

    Raises
    ------
    ConfigError
        As `find_unpaired`, or a file cannot be decoded.
    """
    samples: dict[str, list[Samples]] = {}
    for folder in folders:
        for role, paths in find_unpaired(folder).items():
            samples.setdefault(role, []).extend(cache.samples(path) for path in paths)
    return Unpaired(
        mixtures=samples.get("mixes", []),
        alone={target: samples.get(target, []) for target in TARGETS},
        without={target: samples.get(WITHOUT + target, []) for target in TARGETS},
    )

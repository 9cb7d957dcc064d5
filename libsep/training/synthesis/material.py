"""What the sampler plays, from packs and lists of samples."""

from collections.abc import Sequence
from pathlib import Path

from libsep.datasets.audio_cache import AudioCache
from libsep.errors import ConfigError
from libsep.training.synthesis.clips import Collection
from libsep.training.synthesis.pack import is_pack, load_pack
from libsep.training.synthesis.sample_list import is_sample_list, load_samples


def is_playable(path: Path) -> bool:
    """Return whether the sampler can play what is there: a pack, or a list of samples."""
    return is_pack(path) or is_sample_list(path)


def open_collection(paths: Sequence[Path], cache: AudioCache) -> Collection:
    """Open packs and lists of samples as one collection, whatever it lacks.

    Raises
    ------
    ConfigError
        One of them is damaged.
    """
    collection = Collection()
    for path in paths:
        opened = load_samples(path, cache) if is_sample_list(path) else load_pack(path, cache)
        collection = collection.joined(opened)
    return collection


def load_collection(paths: Sequence[Path], cache: AudioCache) -> Collection:
    """Open packs and lists of samples as one collection that the sampler can play songs with.

    Raises
    ------
    ConfigError
        One of them is damaged, or there are no drums, basses or instruments at all.
    """
    collection = open_collection(paths, cache)
    has = {
        "kits of drums": collection.kits,
        "notes of basses": collection.notes.get("bass"),
        "notes of instruments": collection.notes.get("other"),
    }
    for what, found in has.items():
        if not found:
            raise ConfigError(f"{', '.join(map(str, paths))}: no {what} for the sampler")
    return collection

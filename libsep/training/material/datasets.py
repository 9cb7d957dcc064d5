"""One interface to everything that training examples are cut from.

Samples stay 16-bit: mapped from files, so that a crop reads what it needs and the pages are shared
by all processes, or held in the memory of the processor or of a GPU. Crops are float tensors on
the device that they are asked for.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int16
from torch import Tensor

from libsep.datasets.audio_cache import FULL_SCALE
from libsep.datasets.songs import Song
from libsep.datasets.sums import targets_of
from libsep.errors import ConfigError
from libsep.track import TARGETS
from libsep.training.material.data import Material, Recording
from libsep.training.synthesis.pool import RenderPool

Memory = Literal["auto", "disk", "cpu", "cuda"]
"""Where samples are between crops; see `choose_memory`."""

Samples = Int16[np.ndarray, "2 _"]

SHARE_OF_GPU = 0.5
"""Samples are held on the GPU by themselves only if they fit into this share of what is free."""


@runtime_checkable
class Dataset(Protocol):
    """Sources, as numbered items with a name: songs, or recordings of one target.

    Sources of one item are equally long, and their sum is a mixture. ``sums`` are those sums of
    targets that some items have as one source.
    """

    sums: Sequence[str]

    def names(self, target: str | None = None) -> Sequence[str]:
        """Return the names of the items that have a target, in order, or of all that are songs.

        A target may be the sum of several (``drums+bass``). A name may occur more than once. The
        number of items may grow.
        """

    def n_samples(self, item: int, target: str | None = None) -> int:
        """Return the length of an item of ``names(target)``."""

    def crop(
        self, item: int, target: str | None, start: int, n_samples: int
    ) -> Float[Tensor, "S 2 T"]:
        """Return a stretch of an item of ``names(target)``, at full scale ±1.0.

        One source for a target; for none all of `TARGETS` in order, those that the item lacks
        silent. A sum stands at the place of its first target. What is beyond the end of the item
        is silence.
        """


class SongDataset:
    """Songs with stems, those of packs included; some know only the sum of several targets."""

    def __init__(self, songs: Sequence[Song], memory: Memory, device: str) -> None:
        self._names = [song.name for song in songs]
        self._lengths = [song.n_samples for song in songs]
        self._sounds = [
            {name: _Sound(song.sources[name], memory, device) for name in song.known_sources}
            for song in songs
        ]
        self.sums: Sequence[str] = sorted(
            {name for each in self._sounds for name in each} - {*TARGETS}
        )
        self._having = {
            target: [item for item, sounds in enumerate(self._sounds) if target in sounds]
            for target in (*TARGETS, *self.sums)
        }
        self._device = device

    def sums_of(self, item: int) -> list[str]:
        """Return the sums of targets that a song has instead of these."""
        return [name for name in self._sounds[item] if name in self.sums]

    def names(self, target: str | None = None) -> Sequence[str]:
        """Return the names of songs, as `Dataset.names`."""
        return (
            self._names
            if target is None
            else [self._names[item] for item in self._having.get(target, ())]
        )

    def n_samples(self, item: int, target: str | None = None) -> int:
        """Return the length of a song."""
        return self._lengths[self._number(item, target)]

    def crop(
        self, item: int, target: str | None, start: int, n_samples: int
    ) -> Float[Tensor, "S 2 T"]:
        """Return a stretch of a song, or of one of its sources."""
        sounds = self._sounds[self._number(item, target)]
        crops = torch.zeros(
            len(TARGETS) if target is None else 1, 2, n_samples, device=self._device
        )
        for name in sounds if target is None else (target,):
            place = TARGETS.index(targets_of(name)[0]) if target is None else 0
            sounds[name].add_to(crops[place], start)
        return crops

    def _number(self, item: int, target: str | None) -> int:
        return item if target is None else self._having[target][item]


class RecordingDataset:
    """Recordings of one target each, or of a sum of targets; none of them is a song."""

    def __init__(
        self, recordings: Mapping[str, Sequence[Recording]], memory: Memory, device: str
    ) -> None:
        self._names = {target: [r.name for r in found] for target, found in recordings.items()}
        self._sounds = {
            target: [_Sound(recording.samples, memory, device) for recording in found]
            for target, found in recordings.items()
        }
        self.sums: Sequence[str] = sorted({*recordings} - {*TARGETS})
        self._device = device

    def names(self, target: str | None = None) -> Sequence[str]:
        """Return the names of recordings, as `Dataset.names`."""
        return () if target is None else self._names.get(target, ())

    def n_samples(self, item: int, target: str | None = None) -> int:
        """Return the length of a recording."""
        return self._sound(item, target).n_samples

    def crop(
        self, item: int, target: str | None, start: int, n_samples: int
    ) -> Float[Tensor, "S 2 T"]:
        """Return a stretch of a recording."""
        crop = torch.zeros(2, n_samples, device=self._device)
        self._sound(item, target).add_to(crop, start)
        return crop[None]

    def _sound(self, item: int, target: str | None) -> "_Sound":
        assert target is not None, "recordings are no songs"
        return self._sounds[target][item]


class RenderDataset:
    """The songs that a sampler has rendered so far; they change, so they stay on disk."""

    sums: Sequence[str] = ()

    def __init__(self, pool: RenderPool, device: str) -> None:
        self._pool = pool
        self._device = device

    def names(self, target: str | None = None) -> Sequence[str]:
        """Return ``render`` for each song that is ready; all of them have every target alone."""
        return ["render"] * self._pool.n_ready if target in (None, *TARGETS) else ()

    def n_samples(self, item: int, target: str | None = None) -> int:
        """Return the length of all renders."""
        del target
        return int(self._pool.song(item).shape[2])

    def crop(
        self, item: int, target: str | None, start: int, n_samples: int
    ) -> Float[Tensor, "S 2 T"]:
        """Return a stretch of a render, or of one of its sources."""
        song = self._pool.song(item)
        sources = song if target is None else song[[TARGETS.index(target)]]
        crops = torch.zeros(len(sources), 2, n_samples, device=self._device)
        for crop, source in zip(crops, sources, strict=True):
            _Sound(source, "disk", self._device).add_to(crop, start)
        return crops


def open_datasets(
    material: Material, pool: RenderPool | None, memory: Memory, device: str
) -> dict[str, Dataset]:
    """Return what examples are cut from: ``songs``, ``recordings``, and ``renders`` of a pool.

    Raises
    ------
    ConfigError
        As `choose_memory`.
    """
    memory = choose_memory(memory, device, n_bytes=material.n_bytes)
    datasets: dict[str, Dataset] = {
        "songs": SongDataset(material.songs, memory, device),
        "recordings": RecordingDataset(material.recordings, memory, device),
    }
    if pool is not None:
        datasets["renders"] = RenderDataset(pool, device)
    return datasets


def choose_memory(memory: Memory, device: str, n_bytes: int) -> Memory:
    """Return where samples are kept; ``auto`` is on the GPU where they fit, and else on disk.

    Raises
    ------
    ConfigError
        ``cuda`` is wanted, but the training runs on another device.
    """
    if memory == "cuda" and not device.startswith("cuda"):
        raise ConfigError(f"material.memory: cuda, expected disk or cpu where device is {device}")
    if memory != "auto":
        return memory
    if not device.startswith("cuda"):
        return "disk"
    free_bytes, _ = torch.cuda.mem_get_info()
    return "cuda" if n_bytes < SHARE_OF_GPU * free_bytes else "disk"


class _Sound:
    """Samples of one source, wherever they are."""

    def __init__(self, samples: Samples, memory: Memory, device: str) -> None:
        self.n_samples = int(samples.shape[1])
        self._samples = samples
        self._held = None
        if memory in ("cpu", "cuda"):
            self._held = torch.from_numpy(np.array(samples)).to(
                device if memory == "cuda" else "cpu"
            )

    def add_to(self, crop: Float[Tensor, "2 T"], start: int) -> None:
        """Write the samples from ``start`` on into a crop, in place, as far as there are any."""
        stop = min(start + crop.shape[1], self.n_samples)
        if self._held is not None:
            cut = self._held[:, start:stop]
        else:
            cut = torch.from_numpy(np.array(self._samples[:, start:stop]))
        crop[:, : stop - start] = cut.to(crop.device)
        crop /= FULL_SCALE

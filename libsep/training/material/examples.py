"""Training examples: crops of sources from anywhere, varied and mixed on the training's device."""

import fnmatch
import functools
import math
from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from libsep.config import AugmentConfig, MaterialConfig
from libsep.datasets.sums import targets_of
from libsep.errors import ConfigError
from libsep.track import TARGETS
from libsep.training.material import augment
from libsep.training.material.data import Material
from libsep.training.material.datasets import Dataset, SongDataset, open_datasets
from libsep.training.material.partitions import Partition, Partitions, partition_of
from libsep.training.synthesis.pool import RenderPool

SILENT_RMS = 0.003
"""A crop below this is silence (-50 dB)."""

N_TRIES = 8
"""Places that are tried until a crop is not silent."""


class Examples:
    """Cuts, varies and mixes training examples.

    An example depends on the seed, the worker and the step alone (and on what the pool holds), so
    a training that is resumed goes on as if it had never stopped. All chance comes from numpy, so
    it is the same on every device.

    Parameters
    ----------
    material
        Songs and recordings.
    pool
        Songs of the sampler, if there is one.
    config
        What is taken how often, and where its samples are kept.
    variations
        What is done to sources and mixtures.
    sample_rate
        Of all, in Hz.
    device
        Where examples are made and returned.

    Raises
    ------
    ConfigError
        For a target there is no source at all, or samples are wanted on a GPU that is not used.
    """

    def __init__(
        self,
        material: Material,
        pool: RenderPool | None,
        config: MaterialConfig,
        variations: AugmentConfig,
        sample_rate: int,
        *,
        device: str = "cpu",
    ) -> None:
        self.material = material
        self.config = config
        self.variations = variations
        self.sample_rate = sample_rate
        self.device = device
        self.n_samples = int(config.segment_s * sample_rate)
        self._genres = {song.name: song.genre for song in material.songs}
        self._datasets = open_datasets(material, pool, config.memory, device)
        sums = [name for each in self._offered().values() for name in each.sums]
        self._partitions = Partitions(sums, self._n_items, config.share_sums)
        if target := self._partitions.missing():
            raise ConfigError(f"no training material for {target}: no song, recording or pack")

    @property
    def have_sums(self) -> bool:
        """Whether some examples know only the sum of several targets."""
        return self._partitions.have_sums

    def batch(self, seed: int, worker: int, step: int, n_batch: int) -> Float[Tensor, "B S 2 T"]:
        """Return the sources of a batch; their sum over targets is the mixture."""
        return self.parted_batch(seed, worker, step, n_batch)[0]

    def parted_batch(
        self, seed: int, worker: int, step: int, n_batch: int
    ) -> tuple[Float[Tensor, "B S 2 T"], list[Partition]]:
        """Return the sources of a batch, and of each item which targets are apart.

        Of a sum of targets, the first one's source is the sum and the others' are silent.
        """
        rng = np.random.default_rng([seed, worker, step])
        sources, partitions = zip(*(self._parted(rng) for _ in range(n_batch)), strict=True)
        return torch.stack(sources), list(partitions)

    def example(self, rng: np.random.Generator) -> Float[Tensor, "S 2 T"]:
        """Return the sources of one example, none louder than full scale."""
        return self._parted(rng)[0]

    def _parted(self, rng: np.random.Generator) -> tuple[Float[Tensor, "S 2 T"], Partition]:
        is_coherent = rng.uniform() < self.config.coherent
        sources, partition = self._coherent(rng) if is_coherent else self._mixed(rng)
        return self._varied(sources, rng), partition

    def _varied(
        self, sources: Float[Tensor, "S 2 T"], rng: np.random.Generator
    ) -> Float[Tensor, "S 2 T"]:
        """Return the sources as a mixture may have them, none louder than full scale."""
        kept = rng.uniform(size=len(TARGETS)) >= self.variations.drop
        kept[TARGETS.index("vocals")] &= rng.uniform() >= self.variations.instrumental
        if kept.any():
            mask = torch.from_numpy(kept.astype(np.float32)).to(self.device)
            sources = sources * mask[:, None, None]
        sources = self._narrowed(sources, rng)
        if rng.uniform() < self.variations.limiter:
            sources = augment.limited(sources, rng)
        if rng.uniform() < self.variations.low_pass:
            sources = augment.low_passed(sources, rng, self.sample_rate)
        peak = max(float(sources.abs().max()), float(sources.sum(0).abs().max()), 1e-4)
        return sources * (0.9 / peak)

    def _coherent(self, rng: np.random.Generator) -> tuple[Float[Tensor, "S 2 T"], Partition]:
        """Cut all sources from one song, at one time and one speed, levels changed a little."""
        dataset = self._drawn(None, rng)
        if dataset is None:
            return self._mixed(rng)
        item = self._chosen(dataset, None, rng)
        partition = partition_of(dataset.sums_of(item) if isinstance(dataset, SongDataset) else ())
        crops = self._song_crop(dataset, item, self._length(rng), rng)
        sources = self._respeeded(crops, rng)
        gain_db = self.variations.gain_db / 2 * rng.uniform(-1, 1, (len(TARGETS), 1, 1))
        gain = torch.from_numpy((10 ** (gain_db / 20)).astype(np.float32)).to(self.device)
        names = {targets_of(name)[0]: name for name in partition}
        placed = [
            self._placed(names.get(target, target), source, rng)
            for target, source in zip(TARGETS, sources * gain, strict=True)
        ]
        return torch.stack(placed), partition

    def _song_crop(
        self, dataset: Dataset, item: int, n_before: int, rng: np.random.Generator
    ) -> Float[Tensor, "S 2 T"]:
        """Cut a song where at least two of its sources sound, if a few tries find such a place."""
        crops = torch.zeros(len(TARGETS), 2, n_before, device=self.device)
        for _ in range(N_TRIES):
            start = int(rng.integers(max(dataset.n_samples(item) - n_before, 0) + 1))
            crops = dataset.crop(item, None, start, n_before)
            if int((_rms(crops) > SILENT_RMS).sum()) >= 2:
                break
        return crops

    def _mixed(self, rng: np.random.Generator) -> tuple[Float[Tensor, "S 2 T"], Partition]:
        """Take each source from somewhere else, at the same loudness give or take the gain."""
        partition = self._partitions.drawn(rng)
        sources = {targets_of(name)[0]: self._single(name, rng) for name in partition}
        silence = torch.zeros(2, self.n_samples, device=self.device)
        return torch.stack([sources.get(target, silence) for target in TARGETS]), partition

    def _single(self, target: str, rng: np.random.Generator) -> Float[Tensor, "2 T"]:
        dataset = self._drawn(target, rng)
        assert dataset is not None, "every part of a partition has material"
        n_before = self._length(rng)
        crop = torch.zeros(1, 2, n_before, device=self.device)
        for _ in range(N_TRIES):
            item = self._chosen(dataset, target, rng)
            start = int(rng.integers(max(dataset.n_samples(item, target) - n_before, 0) + 1))
            crop = dataset.crop(item, target, start, n_before)
            if float(_rms(crop)) > SILENT_RMS:
                break
        source = self._respeeded(crop[0], rng)
        gain_db = self.variations.gain_db * rng.uniform(-1, 1)
        level = 0.1 * 10 ** (gain_db / 20) / _rms(source[None]).clamp(min=SILENT_RMS)
        return self._placed(target, source * level, rng)

    def _drawn(self, target: str | None, rng: np.random.Generator) -> Dataset | None:
        """Return one of the datasets that have a target, or songs, by their weights."""
        weights = {
            name: getattr(self.config, f"weight_{name}") * bool(dataset.names(target))
            for name, dataset in self._offered().items()
        }
        shares = np.array(list(weights.values()))
        if not shares.any():
            return None
        drawn = int(rng.choice(len(shares), p=shares / shares.sum()))
        return self._datasets[list(weights)[drawn]]

    def _n_items(self, target: str) -> int:
        """Return how many items have a target, or a sum of targets, as one source."""
        return sum(len(dataset.names(target)) for dataset in self._offered().values())

    def _offered(self) -> Mapping[str, Dataset]:
        """Return the datasets that examples are taken from at all."""
        return {
            name: dataset
            for name, dataset in self._datasets.items()
            if getattr(self.config, f"weight_{name}") > 0
        }

    def _chosen(self, dataset: Dataset, target: str | None, rng: np.random.Generator) -> int:
        """Return the number of an item that has a target, by the weights of the names."""
        weights = np.array([self._weight(name) for name in dataset.names(target)])
        if not weights.any():
            raise ConfigError(f"material.weights, material.genres: no {target or 'song'} is left")
        return int(rng.choice(len(weights), p=weights / weights.sum()))

    @functools.cache  # noqa: B019 # lives as long as the training
    def _weight(self, name: str) -> float:
        """Return the product of the weights whose patterns a name matches, and of its genre's."""
        patterns = self.config.weights.items()
        weights = (weight for glob, weight in patterns if fnmatch.fnmatch(name, glob))
        of_genre = self.config.genres.get(self._genres.get(name) or "", 1.0)
        return math.prod(weights, start=of_genre)

    def _placed(
        self, target: str, source: Float[Tensor, "2 T"], rng: np.random.Generator
    ) -> Float[Tensor, "2 T"]:
        """Give a source another place; a bass stays where it is, as in nearly all mixes."""
        if "bass" not in targets_of(target) and rng.uniform() < self.variations.stereo:
            source = augment.placed(source, rng, self.sample_rate)
        return augment.shuffled_sides(source, rng)

    def _narrowed(
        self, sources: Float[Tensor, "S 2 T"], rng: np.random.Generator
    ) -> Float[Tensor, "S 2 T"]:
        """Make some mixtures mono and some nearly so; every source keeps what it has in the middle.

        A source that is only sides goes silent.
        """
        kind, width = rng.uniform(), rng.uniform(*augment.NARROW)
        if kind < self.variations.mono:
            return augment.narrowed(sources, 0.0)
        if kind < self.variations.mono + self.variations.narrow:
            return augment.narrowed(sources, width)
        return sources

    def _length(self, rng: np.random.Generator) -> int:
        if rng.uniform() < self.variations.varispeed:
            return augment.random_speed_length(self.n_samples, rng)
        return self.n_samples

    def _respeeded(
        self, sources: Float[Tensor, "*lead T_in"], rng: np.random.Generator
    ) -> Float[Tensor, "*lead T"]:
        is_tilted = rng.uniform() < self.variations.equaliser
        tilt_db = float(rng.uniform(-1, 1)) * augment.TILT_DB if is_tilted else 0.0
        if sources.shape[-1] == self.n_samples and tilt_db == 0:
            return sources
        return augment.respeeded(sources, self.n_samples, tilt_db, self.sample_rate)


def _rms(sources: Float[Tensor, "S 2 T"]) -> Float[Tensor, " S"]:
    """Return the root of the mean square of each source."""
    return sources.square().mean(dim=(1, 2)).sqrt()

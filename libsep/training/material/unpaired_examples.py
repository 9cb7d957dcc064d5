"""Crops of recordings without sources, for adversarial training."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int16
from torch import Tensor

from libsep.config import AdversarialConfig
from libsep.datasets.audio_cache import FULL_SCALE
from libsep.datasets.unpaired import Unpaired
from libsep.errors import ConfigError

N_TRIES = 8
"""Places that are tried until a crop is not silent."""

SILENT_RMS = 0.003
"""A crop below this is silence (-50 dB)."""

Samples = Int16[np.ndarray, "2 _"]


@dataclasses.dataclass(frozen=True)
class UnpairedBatch:
    """Mixes of a step, recordings of its target alone, and mixes without it; any may be none."""

    mixtures: Float[Tensor, "M 2 T"]
    alone: Float[Tensor, "A 2 crop"]
    without: Float[Tensor, "W 2 T"]

    def to(self, device: str) -> "UnpairedBatch":
        """Return the same on another device."""
        return UnpairedBatch(
            self.mixtures.to(device), self.alone.to(device), self.without.to(device)
        )


class UnpairedExamples:
    """Cuts the unpaired part of a step; like examples, it follows from seed, worker and step.

    Parameters
    ----------
    unpaired
        What was found in folders.
    recordings
        More recordings of targets alone, such as those of the supervised material.
    config
        Which targets need what, and how much of it.
    n_samples
        Length of a mix.
    sample_rate
        Of all, in Hz.

    Raises
    ------
    ConfigError
        There are mixes, but no recordings of a target alone that its discriminator could compare.
    """

    def __init__(
        self,
        unpaired: Unpaired,
        recordings: Mapping[str, Sequence[Samples]],
        config: AdversarialConfig,
        n_samples: int,
        sample_rate: int,
    ) -> None:
        self.config = config
        self.n_samples = n_samples
        self.n_crop_samples = min(int(config.crop_s * sample_rate), n_samples)
        self.mixtures = unpaired.mixtures
        self.without = unpaired.without
        judged = config.unpaired_targets if config.unpaired and unpaired.mixtures else ()
        self.alone: dict[str, list[Samples]] = {
            target: [*unpaired.alone[target], *recordings.get(target, ())] for target in judged
        }
        for target, alone in self.alone.items():
            if not alone:
                raise ConfigError(
                    f"unpaired mixes need recordings of {target} alone, found none "
                    f"(expected {target}/ below --unpaired or --data)"
                )

    def batch(self, seed: int, worker: int, step: int, target: str) -> UnpairedBatch:
        """Return what a step of ``target`` needs."""
        rng = np.random.default_rng([seed, worker, step, 1])
        alone = self.alone.get(target, [])
        without = self.without[target] if self.config.leak else []
        return UnpairedBatch(
            mixtures=self._crops(self.mixtures if alone else [], self.n_samples, rng),
            alone=self._crops(alone, self.n_crop_samples, rng),
            without=self._crops(without, self.n_samples, rng),
        )

    def _crops(
        self, recordings: Sequence[Samples], n_samples: int, rng: np.random.Generator
    ) -> Float[Tensor, "K 2 T"]:
        n_items = self.config.n_items if recordings else 0
        crops = np.zeros((n_items, 2, n_samples), np.float32)
        for crop in crops:
            for _ in range(N_TRIES):
                samples = recordings[int(rng.integers(len(recordings)))]
                start = rng.integers(max(samples.shape[1] - n_samples, 0) + 1)
                part = samples[:, start : start + n_samples].astype(np.float32) / FULL_SCALE
                crop[:] = np.pad(part, ((0, 0), (0, n_samples - part.shape[1])))
                if np.sqrt(np.square(crop).mean()) > SILENT_RMS:
                    break
        return torch.from_numpy(crops)

"""Accompaniments as a vocals stage leaves them: with remains of the voice, and holes where it was.

The second stage of a cascade never hears the true accompaniment. So the source that stands for the
vocals in its training is what the first stage leaves of them: the true vocals minus its estimate.
All sources then add up to what the second stage gets, also in songs without a voice, of which the
first stage takes away what it mistakes for one.
"""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, Int16

from libsep.datasets.audio_cache import FULL_SCALE, save_array
from libsep.datasets.songs import UNSCORED, Song
from libsep.errors import ConfigError, ModelError
from libsep.media.decode import SAMPLE_RATE
from libsep.nets.folding import folded
from libsep.separation.registry import find_model
from libsep.separation.weights import load_network
from libsep.track import TARGETS
from libsep.training.validate import separate_in_segments

VOCALS = "vocals"

Samples = Int16[np.ndarray, "2 _"]


class VocalsStage:
    """A model that takes the vocals off.

    Parameters
    ----------
    name
        Name of the model, or its folder; one of its targets is the vocals.

    Raises
    ------
    ConfigError
        There is no such model, or it is no first stage.
    """

    def __init__(self, name: str) -> None:
        try:
            model = find_model(name)
            network = folded(load_network(model), torch.float32)
        except ModelError as exc:
            raise ConfigError(f"material.vocals_stage: {exc}") from exc
        if VOCALS not in network.targets or model.sample_rate != SAMPLE_RATE:
            raise ConfigError(
                f"material.vocals_stage: {name} gives {', '.join(network.targets)} at "
                f"{model.sample_rate} Hz, expected vocals at {SAMPLE_RATE} Hz"
            )
        self.sha256 = model.sha256
        self._network = network

    def estimate(self, mixture: Float32[np.ndarray, "2 T"]) -> Float32[np.ndarray, "2 T"]:
        """Return what the model takes for the vocals of a mixture."""
        estimates = separate_in_segments(self._network, mixture, SAMPLE_RATE, is_bfloat16=False)
        estimate: np.ndarray = estimates[self._network.targets.index(VOCALS)]
        return estimate

    def leave(self, sources: Float32[np.ndarray, "S 2 T"]) -> Float32[np.ndarray, "S 2 T"]:
        """Return sources in the order of `TARGETS`, whose vocals are what the model leaves."""
        left = sources.copy()
        left[TARGETS.index(VOCALS)] -= self.estimate(sources.sum(axis=0))
        return left

    def left_of(self, song: Song, cache: Path, *, is_scored: bool) -> Song:
        """Return a song as the model leaves it.

        Parameters
        ----------
        song
            With or without vocals.
        cache
            Folder in which what is left of the vocals is kept, for each song once.
        is_scored
            Whether it is a song of the validation: what is left belongs to no target then, so
            that estimates are compared with the true sources.
        """
        removed = (VOCALS, UNSCORED) if is_scored else (VOCALS,)
        place = UNSCORED if is_scored else VOCALS
        sources = {name: song.sources[name] for name in song.sources if name not in removed}
        kept = cache / f"left-{self._key(song, place)}.npy"
        if not kept.is_file():
            rest = -self.estimate(song.mixture())
            for name in removed:
                rest += song.source(name)
            save_array(kept, _to_16_bit(rest))
        sources[place] = np.load(kept, mmap_mode="r")
        return dataclasses.replace(song, sources=sources, recorded_mixture=None)

    def left_of_mix(self, mix: Samples, cache: Path) -> Samples:
        """Return a recording without sources as the model leaves it; it is kept in ``cache``."""
        song = Song("", {UNSCORED: mix})
        return self.left_of(song, cache, is_scored=True).sources[UNSCORED]

    def _key(self, song: Song, place: str) -> str:
        digest = hashlib.sha256(f"{self.sha256}|{place}".encode())
        for name in sorted(song.sources):
            digest.update(name.encode())
            digest.update(song.sources[name].tobytes())
        return digest.hexdigest()[:24]


def _to_16_bit(samples: Float32[np.ndarray, "2 T"]) -> Int16[np.ndarray, "2 T"]:
    values: np.ndarray = np.clip(np.rint(samples * FULL_SCALE), -FULL_SCALE, FULL_SCALE)
    return values.astype(np.int16)

"""Training of the network that hears which targets sound, and how good it is on true stems."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from libsep.config import PresenceTrainingConfig
from libsep.datasets.audio_cache import FULL_SCALE
from libsep.datasets.songs import UNSCORED, Song
from libsep.nets.genre_cnn import GenreCNN
from libsep.track import TARGETS
from libsep.training.material.examples import Examples
from libsep.training.presence.network import (
    chances_of,
    labels_of,
    new_network,
    starts_of,
    window_at,
)
from libsep.training.small_network import Say, fit_small_network

Scores = dict[str, dict[str, int | float]]
"""Counts of windows, precision and recall, by target; see `measures`."""


def fit(examples: Examples, config: PresenceTrainingConfig, out: Path, say: Say) -> GenreCNN:
    """Return a network that was trained on mixtures of ``examples``; its curve goes to ``out``.

    Every mixture comes twice, the second time without one of its targets, so that nothing but that
    target tells the two apart.
    """
    rng = np.random.default_rng([config.seed, 3])

    def loss_of(network: GenreCNN, step: int) -> Float[Tensor, ""]:
        sources = _with_twins(examples.batch(config.seed, 0, step, config.n_batch // 2), rng)
        sounds, is_sure = labels_of(sources)
        return F.binary_cross_entropy_with_logits(
            network(sources.sum(1)), sounds.float(), weight=is_sure.float()
        )

    return fit_small_network(new_network, loss_of, config, out, say)


def _with_twins(
    sources: Float[Tensor, "B S 2 T"], rng: np.random.Generator
) -> Float[Tensor, "twice_B S 2 T"]:
    """Return the same sources, and then again with one of each item silent."""
    twins = sources.clone()
    for twin in twins:
        there = [int(place) for place in twin.abs().amax(dim=(1, 2)).nonzero()]
        if there:
            twin[there[int(rng.integers(len(there)))]] = 0
    return torch.cat([sources, twins])


def measures(
    network: GenreCNN, songs: Sequence[Song], window_samples: int, config: PresenceTrainingConfig
) -> Scores:
    """Return how good the silence is that the search would find on songs with true stems.

    Every song is heard as it is, and without each target that is looked for, since few songs are
    ever without drums. For each target: windows, those in which it is silent in truth
    (``n_silent``), those that are found (``n_found``), ``recall``, and ``precision`` if any are
    found. Windows of which the truth is neither are left out, and songs that do not know the
    target alone.
    """
    found: Scores = {}
    for target in config.search.targets:
        parts = [
            _heard_whole_and_without(network, song, target, window_samples, config)
            for song in songs
        ]
        chance, truth = np.concatenate(parts, axis=1)
        known = ~np.isnan(chance) & ~np.isnan(truth)
        is_silent = truth[known] == 0
        said = chance[known] < config.search.max_chance
        n_right = int((said & is_silent).sum())
        found[target] = {
            "n_windows": int(known.sum()),
            "n_silent": int(is_silent.sum()),
            "n_found": int(said.sum()),
            "recall": round(n_right / max(int(is_silent.sum()), 1), 4),
        }
        if said.any():
            found[target]["precision"] = round(n_right / int(said.sum()), 4)
    return found


def _heard_whole_and_without(
    network: GenreCNN,
    song: Song,
    target: str,
    window_samples: int,
    config: PresenceTrainingConfig,
) -> Float[np.ndarray, "2 N"]:
    """Return chances of a target, and the truth, in a song and then in it without the target."""
    column, hop_s = TARGETS.index(target), config.search.hop_s
    left = {name: part for name, part in song.sources.items() if name != target}
    songs = [song, dataclasses.replace(song, sources=left)]
    heard = []
    for each in songs if target in song.sources and left else songs[:1]:
        # Not a recorded mixture, which could not be heard without the target.
        mixture = dataclasses.replace(each, recorded_mixture=None).mixture() * FULL_SCALE
        samples = np.rint(mixture).clip(-FULL_SCALE, FULL_SCALE).astype(np.int16)
        chances = chances_of(network, samples, window_samples, hop_s)[:, column]
        truth = _truth(each, window_samples, hop_s)[:, column]
        if each is not song:
            truth[:] = 0  # taken away, though a song that knows not all targets cannot say it
        heard.append(np.stack([chances, truth]))
    return np.concatenate(heard, axis=1)


def _truth(song: Song, window_samples: int, hop_s: float) -> np.ndarray:
    """Return 1 where a target sounds, 0 where it is silent, NaN where nobody can say."""
    starts = starts_of(song.n_samples, window_samples, hop_s)
    truth = np.full((len(starts), len(TARGETS)), np.nan, np.float32)
    is_whole = UNSCORED not in song.sources and set(song.known_sources) <= {*TARGETS}
    silence = np.zeros((2, song.n_samples), np.int16)
    samples = [song.sources.get(target, silence) for target in TARGETS]
    rest = [part for name, part in song.sources.items() if name not in TARGETS]
    for row, start in enumerate(starts):
        parts = [window_at(part, start, window_samples) for part in (*samples, *rest)]
        sounds, is_sure = labels_of(torch.stack(parts))
        for column, target in enumerate(TARGETS):
            if bool(is_sure[column]) and (is_whole or target in song.sources):
                truth[row, column] = float(sounds[column])
    return truth


def described(scores: Scores) -> list[str]:
    """Return a line on each target, as people read it."""
    return [
        f"{target}: silent in {values['n_silent']} of {values['n_windows']} windows, found in "
        f"{values['n_found']}"
        + (f", precision {values['precision']:.3f}" if "precision" in values else "")
        + f", recall {values['recall']:.3f}"
        for target, values in scores.items()
    ]

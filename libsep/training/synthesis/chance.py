"""Draws from sequences and tables."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")


def one_of(items: Sequence[Item], rng: np.random.Generator) -> Item:
    """Return one of several things, all equally likely."""
    return items[int(rng.integers(len(items)))]


def weighted(weights: Mapping[str, float], rng: np.random.Generator) -> str:
    """Return one of several names, by their weights."""
    shares = np.array(list(weights.values()), float)
    return list(weights)[int(rng.choice(len(shares), p=shares / shares.sum()))]

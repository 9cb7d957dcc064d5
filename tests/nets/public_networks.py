"""Weights that are the same everywhere, and what the reference implementations make of them."""

import hashlib

import numpy as np
import torch
from torch import Tensor

SEED = 20261120


def seeded_weights(names_and_shapes: dict[str, Tensor], seed: int = SEED) -> dict[str, Tensor]:
    """Return weights that depend on their names, their shapes and the seed only."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name in sorted(names_and_shapes):
        like = names_and_shapes[name]
        if not like.is_floating_point():
            weights[name] = like.clone()
            continue
        values = rng.standard_normal(tuple(like.shape))
        values = values / like[0].numel() ** 0.5 if like.ndim > 1 else 0.1 * values
        if like.ndim == 1 and name.endswith("weight"):
            values = 1 + values
        if name.endswith("running_var"):
            values = 1 + np.abs(values)
        weights[name] = torch.from_numpy(values.astype(np.float32))
    return weights


def coloured_noise(n_samples: int) -> Tensor:
    """Return a stereo mixture of noise that falls towards the high end."""
    noise = np.random.default_rng(1).standard_normal((1, 2, n_samples)).astype(np.float32)
    noise[..., 1:] += 0.9 * noise[..., :-1]
    return torch.from_numpy(0.1 * noise)


def names_digest(state: dict[str, Tensor]) -> str:
    """Return the SHA-256 of the names and shapes of all parameters."""
    lines = [f"{name} {tuple(tensor.shape)}\n" for name, tensor in sorted(state.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def levels(estimates: Tensor) -> Tensor:
    """Return the RMS of each target."""
    return estimates.square().mean((0, 2, 3)).sqrt()


def picked(estimates: Tensor) -> Tensor:
    """Return four samples of the left channel of each target."""
    return estimates[0, :, 0, [0, 1000, 5000, -1]]

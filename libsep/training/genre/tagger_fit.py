"""Teach a table of tags the genres of a library, or give a tagger a new last layer."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

N_ITERATIONS = 200
"""Steps of L-BFGS; the losses are smooth and small, and it stops where nothing is to be gained."""


def fit_table(
    tags: Float[np.ndarray, "tracks tags"],
    labels: Int[np.ndarray, " tracks"],
    weights: Float[np.ndarray, " tracks"],
    table: Float[np.ndarray, "genres tags"],
    *,
    pull: float,
) -> Float[np.ndarray, "genres tags"]:
    """Return the weights of tags at which the true genres are likeliest.

    Parameters
    ----------
    tags
        Probability of each tag in each track.
    labels
        The true genre of each track, as a row of ``table``.
    weights
        How much each track counts; they add up to one.
    table
        Weights to start from. What is zero stays zero: no tag speaks for a genre that it has
        nothing to do with, whatever few tracks say.
    pull
        How strongly the logarithm of each weight is held where it started. Genres without a track
        keep their weights.
    """
    start = torch.from_numpy(table.astype(np.float64))
    is_told = torch.zeros(len(table), dtype=torch.bool)
    is_told[torch.from_numpy(labels)] = True
    is_used = (start > 0) & is_told[:, None]
    moved = torch.zeros_like(start, requires_grad=True)
    sharpness = torch.zeros((), dtype=torch.float64, requires_grad=True)
    chances, truth = torch.from_numpy(tags.astype(np.float64)), torch.from_numpy(labels)
    shares = torch.from_numpy(weights.astype(np.float64))

    def scaled() -> Tensor:
        return start * torch.where(is_used, moved.exp(), 1.0)

    def loss() -> Tensor:
        logits = (chances @ scaled().T).log() * sharpness.exp()
        error = (F.cross_entropy(logits, truth, reduction="none") * shares).sum()
        return error + pull * (moved[is_used].square().sum() + sharpness.square())

    _minimise(loss, [moved, sharpness])
    return np.asarray(scaled().detach().numpy())


def fit_head(
    embedded: Float[np.ndarray, "tracks features"],
    labels: Int[np.ndarray, " tracks"],
    weights: Float[np.ndarray, " tracks"],
    n_genres: int,
    *,
    pull: float,
) -> tuple[Float[np.ndarray, "genres features"], Float[np.ndarray, " genres"]]:
    """Return weights and biases of a linear layer at which the true genres are likeliest.

    Parameters
    ----------
    embedded
        What the layer judges, each feature around zero and about one wide.
    labels, weights
        As for `fit_table`.
    n_genres
        Number of outputs.
    pull
        How strongly the weights are held at zero.
    """
    features = torch.from_numpy(embedded.astype(np.float64))
    truth, shares = torch.from_numpy(labels), torch.from_numpy(weights.astype(np.float64))
    layer = torch.zeros((n_genres, features.shape[1]), dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(n_genres, dtype=torch.float64, requires_grad=True)

    def loss() -> Tensor:
        logits = features @ layer.T + bias
        error = (F.cross_entropy(logits, truth, reduction="none") * shares).sum()
        return error + pull * layer.square().sum()

    _minimise(loss, [layer, bias])
    return layer.detach().numpy(), bias.detach().numpy()


def balanced_weights(pairs: Sequence[tuple[str, str]]) -> Float[np.ndarray, " tracks"]:
    """Return how much tracks of these genres and artists count; they add up to one.

    Every genre counts as much as any other, and in it every artist as much.
    """
    n_tracks = Counter(pairs)
    n_artists = Counter(genre for genre, _ in n_tracks)
    shares = [1 / (len(n_artists) * n_artists[pair[0]] * n_tracks[pair]) for pair in pairs]
    return np.array(shares)


def _minimise(loss: Callable[[], Tensor], parameters: list[Tensor]) -> None:
    optimiser = torch.optim.LBFGS(
        parameters, max_iter=N_ITERATIONS, line_search_fn="strong_wolfe", tolerance_grad=1e-9
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        value = loss()
        value.backward()  # type: ignore[no-untyped-call]  # torch has no annotation for it
        return value

    optimiser.step(closure)  # type: ignore[no-untyped-call]  # torch has no annotation for it

"""From tags to genres: a table that a person can read, and change."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from libsep.config import Genre

N_SHOWN = 3
"""How many of the strongest tags a reason names."""

Table = Mapping[Genre, Mapping[str, float]]
"""Weight of each tag that speaks for a genre, by genre."""


def genre_shares(
    tags: Mapping[str, float], table: Table, temperature: float = 1.0
) -> dict[str, float]:
    """Return how likely each genre is; the probabilities add up to one.

    The probabilities of a genre's tags are multiplied by their weights and added; the sums, to the
    power of one over ``temperature``, are the shares of the genres.

    Parameters
    ----------
    tags
        Probability of each tag, above 0.
    table
        Names no tags but those of ``tags``.
    temperature
        The higher, the more alike are the genres.
    """
    sums = [
        sum(weight * tags[tag] for tag, weight in weights.items()) for weights in table.values()
    ]
    powers = np.array(sums) ** (1 / temperature)
    shares = (powers / powers.sum()).tolist()
    return {str(genre): share for genre, share in zip(table, shares, strict=True)}


def strongest(tags: Mapping[str, float], table: Table) -> tuple[str, ...]:
    """Return the likeliest tags that speak for any genre, the likeliest first."""
    telling = {tag for weights in table.values() for tag in weights}
    ranked = sorted(telling, key=lambda tag: (-tags[tag], tag))
    return tuple(ranked[:N_SHOWN])


def weights_of(table: Table, tags: Sequence[str]) -> Float[np.ndarray, "genres tags"]:
    """Return a table as a matrix; a tag that says nothing of a genre weighs zero."""
    return np.array([[weights.get(tag, 0.0) for tag in tags] for weights in table.values()])

"""Parts of the tracks that have no artist in common."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from libsep.training.genre.examples import Example


def split_by_artist(examples: Sequence[Example], n_folds: int, seed: int) -> list[int]:
    """Return the fold of each example: all tracks of an artist in one, genres spread evenly.

    Artists with many tracks are placed first, each where its genre has the fewest tracks so far;
    equals in random order.
    """
    artists: dict[str, Counter[str]] = defaultdict(Counter)
    for example in examples:
        artists[example.artist][example.genre] += 1
    rng = np.random.default_rng(seed)
    names = [str(name) for name in rng.permutation(sorted(artists))]
    names.sort(key=lambda name: -artists[name].total())
    loads: list[Counter[str]] = [Counter() for _ in range(n_folds)]
    folds: dict[str, int] = {}
    for name in names:
        genre = artists[name].most_common(1)[0][0]
        fold = min(range(n_folds), key=lambda index: (loads[index][genre], loads[index].total()))
        folds[name] = fold
        loads[fold].update(artists[name])
    return [folds[example.artist] for example in examples]

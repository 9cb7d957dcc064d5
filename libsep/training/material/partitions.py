"""Which targets an example has apart, and which of them only as a sum."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from libsep.datasets.sums import OTHER, clash, in_order, targets_of
from libsep.track import TARGETS

Partition = tuple[str, ...]
"""Names of sources that together have each target once: ``("drums+bass", "other", "vocals")``."""

WHOLE: Partition = TARGETS
"""Every target is a source of its own."""


class Partitions:
    """Draws in which parts the sources of a mixture are taken from different places.

    A partition is drawn as often as its rarest part has items. With ``share_sums``, this share of
    the draws is among those with a sum, as far as there is material for these and for others.

    Parameters
    ----------
    sums
        Sums of targets that some items have as one source.
    n_items
        How many items have a target, or a sum, as one source; may change.
    share_sums
        As above; None draws among all.
    """

    def __init__(
        self,
        sums: Iterable[str],
        n_items: Callable[[str], int],
        share_sums: float | None = None,
    ) -> None:
        self._n_items = n_items
        self._share_sums = share_sums
        self._all = [partition_of(chosen) for chosen in _apart(sorted(set(sums)))]

    @property
    def have_sums(self) -> bool:
        """Whether some partition has a sum in it."""
        return len(self._all) > 1

    def missing(self) -> str:
        """Return a target without which no partition can be filled; empty text if one can be."""
        if any(self._weight(partition) for partition in self._all):
            return ""
        lacking = [target for target in TARGETS if not self._n_items(target)]
        covered = {target for name in self._all[-1] if "+" in name for target in targets_of(name)}
        return next((target for target in lacking if target not in covered), lacking[0])

    def drawn(self, rng: np.random.Generator) -> Partition:
        """Return a partition that has material for each of its parts."""
        if not self.have_sums:
            return WHOLE
        weights = np.array([self._weight(partition) for partition in self._all], float)
        if self._share_sums is not None and weights[0] and weights[1:].any():
            weights[1:] *= self._share_sums / weights[1:].sum()
            weights[0] = 1 - self._share_sums
        return self._all[int(rng.choice(len(weights), p=weights / weights.sum()))]

    def _weight(self, partition: Partition) -> int:
        return min(self._n_items(name) for name in partition)


def partition_of(sums: Sequence[str]) -> Partition:
    """Return the partition of these sums, all other targets being apart."""
    covered = {target for name in sums for target in targets_of(name)}
    return in_order([*sums, *(target for target in TARGETS if target not in covered)])


def summed_up(values: Tensor, partitions: Sequence[Partition], targets: Sequence[str]) -> Tensor:
    """Return values ``(B, S, …)`` of a network's targets, with parts of each item added up.

    What belongs to one part of an item's partition stands added up at the place of its first
    target; its other places are zero. Targets that the network lacks belong to ``other``. Where
    every target is a part, the values themselves come back.

    Parameters
    ----------
    values
        Samples or spectrograms, of estimates or of sources.
    partitions
        Of each item.
    targets
        Of the network, in the order of ``S``.
    """
    if all(partition == WHOLE for partition in partitions):
        return values
    places = torch.stack([_places(partition, targets) for partition in partitions])
    matrix = places.to(values.device, values.dtype)
    flat = torch.bmm(matrix, values.flatten(2))
    return flat.view(values.shape)


def _places(partition: Partition, targets: Sequence[str]) -> Float[Tensor, "S S"]:
    """Return a matrix that adds up the rows of targets which are in one part."""
    first = list(range(len(targets)))
    for name in partition:
        kept = {target if target in targets else OTHER for target in targets_of(name)}
        together = {first[targets.index(target)] for target in kept}
        first = [min(together) if place in together else place for place in first]
    matrix = torch.zeros(len(targets), len(targets))
    matrix[first, range(len(targets))] = 1.0
    return matrix


def _apart(sums: Sequence[str]) -> Iterator[list[str]]:
    """Yield each choice of sums that have no target in common; the first one is of none."""
    if not sums:
        yield []
        return
    for rest in _apart(sums[1:]):
        yield rest
    for rest in _apart(sums[1:]):
        if clash([sums[0], *rest]) is None:
            yield [sums[0], *rest]

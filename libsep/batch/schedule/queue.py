"""Tracks that wait for their turn, without those for which no time is left."""

import heapq
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Queue(Generic[Item]):
    """Hands out items by rank, and in order within a rank; one that does not fit is put aside.

    Once none of the others is left, an item that was put aside has its turn if it fits after all,
    because it takes less time than was believed; the shortest one first.

    Parameters
    ----------
    fits
        Whether an item that starts now can end in time.
    length_s
        Seconds of audio of an item.
    rank
        Its class of urgency; the lowest comes first.
    """

    def __init__(
        self,
        fits: Callable[[Item], bool],
        *,
        length_s: Callable[[Item], float],
        rank: Callable[[Item], int],
    ) -> None:
        self._fits = fits
        self._length_s = length_s
        self._rank = rank
        self._line: list[tuple[int, int, Item]] = []
        self._aside: list[tuple[float, int, Item]] = []
        self._n_added = 0
        self.audio_s = 0.0

    def __len__(self) -> int:
        """Return how many items are in line; `settle` sees to it that the first one fits."""
        return len(self._line)

    @property
    def n_left(self) -> int:
        """How many items there are, with those that were put aside."""
        return len(self._line) + len(self._aside)

    @property
    def head(self) -> Item:
        """The item whose turn it is."""
        return self._line[0][2]

    def add(self, item: Item, *, is_next: bool = False) -> None:
        """Put an item behind all others of its rank, or before them."""
        self._n_added += 1
        place = -self._n_added if is_next else self._n_added
        heapq.heappush(self._line, (self._rank(item), place, item))
        self.audio_s += self._length_s(item)

    def pop(self) -> Item:
        """Take out the item whose turn it is."""
        item = heapq.heappop(self._line)[2]
        self.audio_s -= self._length_s(item)
        return item

    def settle(self) -> None:
        """Put aside what does not fit, up to the first item that does."""
        while self._line and not self._fits(self.head):
            item = self.pop()
            self._n_added += 1
            heapq.heappush(self._aside, (self._length_s(item), self._n_added, item))
        if not self._line and self._aside and self._fits(self._aside[0][2]):
            self.add(heapq.heappop(self._aside)[2])

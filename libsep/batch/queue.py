"""Tracks that wait for their turn, without those for which no time is left."""

import collections
import heapq
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Queue(Generic[Item]):
    """Hands out items in order; an item that does not fit into the time left is put aside.

    Once none of the others is left, an item that was put aside has its turn if it fits after all,
    because it takes less time than was believed; the shortest one first.

    Parameters
    ----------
    fits
        Whether an item that starts now can end in time.
    length_s
        Seconds of audio of an item.
    """

    def __init__(self, fits: Callable[[Item], bool], length_s: Callable[[Item], float]) -> None:
        self._fits = fits
        self._length_s = length_s
        self._line: collections.deque[Item] = collections.deque()
        self._aside: list[tuple[float, int, Item]] = []
        self._n_put_aside = 0
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
        return self._line[0]

    def add(self, item: Item, *, is_next: bool = False) -> None:
        """Put an item at the end, or let it be the next one."""
        (self._line.appendleft if is_next else self._line.append)(item)
        self.audio_s += self._length_s(item)

    def pop(self) -> Item:
        """Take out the item whose turn it is."""
        item = self._line.popleft()
        self.audio_s -= self._length_s(item)
        return item

    def settle(self) -> None:
        """Put aside what does not fit, up to the first item that does."""
        while self._line and not self._fits(self._line[0]):
            item = self.pop()
            self._n_put_aside += 1
            heapq.heappush(self._aside, (self._length_s(item), self._n_put_aside, item))
        if not self._line and self._aside and self._fits(self._aside[0][2]):
            self.add(heapq.heappop(self._aside)[2])

"""Seconds of each stage of a track."""

import contextlib
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


class Stopwatch:
    """Adds up the seconds that each stage takes; one stage runs at a time."""

    def __init__(self) -> None:
        self.stage = "probe"
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Count the time inside the block for ``stage``; an inner stage is not counted twice."""
        outer, self.stage = self.stage, stage
        start = time.perf_counter()
        inner_before = sum(self.seconds.values())
        try:
            yield
        finally:
            inner = sum(self.seconds.values()) - inner_before
            elapsed = time.perf_counter() - start - inner
            self.seconds[stage] = self.seconds.get(stage, 0.0) + elapsed
        # Not after an error: whoever catches it wants to know where it happened.
        self.stage = outer

    def timed(self, items: Iterable[Item], stage: str) -> Iterator[Item]:
        """Yield ``items``; the time that it takes to get each is counted for ``stage``."""
        iterator = iter(items)
        while True:
            with self(stage):
                item = next(iterator, None)
            if item is None:
                return
            yield item

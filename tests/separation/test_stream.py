import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import Float32

from libsep.errors import SeparationError
from libsep.separation.segments import SegmentGrid
from libsep.separation.stream import separate_blocks

GRID = SegmentGrid(segment_samples=120, hop_samples=100)
PATH = Path("Artist/Track.flac")


class Halves:
    """Gives two stems, each half of the mixture, and takes ``ahead`` segments before the first."""

    def __init__(self, ahead: int = 1, limit: int | None = None, bad: float = 0.0) -> None:
        self.ahead = ahead
        self.limit = limit
        self.bad = bad
        self.n_taken = 0

    def map(
        self, segments: Iterator[Float32[np.ndarray, "C segment"]]
    ) -> Iterator[Float32[np.ndarray, "S C segment"]]:
        while batch := list(itertools.islice(segments, self.ahead)):
            self.n_taken += len(batch)
            for mixture in batch[: self.limit]:
                yield np.stack([mixture, mixture]) / 2 + np.float32(self.bad)


@pytest.mark.parametrize("ahead", [1, 3])
def test_blocks_come_out_with_their_own_stems(rng: np.random.Generator, ahead: int) -> None:
    signal = rng.normal(size=(2, 777)).astype(np.float32)
    blocks = np.split(signal, [5, 5, 300], axis=-1)
    pairs = list(separate_blocks(blocks, Halves(ahead), GRID, path=PATH))
    np.testing.assert_array_equal(np.concatenate([m for m, _ in pairs], axis=-1), signal)
    stems = np.concatenate([s for _, s in pairs], axis=-1)
    np.testing.assert_allclose(stems, np.stack([signal, signal]) / 2, atol=1e-6)


def test_a_track_without_samples_gives_no_blocks() -> None:
    assert list(separate_blocks([], Halves(), GRID, path=PATH)) == []


def test_no_more_segments_are_taken_than_the_separator_asks_for() -> None:
    separator = Halves(ahead=2)
    blocks = (np.ones((2, 50), np.float32) for _ in itertools.repeat(None))
    pairs = separate_blocks(blocks, separator, GRID, path=PATH)
    next(pairs)
    assert separator.n_taken == 2


def test_a_network_that_returns_nan_loses_the_track() -> None:
    blocks = [np.ones((2, 300), np.float32)]
    with pytest.raises(SeparationError, match=r"Track\.flac: the network returned NaN"):
        list(separate_blocks(blocks, Halves(bad=np.nan), GRID, path=PATH))


def test_a_mixture_with_infinity_is_named_as_the_cause() -> None:
    block = np.ones((2, 300), np.float32)
    block[0, 150] = np.inf
    with pytest.raises(SeparationError, match="among its samples"):
        list(separate_blocks([block], Halves(), GRID, path=PATH))


def test_a_separator_that_ends_early_loses_the_track() -> None:
    blocks = [np.ones((2, 300), np.float32)]
    with pytest.raises(SeparationError, match="left out the last 1 segments"):
        list(separate_blocks(blocks, Halves(ahead=3, limit=2), GRID, path=PATH))

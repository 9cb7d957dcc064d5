"""A whole track through a separator, block by block."""

import collections
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

from libsep.errors import SeparationError
from libsep.separation.segments import Segment, SegmentGrid, cut_segments, join_segments


@runtime_checkable
class SegmentSeparator(Protocol):
    """What separates segments: a network in this process, or one behind a queue."""

    def map(
        self, segments: Iterator[Float32[np.ndarray, "C segment"]]
    ) -> Iterator[Float32[np.ndarray, "S C segment"]]:
        """Yield the estimates of each segment, in order, taking few segments ahead of them."""
        ...


@runtime_checkable
class RestoringSeparator(Protocol):
    """A separator that can also give stems the band that their recording has lost."""

    def restoring(self, cutoff_hz: float) -> SegmentSeparator:
        """Return the separator for a track that ends at ``cutoff_hz``, in Hz.

        Its estimates are restored above: there they do not add up to the segment any more.
        """
        ...


def separate_blocks(
    blocks: Iterable[Float32[np.ndarray, "C _"]],
    separator: SegmentSeparator,
    grid: SegmentGrid,
    *,
    path: Path,
) -> Iterator[tuple[Float32[np.ndarray, "C block"], Float32[np.ndarray, "S C block"]]]:
    """Separate a track of any length in the memory of a few segments.

    Parameters
    ----------
    blocks
        The mixture, full scale ±1.0, cut anywhere; the stems do not depend on where.
    separator
        Separates the segments; how many it takes ahead decides how many are held.
    grid
        The segments' length and distance.
    path
        The track, for messages.

    Yields
    ------
    Block of the mixture and its stems; together they are as long as the track, to the sample.

    Raises
    ------
    SeparationError
        The network returned NaN or infinity, or the samples that it was given held some; or the
        separator ended early.
    """
    waiting: collections.deque[Segment] = collections.deque()

    def cut() -> Iterator[Float32[np.ndarray, "C segment"]]:
        for segment in cut_segments(blocks, grid):
            waiting.append(segment)
            yield segment.mixture

    def separate() -> Iterator[tuple[Segment, Float32[np.ndarray, "S C segment"]]]:
        for estimates in separator.map(cut()):
            segment = waiting.popleft()
            _check_finite(path, segment, estimates)
            yield segment, estimates

    yield from join_segments(separate(), grid)
    if waiting:
        raise SeparationError(path, f"the separator left out the last {len(waiting)} segments")


def _check_finite(
    path: Path, segment: Segment, estimates: Float32[np.ndarray, "S C segment"]
) -> None:
    """Refuse estimates that are NaN or infinite, and say whether the mixture was it already."""
    if np.isfinite(estimates).all():
        return
    if np.isfinite(segment.mixture).all():
        message = "the network returned NaN or infinity (does the model fit this precision?)"
    else:
        message = "NaN or infinity among its samples, expected numbers (damaged float file?)"
    raise SeparationError(path, message)

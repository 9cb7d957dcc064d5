"""Cut a track into segments on a fixed grid, and join what was made of them.

Segment ``i`` covers the samples from ``i * hop`` to ``i * hop + segment`` of the track. The grid
depends on the track's own time only, and every segment has the same length, so what a separator
makes of a track does not depend on how the decoder cut it or on what else is in a batch.
"""

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Float32

from libsep.units import seconds_to_samples


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SegmentGrid:
    """Where segments start and how long they are, in samples.

    Raises
    ------
    ValueError
        More than two segments would overlap, or some samples would lie in none.
    """

    segment_samples: int
    hop_samples: int

    def __post_init__(self) -> None:
        if not 0 < self.hop_samples <= self.segment_samples <= 2 * self.hop_samples:
            message = (
                f"hop of {self.hop_samples} samples for segments of {self.segment_samples}, "
                "expected one from half a segment to a whole one"
            )
            raise ValueError(message)

    @classmethod
    def of_seconds(cls, segment_s: float, overlap_s: float, sample_rate: int) -> "SegmentGrid":
        """Return the grid of segments that overlap by ``overlap_s``, at a sample rate in Hz.

        Short segments overlap by half where that is less.
        """
        segment_samples = seconds_to_samples(segment_s, sample_rate)
        # Half of an odd length is rounded down: more than half would overlap with two neighbours.
        overlap_samples = min(seconds_to_samples(overlap_s, sample_rate), segment_samples // 2)
        return cls(segment_samples=segment_samples, hop_samples=segment_samples - overlap_samples)

    @property
    def overlap_samples(self) -> int:
        """Samples that two neighbouring segments share."""
        return self.segment_samples - self.hop_samples


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One window of the network: a stretch of the mixture.

    ``n_samples`` is how much of the track it covers from its place on the grid on; it is less than
    the whole in the last segment only. That one begins ``n_context`` samples before its place, so
    that it ends where the track does; only a track shorter than a segment is followed by silence.
    """

    mixture: Float32[np.ndarray, "C segment"]
    n_samples: int
    is_last: bool
    n_context: int = 0


def cut_segments(
    blocks: Iterable[Float32[np.ndarray, "C _"]], grid: SegmentGrid
) -> Iterator[Segment]:
    """Cut a track that arrives in blocks of any length into segments on the grid.

    A segment is yielded as soon as one sample after its end is known, so what is held in memory is
    two segments and one block. There are just as many segments as it takes to cover the track: the
    last one reaches further than the overlap with the one before. What is missing at its end comes
    from before its beginning: half a segment of silence would be heard in the other half, because
    networks divide by the level of their whole window. No samples give no segments.

    Parameters
    ----------
    blocks
        The mixture, full scale ±1.0; a block may be empty.
    grid
        The segments' length and distance.

    Yields
    ------
    Segments in the order of time, in memory of their own.
    """
    segment_samples = grid.segment_samples
    held: list[Float32[np.ndarray, "C _"]] = []
    n_held = 0
    former: Float32[np.ndarray, "C segment"] | None = None
    for block in blocks:
        held.append(block)
        n_held += block.shape[-1]
        if n_held <= segment_samples:
            continue
        samples = np.concatenate(held, axis=-1)
        start = 0
        while n_held - start > segment_samples:
            mixture = samples[:, start : start + segment_samples].copy()
            yield Segment(mixture=mixture, n_samples=segment_samples, is_last=False)
            former = mixture
            start += grid.hop_samples
        held = [samples[:, start:]]
        n_held -= start
    if n_held:
        n_missing = segment_samples - n_held
        if former is None:
            mixture = np.pad(np.concatenate(held, axis=-1), ((0, 0), (0, n_missing)))
            yield Segment(mixture=mixture, n_samples=n_held, is_last=True)
            return
        context = former[:, grid.hop_samples - n_missing : grid.hop_samples]
        mixture = np.concatenate([context, *held], axis=-1)
        yield Segment(mixture=mixture, n_samples=n_held, is_last=True, n_context=n_missing)


def join_segments(
    separated: Iterable[tuple[Segment, Float32[np.ndarray, "S C segment"]]], grid: SegmentGrid
) -> Iterator[tuple[Float32[np.ndarray, "C block"], Float32[np.ndarray, "S C block"]]]:
    """Join segments and their estimates to one mixture and its stems.

    Where two segments overlap, the estimates are cross-faded with weights that sum to one; there is
    no fade at the start and the end of the track. If the estimates of each segment sum to its
    mixture, so do the stems. Held in memory is the overlap of two segments.

    Parameters
    ----------
    separated
        All segments of a track as `cut_segments` made them, each with its estimates, in order.
    grid
        What they were cut with.

    Yields
    ------
    Blocks of one hop, the last one of a different length; together they are as long as the
    track, to the sample.
    """
    overlap = slice(0, grid.overlap_samples)
    fade_in = _fade_in(grid.overlap_samples)
    tail: Float32[np.ndarray, "S C overlap"] | None = None
    for segment, estimates in separated:
        n_samples = segment.n_samples if segment.is_last else grid.hop_samples
        own = slice(segment.n_context, segment.n_context + n_samples)
        stems = estimates[..., own].copy()
        if tail is not None:
            stems[..., overlap] *= fade_in
            stems[..., overlap] += tail
        tail = estimates[..., grid.hop_samples :] * (1 - fade_in)
        yield segment.mixture[:, own], stems


def _fade_in(n_samples: int) -> Float32[np.ndarray, " overlap"]:
    """Return weights that are zero for a quarter, rise as sin² for a half, and are one at last.

    What a network says of the outermost samples of its window is its worst, for want of context.
    """
    progress = (2 * (np.arange(n_samples) + 0.5) / max(n_samples, 1) - 0.5).clip(0, 1)
    return (np.sin(np.pi / 2 * progress) ** 2).astype(np.float32)

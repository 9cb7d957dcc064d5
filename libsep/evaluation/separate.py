"""Estimates of a whole song in memory, made as a conversion makes its stems."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from libsep.datasets.songs import Song
from libsep.separation.segments import SegmentGrid
from libsep.separation.stream import SegmentSeparator, separate_blocks


def separate_song(
    song: Song, separator: SegmentSeparator, grid: SegmentGrid
) -> Float32[np.ndarray, "S 2 T"]:
    """Return what ``separator`` makes of the mixture of a song, full scale ±1.0.

    Raises
    ------
    SeparationError
        The separator returned NaN or infinity.
    """
    mixture = song.mixture()
    estimates: Float32[np.ndarray, "S 2 T"] | None = None
    position = 0
    blocks = _blocks(mixture, grid.hop_samples)
    for _, stems in separate_blocks(blocks, separator, grid, path=Path(song.name)):
        if estimates is None:
            estimates = np.empty((len(stems), *mixture.shape), np.float32)
        estimates[..., position : position + stems.shape[-1]] = stems
        position += stems.shape[-1]
    assert estimates is not None, "a song has samples"
    assert position == mixture.shape[-1], "stems are as long as their mixture"
    return estimates


def _blocks(
    mixture: Float32[np.ndarray, "2 T"], block_samples: int
) -> Iterator[Float32[np.ndarray, "2 _"]]:
    for start in range(0, mixture.shape[-1], block_samples):
        yield mixture[:, start : start + block_samples]

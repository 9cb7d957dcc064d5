"""The grid of segments on which a model hears music."""

from libsep.config import SeparationConfig
from libsep.separation.model import ModelInfo
from libsep.separation.segments import SegmentGrid

OVERLAP_S = 1.0
"""Seconds over which segments overlap where neither the configuration nor the model says it."""


def segment_grid(
    config: SeparationConfig, model: ModelInfo | None = None, *, sample_rate: int | None = None
) -> SegmentGrid:
    """Return the grid of segments for a model, in samples of its rate, or of ``sample_rate`` in Hz.

    A model that wants segments of its own length gets these. They overlap as the configuration
    says, else as the model does, by half where that would be more. No model: as the configuration
    says.

    Raises
    ------
    ValueError
        Neither a model nor a sample rate is given.
    """
    segment_s, overlap_s = config.segment_s, config.overlap_s
    if model is not None:
        segment_s = model.segment_s or segment_s
        overlap_s = overlap_s or model.overlap_s
        sample_rate = sample_rate or model.sample_rate
    if sample_rate is None:
        raise ValueError("expected a model or a sample rate")
    return SegmentGrid.of_seconds(segment_s, overlap_s or OVERLAP_S, sample_rate)

"""What the description of a separation model holds."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from libsep.model_folder.description import Description, Stored

KIND: Literal["separator"] = "separator"

Scores = Mapping[str, Mapping[str, float]]
"""Name of an evaluation, then target (or ``mean``), then SDR in dB."""


class ModelInfo(Description):
    """What a model is, where it comes from and how good it is."""

    kind: Literal["separator"] = KIND

    targets: Annotated[tuple[str, ...], Field(min_length=1)]
    """What it extracts, in the order of its estimates."""

    segment_s: Annotated[float, Field(ge=2, le=60)] | None = None
    """Length of the segments that it wants, in seconds; None: any, so the configuration's."""

    cost: Annotated[float, Field(gt=0)] | None = None
    """CPU time per second of music, as a multiple of the one of ``generic``; None: not known."""

    notice: str = ""
    """What the licence of the weights asks of who uses them, or leaves open."""

    source: str = ""
    """Where the weights come from; empty if libsep trained them."""

    scores: Scores = Field(default_factory=dict)
    """Quality that was measured with libsep."""

    published: Scores = Field(default_factory=dict)
    """Quality as the authors of the weights published it; the name says where."""


class Model(ModelInfo, Stored):
    """A model as it lies on this machine."""

"""What all tracks of a run share."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from libsep.config import Config, SeparationConfig
from libsep.separation.registry import Model
from libsep.separation.segments import SegmentGrid
from libsep.storage.staging import Staging


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What all tracks of a run share.

    ``models`` are the models that a track may be assigned to, by name; worker processes write their
    logs into ``log_folder``, if there is one. ``staging`` says how tracks get from and to object
    stores; None where library and output are folders.
    """

    config: Config
    models: Mapping[str, Model]
    output_root: Path
    run: str
    log_folder: Path | None = None
    staging: Staging | None = None


def segment_grid(config: SeparationConfig, model: Model) -> SegmentGrid:
    """Return the grid of segments for a model, in samples of its rate.

    A model that wants segments of its own length gets these; they overlap as the configuration
    says, or by half where that would be more.
    """
    segment_s = model.segment_s or config.segment_s
    return SegmentGrid.of_seconds(segment_s, config.overlap_s, model.sample_rate)

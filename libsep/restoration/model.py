"""What a folder says about the super-resolution network in it; read without torch."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from libsep.model_folder.description import Description, Shelf, Stored
from libsep.track import HIGHEST_CUTOFF_HZ

KIND: Literal["super_resolution"] = "super_resolution"

LOWEST_CUTOFF_HZ = 3500.0
"""Below it nothing is restored: too little is left to guess from."""

Scores = Mapping[str, Mapping[str, float]]
"""Name of a measure and cut-off, as in ``lsd_high/8000``, then method, then value."""


class RestorationInfo(Description):
    """What a super-resolution network is, and how good it is."""

    kind: Literal["super_resolution"] = KIND

    lowest_cutoff_hz: Annotated[float, Field(ge=1000, le=20_000)] = LOWEST_CUTOFF_HZ
    """Tracks that end below are left as they are."""

    highest_cutoff_hz: Annotated[float, Field(ge=1000, le=22_050)] = HIGHEST_CUTOFF_HZ
    """Tracks that end above are left as they are."""

    scores: Scores = Field(default_factory=dict)
    """Measured with libsep on recordings that it was not trained on, beside the baselines."""


class RestorationModel(RestorationInfo, Stored):
    """A super-resolution network as it lies on this machine."""


_SHELF = Shelf(
    RestorationModel, KIND, "super-resolution model", "configs/train/super_resolution.yaml"
)
list_restoration_models = _SHELF.all
find_restoration_model = _SHELF.find
located_restoration_model = _SHELF.located

"""What a folder says about the super-resolution network in it; read without torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from libsep.model_folder.description import (
    Description,
    Stored,
    find_folder,
    list_folders,
    located,
)
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


def list_restoration_models() -> list[RestorationModel]:
    """Return the models that came with libsep, by name, then those that were pulled.

    Raises
    ------
    ModelError
        The description of one of them is damaged.
    """
    return list_folders(RestorationModel, KIND)


def located_restoration_model(model: RestorationModel) -> RestorationModel:
    """Return a model as it lies on this machine, for one that was found on another.

    Raises
    ------
    ModelError
        It is not here, or the one of this name has other weights.
    """
    return located(model, lambda: find_restoration_model(model.name))


def find_restoration_model(name_or_path: str | Path) -> RestorationModel:
    """Return the model of this name that came with libsep or was pulled, or in this folder.

    Anything with a slash in it is a path.

    Raises
    ------
    ModelError
        There is none; the message lists those that exist. Or its description is damaged.
    """
    return find_folder(
        RestorationModel,
        name_or_path,
        kind=KIND,
        words="super-resolution model",
        maker="configs/train/super_resolution.yaml",
    )

"""What a folder says about the network in it that hears hits of drums; read without torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from libsep.model_folder.description import (
    Description,
    Stored,
    find_folder,
    list_folders,
    located,
)

KIND: Literal["drum_hits"] = "drum_hits"

Scores = Mapping[str, Mapping[str, float]]
"""Drum, then ``precision``, ``recall`` and ``f1``, each from 0 to 1."""


class HitInfo(Description):
    """What a network for hits of drums is, and how good it is."""

    kind: Literal["drum_hits"] = KIND

    scores: Scores = Field(default_factory=dict)
    """Measured by the training on kits that it did not learn from."""


class HitModel(HitInfo, Stored):
    """A network for hits of drums as it lies on this machine."""


def list_hit_models() -> list[HitModel]:
    """Return the models that came with libsep, by name, then those that were pulled.

    Raises
    ------
    ModelError
        The description of one of them is damaged.
    """
    return list_folders(HitModel, KIND)


def find_hit_model(name_or_path: str | Path) -> HitModel:
    """Return the model of this name that came with libsep or was pulled, or in this folder.

    Anything with a slash in it is a path.

    Raises
    ------
    ModelError
        There is none; the message lists those that exist. Or its description is damaged.
    """
    return find_folder(
        HitModel,
        name_or_path,
        kind=KIND,
        words="model for hits of drums",
        maker="configs/train/drum_hits.yaml",
    )


def located_hit_model(model: HitModel) -> HitModel:
    """Return a model as it lies on this machine, for one that was found on another.

    Raises
    ------
    ModelError
        It is not here, or the one of this name has other weights.
    """
    return located(model, lambda: find_hit_model(model.name))

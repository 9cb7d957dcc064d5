"""What a folder says about the network in it that hears hits of drums; read without torch."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from libsep.model_folder.description import Description, Shelf, Stored

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


_SHELF = Shelf(HitModel, KIND, "model for hits of drums", "configs/train/drum_hits.yaml")
list_hit_models = _SHELF.all
find_hit_model = _SHELF.find
located_hit_model = _SHELF.located

"""What a folder says about the classifier in it; read without torch."""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from libsep.config import Genre
from libsep.model_folder.description import Description, Shelf, Stored

KIND: Literal["classifier"] = "classifier"


class ClassifierInfo(Description):
    """What a classifier is, what it was trained on and how right it is."""

    kind: Literal["classifier"] = KIND

    genres: Annotated[tuple[Genre, ...], Field(min_length=2)]
    """What it tells apart, in the order of its outputs."""

    temperature: Annotated[float, Field(gt=0)] = 1.0
    """The logits are divided by this, so that probabilities are as high as it is often right."""

    threshold: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Probability that a genre must reach; below it a track is generic."""

    tags: tuple[str, ...] = ()
    """What its network names, in the order of its outputs, where that is not genres."""

    table: Mapping[Genre, Mapping[str, Annotated[float, Field(gt=0)]]] = Field(default_factory=dict)
    """How much each tag counts for a genre; `libsep.genre.tag_table` says how they are added."""

    scores: Mapping[str, float] = Field(default_factory=dict)
    """Measured on artists that it was not trained on: ``accuracy``, ``calibration_error`` …"""

    confusion: Mapping[str, Mapping[str, int]] = Field(default_factory=dict)
    """Tracks by true genre, then by the genre that was heard."""


class StoredClassifier(ClassifierInfo, Stored):
    """A classifier as it lies on this machine."""

    @property
    def identity(self) -> str:
        """SHA-256 of all that its probabilities rest on: the weights, and the table if it has one.

        What the same identity heard need not be heard again.
        """
        if not self.table:
            return self.sha256
        fields = {"sha256", "genres", "temperature", "tags", "table"}
        content = json.dumps(self.model_dump(mode="json", include=fields), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()


_SHELF = Shelf(StoredClassifier, KIND, "genre classifier", "configs/train/genre.yaml")
find_classifier = _SHELF.find
list_classifiers = _SHELF.all

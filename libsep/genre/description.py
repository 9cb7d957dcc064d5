"""What a folder says about the classifier in it; read without torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from libsep.config import Genre
from libsep.model_folder.description import (
    Description,
    Stored,
    find_folder,
)

KIND: Literal["classifier"] = "classifier"


class ClassifierInfo(Description):
    """What a classifier is, what it was trained on and how right it is."""

    kind: Literal["classifier"] = KIND

    genres: Annotated[tuple[Genre, ...], Field(min_length=2)]
    """What it tells apart, in the order of its outputs."""

    temperature: Annotated[float, Field(gt=0)] = 1.0
    """The logits are divided by this, so that probabilities are as high as it is often right."""

    scores: Mapping[str, float] = Field(default_factory=dict)
    """Measured on artists that it was not trained on: ``accuracy``, ``calibration_error`` …"""

    confusion: Mapping[str, Mapping[str, int]] = Field(default_factory=dict)
    """Tracks by true genre, then by the genre that was heard."""


class StoredClassifier(ClassifierInfo, Stored):
    """A classifier as it lies on this machine."""


def find_classifier(name_or_path: str | Path) -> StoredClassifier:
    """Return the classifier of this name that came with libsep or was pulled, or in this folder.

    Anything with a slash in it is a path.

    Raises
    ------
    ModelError
        There is none; the message lists those that exist. Or its description is damaged.
    """
    return find_folder(
        StoredClassifier,
        name_or_path,
        kind=KIND,
        words="genre classifier",
        maker="configs/train/genre.yaml",
    )

"""The knobs of ``libsep train`` for what hears which targets are silent, and of its search."""

from typing import Annotated, Literal

from pydantic import Field

from libsep.config.section import Section
from libsep.config.small_training import SmallTrainingConfig
from libsep.config.training import AugmentConfig, MaterialConfig, Target


class SearchConfig(Section):
    """Which stretches of unlabelled mixes become material."""

    targets: Annotated[tuple[Target, ...], Field(min_length=1)] = ("drums", "bass", "vocals")
    """Whose silence is looked for; every mix has something that is ``other``."""

    max_chance: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """A target is silent in a window where the network gives it a smaller chance to sound."""

    hop_s: Annotated[float, Field(ge=0.25, le=30)] = 1.0
    """Between the starts of two windows, in seconds."""

    max_gb: Annotated[float, Field(gt=0)] = 10.0
    """Disk that passages may take, in GB; a minute of one takes 11 MB."""


class PresenceTrainingConfig(SmallTrainingConfig):
    """How a network learns which targets sound in a window of ``material.segment_s``."""

    kind: Literal["presence"]
    """Must be there: it tells such a file from one that trains a separator."""

    material: MaterialConfig = MaterialConfig(segment_s=5.0)
    """What windows are mixed from: songs and recordings; its sampler is not used."""

    augment: AugmentConfig = AugmentConfig(drop=0.2)
    """How they are varied. Half of all windows lack one target more."""

    n_steps: Annotated[int, Field(ge=1)] = 1000

    n_batch: Annotated[int, Field(ge=2)] = 16
    """Windows per step, half of which are the others without one target."""

    log_interval: Annotated[int, Field(ge=1)] = 50
    learning_rate: Annotated[float, Field(gt=0, le=0.1)] = 2e-3

    search: SearchConfig = SearchConfig()

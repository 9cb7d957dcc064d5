"""The knobs of ``libsep train`` for networks that hear drums, and that make their sounds."""

from typing import Annotated, Literal

from pydantic import Field

from libsep.config.small_training import SmallTrainingConfig


class DrumTrainingConfig(SmallTrainingConfig):
    """What both trainings are told."""

    kind: str

    held_out_kits: tuple[str, ...] = ("was-*", "pearl-*", "lm-2")
    """Glob patterns of the kits that are only judged by."""


class DrumHitTrainingConfig(DrumTrainingConfig):
    """How a network learns the hits of drums from rendered drum parts."""

    kind: Literal["drum_hits"]
    """Must be there: it tells such a file from one that trains a separator."""

    n_loops: Annotated[int, Field(ge=1)] = 800
    """Drum parts that are rendered to learn from, of some bars each."""

    n_judged_loops: Annotated[int, Field(ge=1)] = 100
    """Drum parts that are rendered on the held-out kits, to judge by."""


class DrumSoundTrainingConfig(DrumTrainingConfig):
    """How a generative network learns the attacks of drums from one-shots."""

    kind: Literal["drum_sounds"]
    """Must be there: it tells such a file from one that trains a separator."""

    n_steps: Annotated[int, Field(ge=1)] = 4500
    n_batch: Annotated[int, Field(ge=2)] = 32
    learning_rate: Annotated[float, Field(gt=0, le=0.1)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.0

    n_steps_alone: Annotated[int, Field(ge=0)] = 2500
    """Steps in which the sounds are only to be like recorded ones, before the critic begins."""

    n_judged: Annotated[int, Field(ge=1)] = 24
    """Strokes of each drum, from held-out kits, that rows of the curve are judged by."""

    likeness_weight: Annotated[float, Field(ge=0)] = 10.0
    """Of one minus the correlation with the recorded sound."""

    spectrum_weight: Annotated[float, Field(ge=0)] = 0.5
    """Of the distance of the spectrograms, in nepers."""

    code_weight: Annotated[float, Field(ge=0)] = 0.005
    """Of the divergence of the codes from the normal distribution, in nats."""

    adversarial_weight: Annotated[float, Field(ge=0)] = 1.0
    """Of the critic's judgement (hinge loss)."""

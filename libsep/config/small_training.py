"""The knobs that the trainings of all small networks have."""

from typing import Annotated

from pydantic import Field

from libsep.config.section import Section


class SmallTrainingConfig(Section):
    """Steps and rates of a training on one core."""

    n_steps: Annotated[int, Field(ge=1)] = 3000
    """Steps of the training."""

    n_batch: Annotated[int, Field(ge=2)] = 128
    """Examples per step."""

    log_interval: Annotated[int, Field(ge=1)] = 250
    """Steps between two rows of the curve."""

    learning_rate: Annotated[float, Field(gt=0, le=0.1)] = 3e-3
    """Largest learning rate of AdamW; it falls to zero along a cosine."""

    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.02
    """Weight decay of AdamW."""

    seed: int = 0
    """Start of all random numbers."""

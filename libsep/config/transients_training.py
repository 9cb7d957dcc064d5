"""The knobs of ``libsep train`` for a network that hears which drums are hit."""

from typing import Annotated, Literal

from pydantic import Field

from libsep.config.section import Section


class DrumHitTrainingConfig(Section):
    """How a network learns the hits of drums from rendered drum parts."""

    kind: Literal["drum_hits"]
    """Must be there: it tells such a file from one that trains a separator."""

    n_loops: Annotated[int, Field(ge=1)] = 800
    """Drum parts that are rendered to learn from, of some bars each."""

    n_judged_loops: Annotated[int, Field(ge=1)] = 100
    """Drum parts that are rendered on the held-out kits, to judge by."""

    held_out_kits: tuple[str, ...] = ("was-*", "pearl-*", "lm-2")
    """Glob patterns of the kits that are only judged by."""

    n_steps: Annotated[int, Field(ge=1)] = 3000
    """Steps of the training."""

    n_batch: Annotated[int, Field(ge=2)] = 128
    """Hits per step."""

    log_interval: Annotated[int, Field(ge=1)] = 250
    """Steps between two rows of the curve."""

    learning_rate: Annotated[float, Field(gt=0, le=0.1)] = 3e-3
    """Largest learning rate of AdamW; it falls to zero along a cosine."""

    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.02
    """Weight decay of AdamW."""

    seed: int = 0
    """Start of all random numbers."""

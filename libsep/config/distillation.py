"""The knobs of ``libsep distil``."""

from typing import Annotated

from pydantic import Field

from libsep.config.conversion import ScanConfig, SeparationConfig
from libsep.config.routing import RoutingConfig
from libsep.config.section import Section
from libsep.config.training import MaterialConfig, OptimiserConfig, TrainingConfig


class LabelConfig(Section):
    """Which parts of a library the teacher labels."""

    block_s: Annotated[float, Field(ge=5, le=120)] = 24.0
    """Length of a block, in seconds; a shorter track is one block."""

    max_gb: Annotated[float, Field(gt=0)] = 10.0
    """Disk that labels may take, in GB; 24 s of four targets are 17 MB."""

    held_back: Annotated[float, Field(gt=0, le=0.5)] = 0.1
    """Share of the folders whose tracks judge the student and are never trained on."""

    max_held_back: Annotated[int, Field(ge=1)] = 24
    """Largest number of blocks that judge; one of each track."""


class StudentMaterialConfig(MaterialConfig):
    """Where a student's examples come from."""

    coherent: Annotated[float, Field(ge=0, le=1)] = 0.4
    """Share of examples whose sources belong to one song; the others mix different songs."""


class StudentOptimiserConfig(OptimiserConfig):
    """How a student's weights move, which have mostly been trained before."""

    n_warmup_steps: Annotated[int, Field(ge=0)] = 100
    """Steps over which the learning rate rises."""

    learning_rate: Annotated[float, Field(gt=0, le=0.1)] = 6e-4
    """Largest learning rate of AdamW."""


class StudentTrainingConfig(TrainingConfig):
    """A training whose defaults are those of a student."""

    validation_interval_s: Annotated[float, Field(gt=0)] = 900.0
    """Seconds between two validations."""

    start_shares: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = (0.33, 0.67)
    """Shares of the weights that it began with that each validation tries, beside none of them."""

    material: StudentMaterialConfig = StudentMaterialConfig()
    optimiser: StudentOptimiserConfig = StudentOptimiserConfig()


class DistillationConfig(Section):
    """Everything that ``libsep distil`` can be told."""

    min_gain_db: float = 0.3
    """By how much the student's mean SDR must exceed the one of the models before it, in dB."""

    labels: LabelConfig = LabelConfig()
    scan: ScanConfig = ScanConfig()
    routing: RoutingConfig = RoutingConfig()

    separation: SeparationConfig = SeparationConfig()
    """How the teacher runs; ``model`` is of no meaning here."""

    training: StudentTrainingConfig = StudentTrainingConfig()
    """How the student learns; ``n_steps`` is the most that it takes, if the hours allow it."""

"""The knobs of ``libsep train`` for a super-resolution network."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from libsep.config.section import Section
from libsep.config.training import OptimiserConfig


class RestorationNetworkConfig(Section):
    """Size of the network."""

    n_features: Annotated[int, Field(ge=8, le=1024)] = 160
    """Features of each of the two streams."""

    n_blocks: Annotated[int, Field(ge=1, le=32)] = 4
    """Blocks of each stream."""

    expansion: Annotated[int, Field(ge=1, le=8)] = 3
    """Hidden layer of a block, as a multiple of the features."""


class RestorationMaterialConfig(Section):
    """What the examples are made of, and how their upper band is taken away."""

    exclude: tuple[str, ...] = ()
    """Glob patterns of file names that are left out, for instance relatives of the validation."""

    min_bandwidth_hz: Annotated[float, Field(ge=5000, le=22_050)] = 18_000.0
    """Recordings that end below are left out: they cannot teach what belongs there."""

    segment_s: Annotated[float, Field(ge=0.5, le=10)] = 1.5
    """Length of an example, in seconds."""

    lowest_cutoff_hz: Annotated[float, Field(ge=3500, le=20_000)] = 3800.0
    """Lowest cut-off of an example."""

    highest_cutoff_hz: Annotated[float, Field(ge=3500, le=20_000)] = 19_500.0
    """Highest cut-off of an example."""

    mixed: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Share of examples that add two to four recordings at random levels."""

    coded: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Share of examples that lost their upper band to an MP3 or AAC encoder, where there are any;
    the others to a filter."""

    n_coded: Annotated[int, Field(ge=0, le=100_000)] = 60
    """Recordings that are encoded and decoded once for this, chosen at random; 0: none."""

    max_coded_s: Annotated[float, Field(ge=1)] = 400.0
    """Longest recording that is encoded, in seconds."""

    cutoff_error_hz: Annotated[float, Field(ge=0, le=1000)] = 150.0
    """Largest error of the cut-off that the network is told; it will not be told the exact one."""


class RestorationLossConfig(Section):
    """Weights of the parts of the loss; all concern the missing band only."""

    distance: Annotated[float, Field(ge=0)] = 1.0
    """Weight of the log-spectral distance of the signal that comes out."""

    amplitude: Annotated[float, Field(ge=0)] = 0.5
    """Weight of the error of the logarithms of the amplitudes that the network says."""

    resolutions: Annotated[float, Field(ge=0)] = 0.5
    """Weight of the error of log-spectrograms with windows of 512 and 1024 samples."""

    phase: Annotated[float, Field(ge=0)] = 0.1
    """Weight of the wrapped errors of phases, group delays and frequencies."""

    @model_validator(mode="after")
    def _has_some(self) -> "RestorationLossConfig":
        if not any(dict(self).values()):
            raise ValueError("all weights are 0, expected at least one above, to learn by")
        return self


class RestorationAdversarialConfig(Section):
    """Discriminators of the high band, after a supervised first part."""

    from_step: Annotated[int, Field(ge=0)] = 3000
    """Step from which the discriminators learn."""

    n_warmup_steps: Annotated[int, Field(ge=0)] = 200
    """Steps after that in which the generator does not hear them yet."""

    generator: Annotated[float, Field(ge=0)] = 0.05
    """Weight of their opinion (least squares)."""

    features: Annotated[float, Field(ge=0)] = 0.1
    """Weight of the distance between their features of what was made and of the source."""

    n_items: Annotated[int, Field(ge=1)] = 6
    """Examples per step that they see."""

    learning_rate: Annotated[float, Field(gt=0, le=0.1)] = 2e-4
    """Of their AdamW."""

    max_distance_gain: Annotated[float, Field(ge=0)] = 0.0
    """How much the log-spectral distance may grow over the best supervised weights, as a share of
    theirs; weights that exceed it are never the best."""


class RestorationTrainingConfig(Section):
    """How a super-resolution network learns from any full-band music."""

    kind: Literal["super_resolution"]
    """Must be there: it tells such a file from one that trains a separator."""

    seed: int = 0
    """Start of all random numbers."""

    threads: Annotated[int, Field(ge=1, le=64)] = 2
    """Threads of the one process that trains, on the CPU."""

    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Arithmetic of the network; ``auto`` is bfloat16 where the processor has it."""

    log_interval: Annotated[int, Field(ge=1)] = 50
    """Steps between two lines of the log."""

    checkpoint_interval_s: Annotated[float, Field(gt=0)] = 150.0
    """Seconds between two checkpoints."""

    validation_interval_s: Annotated[float, Field(gt=0)] = 300.0
    """Seconds between two validations."""

    validation_s: Annotated[float, Field(ge=1, le=600)] = 8.0
    """How much of the middle of each validation recording is measured, in seconds."""

    network: RestorationNetworkConfig = RestorationNetworkConfig()
    material: RestorationMaterialConfig = RestorationMaterialConfig()
    loss: RestorationLossConfig = RestorationLossConfig()
    optimiser: OptimiserConfig = OptimiserConfig(
        n_steps=6000, n_warmup_steps=100, learning_rate=1e-3, n_batch=12, ema_decay=0.998
    )
    adversarial: RestorationAdversarialConfig | None = None
    """Without this section there are no discriminators."""

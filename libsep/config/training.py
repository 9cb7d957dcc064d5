"""The knobs of ``libsep train``."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue, field_validator, model_validator

from libsep.config.section import Place, Section
from libsep.track import TARGETS

Target = Literal["drums", "bass", "other", "vocals"]


StyleName = Literal["electronic", "hiphop", "rock", "pop", "jazz", "acoustic"]
"""Genres that the sampler knows."""


Architecture = Literal[
    "band_split_unet", "unet", "wave_unet", "demucs", "wavenet", "svsgan", "two_encoder", "nmf"
]
"""Networks that ``libsep train`` can train."""


class NetworkConfig(Section):
    """Which network is trained."""

    architecture: Architecture = "band_split_unet"
    """Our own network, or one of a published system; each adversarial stage is for some."""

    size: Literal["XS", "S", "M", "L"] = "S"
    """Size of the band-split U-Net, 0.2 to 3.5 million parameters; of no meaning for others."""

    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    """What differs from the defaults of the architecture or size, by the name of its argument."""

    targets: tuple[Target, ...] = ("drums", "bass", "other", "vocals")
    """What it separates; sources of a target that is not named belong to ``other``."""

    @field_validator("targets")
    @classmethod
    def _in_order(cls, targets: tuple[Target, ...]) -> tuple[Target, ...]:
        ordered = tuple(target for target in TARGETS if target in targets)
        if targets != ordered or len(targets) < 2 or "other" not in targets:
            raise ValueError(f"expected other and at least one more, in the order of {TARGETS}")
        return targets


class MaterialConfig(Section):
    """Where the sources of a training example come from, and how they are mixed."""

    exclude_songs: tuple[str, ...] = ()
    """Names of songs that are left out, for instance because they are in the validation."""

    weights: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    """Glob patterns of names of songs and recordings: how often those are taken; others 1."""

    genres: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    """Genres of songs, where they are known: how often those songs are taken; others 1."""

    segment_s: Annotated[float, Field(ge=0.5, le=30)] = 4.0
    """Length of a training example, in seconds."""

    coherent: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of examples whose sources belong to one song; the others mix different songs."""

    weight_songs: Annotated[float, Field(ge=0)] = 1.0
    """How often a source is taken from a song with stems, relative to the next two."""

    weight_recordings: Annotated[float, Field(ge=0)] = 1.0
    """How often a source is taken from the recordings of single sources."""

    weight_renders: Annotated[float, Field(ge=0)] = 1.0
    """How often a source is taken from the sampler; it needs a pack."""

    share_sums: Annotated[float, Field(ge=0, le=1)] | None = None
    """Share of the mixed examples in which some targets are only known as a sum, where there are
    such songs or recordings; without it, as often as there are recordings of its rarest part."""

    vocals_stage: Annotated[Place, Field(min_length=1)] | None = None
    """A model that has taken the vocals off: all songs, rendered or real, are what it leaves."""

    memory: Literal["auto", "disk", "cpu", "cuda"] = "auto"
    """Where samples are between crops; ``auto`` is on the GPU where they fit, and else on disk."""

    n_renders: Annotated[int, Field(ge=0, le=10_000)] = 128
    """Synthetic songs that are kept at once; 0 turns the sampler off."""

    styles: dict[StyleName, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    """Genres of the synthetic songs: how often each is rendered; without any, all equally often."""

    n_render_workers: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes that render; the songs are the same for any number of them."""

    render_s: Annotated[float, Field(ge=2, le=60)] = 24.0
    """Length of a synthetic song, in seconds."""

    render_interval_s: Annotated[float, Field(ge=0)] = 3.0
    """Seconds between two new synthetic songs, each of which replaces the oldest."""


class AugmentConfig(Section):
    """How examples are varied; probabilities from 0 to 1."""

    gain_db: Annotated[float, Field(ge=0, le=24)] = 10.0
    """Largest change of a source's level, up or down, in dB."""

    varispeed: Annotated[float, Field(ge=0, le=1)] = 0.4
    """Probability that a source is played up to 12 % faster or slower."""

    equaliser: Annotated[float, Field(ge=0, le=1)] = 0.4
    """Probability that a source's spectrum is tilted, by up to 4 dB per five octaves."""

    stereo: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Probability that a source gets another place and width in the stereo image."""

    drop: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Probability that a source is silent."""

    instrumental: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Probability that the vocals are silent, apart from `drop`."""

    mono: Annotated[float, Field(ge=0, le=1)] = 0.33
    """Probability that the whole mixture is mono, as old records and club edits are."""

    narrow: Annotated[float, Field(ge=0, le=1)] = 0.17
    """Probability that the whole mixture is nearly mono, apart from `mono`."""

    limiter: Annotated[float, Field(ge=0, le=1)] = 0.4
    """Probability that the mixture is limited or clipped, and its sources with it."""

    low_pass: Annotated[float, Field(ge=0, le=1)] = 0.15
    """Probability that the mixture ends at 16 to 19 kHz, as after a lossy encoder."""


class LossConfig(Section):
    """Weights of the parts of the loss."""

    spectrum: Annotated[float, Field(ge=0)] = 1.0
    """Weight of the error of the complex spectrogram: the network's own, where it has one."""

    divergence: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the generalised Kullback-Leibler divergence of the magnitudes; for networks that
    estimate those."""

    waveform: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the error of the samples."""

    rmse: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the root of the mean squared error of the samples: alone, and after a training with
    the others, it gave networks more SDR."""

    resolutions: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the error of complex spectrograms with windows of 512, 1024 and 2048 samples."""


class OptimiserConfig(Section):
    """How the weights move."""

    n_steps: Annotated[int, Field(ge=1)] = 20_000
    """Length of the training; the learning rate falls to 1 % by then, along a cosine."""

    n_warmup_steps: Annotated[int, Field(ge=0)] = 200
    """Steps over which the learning rate rises."""

    learning_rate: Annotated[float, Field(gt=0, le=0.1)] = 1.5e-3
    """Largest learning rate of AdamW."""

    weight_decay: Annotated[float, Field(ge=0, le=1)] = 1e-2
    """Weight decay of AdamW."""

    max_gradient_norm: Annotated[float, Field(gt=0)] = 5.0
    """Longer gradients are shortened to this."""

    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Memory of the moving average of the weights, which is what validation and export use."""

    n_batch: Annotated[int, Field(ge=1)] = 4
    """Examples per worker and step."""


class JudgedConfig(Section):
    """What adversarial stages have in common."""

    n_warmup_steps: Annotated[int, Field(ge=0)] = 500
    """First steps, in which only discriminators learn; they count as steps."""

    learning_rate: Annotated[float, Field(gt=0, le=0.1)] = 2e-4
    """Largest learning rate of discriminators' AdamW; it falls with the generator's."""

    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (
        0.8,
        0.99,
    )
    """Memory of discriminators' AdamW, for gradients and for their squares."""

    max_sdr_loss_db: Annotated[float, Field(ge=0)] = 0.2
    """A checkpoint whose mean SDR is lower than the start's by more, in dB, is never the best."""

    start_shares: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = (0.25, 0.5, 0.75)
    """Shares of the starting weights that each validation tries, beside none of them."""


class AdversarialConfig(JudgedConfig):
    """The adversarial stage: discriminators and the weights of what they say.

    It starts from a trained generator. The weights are on top of ``loss``; a weight of 0 turns
    its part off, with the discriminators that only it needs.
    """

    kind: Literal["lsgan", "hinge"] = "lsgan"
    """Least squares, or hinge."""

    targets: Annotated[tuple[Target, ...], Field(min_length=1)] = ("drums", "bass")
    """Targets that have discriminators of their own; each step trains with one of them in turn."""

    generator: Annotated[float, Field(ge=0)] = 0.2
    """Weight of the target's discriminator, which sees the estimate beside the mixture."""

    features: Annotated[float, Field(ge=0)] = 0.05
    """Weight of the distance between its features of estimate and source."""

    context: Annotated[float, Field(ge=0)] = 0.1
    """Weight of the discriminator that sees all stems, some of the fakes replaced by sources."""

    unpaired: Annotated[float, Field(ge=0)] = 0.02
    """Weight of the discriminators of targets alone; they need ``--unpaired`` with full mixes."""

    unpaired_targets: tuple[Target, ...] = ("drums",)
    """Those of ``targets`` that have a discriminator of the target alone."""

    leak: Annotated[float, Field(ge=0)] = 0.1
    """Weight of what a mix without the target gives it nevertheless; needs such mixes."""

    n_fade_steps: Annotated[int, Field(ge=0)] = 0
    """Steps after the warm-up over which these weights rise from 0; they count as steps."""

    crop_s: Annotated[float, Field(ge=0.05, le=30)] = 1.0
    """What a discriminator sees of an example, in seconds; not more than the example."""

    n_items: Annotated[int, Field(ge=1)] = 2
    """Examples per worker and step that discriminators see, and as many unpaired mixes."""


class FrameAdversarialConfig(JudgedConfig):
    """The adversarial stage of SVSGAN, for networks that estimate magnitudes.

    It starts from a trained generator. One discriminator sees each frame of all sources, or of all
    estimates, beside that of the mixture.
    """

    generator: Annotated[float, Field(gt=0)] = 0.1
    """Weight of what the discriminator says, on top of ``loss``."""

    hidden: Annotated[int, Field(ge=1, le=8192)] = 512
    """Features of each of the discriminator's three layers."""


class TrainingConfig(Section):
    """Everything that ``libsep train`` can be told."""

    seed: int = 0
    """Start of all random numbers."""

    workers: Annotated[int, Field(ge=1, le=64)] = 2
    """Data-parallel processes of one thread each; or one, if ``device`` is cuda."""

    device: Literal["cpu", "cuda"] = "cpu"
    """Where the network trains."""

    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Arithmetic of the network; ``auto`` is bfloat16 where the hardware has it, else float32."""

    log_interval: Annotated[int, Field(ge=1)] = 20
    """Steps between two lines of the log."""

    checkpoint_interval_s: Annotated[float, Field(gt=0)] = 180.0
    """Seconds between two checkpoints."""

    validation_interval_s: Annotated[float, Field(gt=0)] = 600.0
    """Seconds between two validations."""

    start_shares: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = ()
    """Shares of the weights of ``--from`` that each validation tries, beside none of them; of a
    supervised training."""

    network: NetworkConfig = NetworkConfig()
    material: MaterialConfig = MaterialConfig()
    augment: AugmentConfig = AugmentConfig()
    loss: LossConfig = LossConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    adversarial: AdversarialConfig | None = None
    """The adversarial stage of our own network; without it and the next, supervised only."""

    frame_adversarial: FrameAdversarialConfig | None = None
    """The adversarial stage of networks that estimate magnitudes."""

    @model_validator(mode="after")
    def _check_stages(self) -> "TrainingConfig":
        if self.adversarial is not None and self.frame_adversarial is not None:
            raise ValueError("adversarial and frame_adversarial: expected one of them at most")
        return self

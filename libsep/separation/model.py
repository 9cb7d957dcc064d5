"""What the description of a separation model holds."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field

from libsep import config
from libsep.model_folder.description import DESCRIPTION_FILE, Description, Stored

KIND: Literal["separator"] = "separator"
CASCADE: Literal["cascade"] = "cascade"
KINDS = (KIND, CASCADE)

BLEND = "blend"
"""Several networks whose estimates are averaged: ``members``, a list of architectures and their
arguments, and ``weights``."""

MAGNITUDE_ARCHITECTURES = ("nmf", "svsgan", "two_encoder")
"""Those that estimate magnitudes, and so can be told where the phase comes from."""

MASKING_ARCHITECTURES = ("band_split_unet", "unet")
"""Those whose estimates can be filtered, as can be those of blends of them of one transform."""

ByTarget = Annotated[Mapping[str, float], Field(min_length=1)]
"""SDR in dB by target; ``mean`` is that of the targets."""


class Score(config.Section):
    """Quality on one test set; a number without the music it was measured on says nothing."""

    test_set: Annotated[str, Field(min_length=4)]
    """Which music: name, number of songs, and whether the model has seen or was chosen on it."""

    measure: Annotated[str, Field(min_length=3)]
    """What the numbers are, such as ``SDR of whole songs, mean over songs``."""

    source: str = ""
    """Who measured it; empty: libsep, with ``libsep evaluate``."""

    values: ByTarget
    """Of the model."""

    beside: Mapping[str, ByTarget] = Field(default_factory=dict)
    """Of other methods on the same music, by their names."""


class Stage(config.Section):
    """A model that another one needs: a stage of a cascade, or whose weights it shares."""

    name: Annotated[str, Field(min_length=1)]
    """Of the model; a folder of this name beside the other one's comes first."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Of its weights."""


class Base(Stage):
    """A model whose weights another one shares."""

    member: Annotated[int, Field(ge=0)] | None = None
    """Which network of a blend it is, from 0; None: the model as a whole."""


_STAGES = pydantic.TypeAdapter(tuple[Stage, ...])


class Wiener(config.Section):
    """A filter that makes what leaks into other targets fainter; see `libsep.nets.masking`."""

    share: Annotated[float, Field(gt=0, le=1)]
    """How much of the filtered estimates counts; the rest is the estimates as they are."""

    from_hz: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Frequency from which on it works."""

    to_hz: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Frequency up to which it works; None: all above ``from_hz``."""

    targets: tuple[str, ...] = ()
    """Targets that share anew what they have together, two or more; empty: all."""

    over_s: Mapping[str, Annotated[float, Field(gt=0, le=5)]] = Field(default_factory=dict)
    """Time before and after over which the power of a target is averaged, where it lasts."""

    over_hz: Mapping[str, Annotated[float, Field(gt=0, le=500)]] = Field(default_factory=dict)
    """Band below and above over which the power of a target is averaged, where it strikes."""

    @pydantic.model_validator(mode="after")
    def _check(self) -> "Wiener":
        if self.to_hz is not None and self.to_hz <= self.from_hz:
            raise ValueError(f"to_hz {self.to_hz:g}, expected above from_hz {self.from_hz:g}")
        if len(self.targets) == 1 or len(set(self.targets)) < len(self.targets):
            raise ValueError(f"targets {list(self.targets)}, expected two or more, or none for all")
        for name in (*self.over_s, *self.over_hz):
            if name not in (self.targets or (name,)):
                raise ValueError(f"{name} is averaged, but is none of {list(self.targets)}")
        return self


class ModelInfo(Description):
    """What a model is, where it comes from and how good it is."""

    kind: Literal["separator", "cascade"] = KIND

    stages: tuple[Stage, ...] = ()
    """Of a cascade: what takes the vocals off the mixture, and what splits the rest."""

    base: Base | None = None
    """A model of the same network, or with it as a part, whose tensors are meant where the weights
    file has none."""

    targets: Annotated[tuple[str, ...], Field(min_length=1)]
    """What it extracts, in the order of its estimates."""

    segment_s: Annotated[float, Field(ge=2, le=60)] | None = None
    """Length of the segments that it wants, in seconds; None: any, so the configuration's."""

    overlap_s: Annotated[float, Field(ge=0.1, le=10)] | None = None
    """Length over which its segments overlap, in seconds; None: it was not looked for."""

    wiener: tuple[Wiener, ...] = ()
    """What is done with its estimates, in this order; see `MASKING_ARCHITECTURES`."""

    cost: Annotated[float, Field(gt=0)] | None = None
    """CPU time per second of music, as a multiple of the one of ``small``; None: not known."""

    notice: str = ""
    """What the licence of the weights asks of who uses them, or leaves open."""

    source: str = ""
    """Where the weights come from; empty if libsep trained them."""

    scores: tuple[Score, ...] = ()
    """Quality that was measured with libsep, the one that says most first."""

    published: tuple[Score, ...] = ()
    """Quality as others have published it."""

    @pydantic.model_validator(mode="before")
    @classmethod
    def _fill_cascade(cls, values: Any) -> Any:
        """Fill in what a cascade need not say, which has no network of its own."""
        if isinstance(values, dict) and values.get("kind") == CASCADE:
            return {"architecture": CASCADE, "arguments": {}} | values
        return values

    @pydantic.model_validator(mode="after")
    def _check_stages(self) -> "ModelInfo":
        expected = 2 if self.kind == CASCADE else 0
        if len(self.stages) != expected:
            raise ValueError(f"{len(self.stages)} stages, expected {expected} of a {self.kind}")
        if self.kind == CASCADE and self.base is not None:
            raise ValueError("base: a cascade has no weights to share")
        if self.kind == CASCADE and self.wiener:
            raise ValueError("wiener: a cascade has no estimates of its own, its stages may say so")
        if self.wiener and len(self.targets) < 2:
            raise ValueError(f"wiener: {self.targets[0]} alone has nobody to share with")
        for each in self.wiener:
            for name in (*each.targets, *each.over_s, *each.over_hz):
                if name not in self.targets:
                    raise ValueError(f"wiener: {name} is none of the targets {list(self.targets)}")
        return self

    @property
    def network_identity(self) -> dict[str, Any]:
        """What the weights file must say about its network, and whose weights it shares."""
        shared = {} if self.base is None else {"base": self.base.model_dump(exclude_none=True)}
        return super().network_identity | shared


class Model(ModelInfo, Stored):
    """A model as it lies on this machine.

    The hash of a cascade is that of the names and hashes of its stages.
    """

    @pydantic.model_validator(mode="before")
    @classmethod
    def _hash_stages(cls, values: Any) -> Any:
        """Compute the hash of a cascade, which follows from its stages and stands nowhere else."""
        if isinstance(values, dict) and values.get("kind") == CASCADE:
            try:
                stages = _STAGES.validate_python(values.get("stages", ()))
            except pydantic.ValidationError:  # their own field says what is wrong with them
                stages = ()
            text = "".join(f"{stage.name} {stage.sha256}\n" for stage in stages)
            return values | {"sha256": hashlib.sha256(text.encode()).hexdigest()}
        return values

    @property
    def is_here(self) -> bool:
        """Whether this machine has its weights, or of a cascade its description."""
        path = self.folder / DESCRIPTION_FILE if self.kind == CASCADE else self.weights_path
        return path.is_file()


def segments_of(parts: Sequence[ModelInfo]) -> dict[str, float | None]:
    """Return the fields of a model that say in which segments all its parts can work."""
    lengths = [part.segment_s for part in parts if part.segment_s is not None]
    overlaps = [part.overlap_s for part in parts if part.overlap_s is not None]
    return {
        "segment_s": max(lengths, default=None),
        "overlap_s": max(overlaps) if len(overlaps) == len(parts) else None,
    }

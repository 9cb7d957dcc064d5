"""The knobs of restoration: whether tracks that were cut off get their upper band back."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from libsep.config.section import Place, Section
from libsep.track import HIGHEST_CUTOFF_HZ

SuperResolution = Literal["off", "auto", "on"]


class RestorationConfig(Section):
    """Whether and where the band is restored that an encoder or a resampler cut off.

    Where nothing was cut off nothing is restored, in each mode: a recording that is dark by nature
    lacks nothing.
    """

    super_resolution: SuperResolution = "off"
    """``auto`` restores tracks with a cut-off that is low and sure enough, ``on`` all with any."""

    model: Place = "super_resolution"
    """Name of a super-resolution network in models/, or the path of its folder."""

    max_cutoff_hz: Annotated[float, Field(ge=3_000, le=HIGHEST_CUTOFF_HZ)] = 17_000.0
    """``auto`` leaves tracks alone that reach this frequency, in Hz."""

    min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.5
    """``auto`` leaves tracks alone whose cut-off is less sure than this."""

    @field_validator("super_resolution", mode="before")
    @classmethod
    def _undo_yaml(cls, value: Any) -> Any:
        """Take ``off`` and ``on`` for words, which YAML takes for false and true."""
        return {False: "off", True: "on"}.get(value, value) if isinstance(value, bool) else value

    def applies(self, cutoff_hz: float | None, confidence: float) -> bool:
        """Return whether a track with this cut-off, in Hz, is restored; None: it has none."""
        if self.super_resolution == "off" or cutoff_hz is None:
            return False
        if self.super_resolution == "on":
            return cutoff_hz <= HIGHEST_CUTOFF_HZ
        return cutoff_hz < self.max_cutoff_hz and confidence >= self.min_confidence

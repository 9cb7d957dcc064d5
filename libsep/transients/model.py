"""What folders say about the networks for drum transients in them; read without torch."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from libsep.errors import ModelError
from libsep.model_folder.description import Description, Shelf, Stored

HITS: Literal["drum_hits"] = "drum_hits"
SOUNDS: Literal["drum_sounds"] = "drum_sounds"
"""What folders call their kind."""

Scores = Mapping[str, Mapping[str, float]]
"""Drum, then the names of measures, and their values from 0 to 1."""


class HitInfo(Description):
    """What a network for hits of drums is, and how good it is."""

    kind: Literal["drum_hits"] = HITS

    scores: Scores = Field(default_factory=dict)
    """``precision``, ``recall`` and ``f1``, measured by the training on kits that it did not learn
    from."""


class HitModel(HitInfo, Stored):
    """A network for hits of drums as it lies on this machine."""


class SoundInfo(Description):
    """What a network is that makes the attacks of drums, and how good it is."""

    kind: Literal["drum_sounds"] = SOUNDS

    scores: Scores = Field(default_factory=dict)
    """Mean correlation of strokes of kits that the training did not learn from with the most
    similar of 256 random sounds (``random``), with the sound of their own code (``encoded``), and
    with the most similar recording that the training did learn from (``recorded``)."""


class SoundModel(SoundInfo, Stored):
    """A network that makes attacks of drums as it lies on this machine."""


@dataclasses.dataclass(frozen=True, slots=True)
class DrumModels:
    """What attacks of drums are replaced with: what hears them, and what makes sounds, if any."""

    hits: HitModel
    sounds: SoundModel | None = None

    @property
    def sha256(self) -> str:
        """Of the weights of both, in hexadecimal digits, with a space between."""
        return " ".join(model.sha256 for model in self.all)

    @property
    def all(self) -> tuple[HitModel | SoundModel, ...]:
        """Those that there are."""
        return (self.hits,) if self.sounds is None else (self.hits, self.sounds)


def check_rate(model: HitModel | SoundModel, sample_rate: int) -> None:
    """Refuse a model for other stems than those of ``sample_rate``, in Hz.

    Raises
    ------
    ModelError
        It is for another rate.
    """
    if model.sample_rate != sample_rate:
        raise ModelError(
            f"{model.name}: is for drums at {model.sample_rate} Hz, and the stems have "
            f"{sample_rate} Hz"
        )


_HIT_SHELF = Shelf(HitModel, HITS, "model for hits of drums", "configs/train/drum_hits.yaml")
list_hit_models = _HIT_SHELF.all
find_hit_model = _HIT_SHELF.find
located_hit_model = _HIT_SHELF.located

_SOUND_SHELF = Shelf(
    SoundModel, SOUNDS, "model for sounds of drums", "configs/train/drum_sounds.yaml"
)
list_sound_models = _SOUND_SHELF.all
find_sound_model = _SOUND_SHELF.find
located_sound_model = _SOUND_SHELF.located

"""The knobs of drum transients: whether attacks of drums get the clean sound of their drum."""

from typing import Any, Literal

from pydantic import field_validator

from libsep.config.section import Place, Section

DrumTransients = Literal["off", "own", "generated"]


class TransientsConfig(Section):
    """Whether the attacks of drums are replaced after the separation, and what with."""

    drum_transients: DrumTransients = "off"
    """``own`` takes the clean sound of a drum from the track itself: its cleanest strokes;
    ``generated`` the sound that is most like it of those that a generative network can make."""

    hits_model: Place = "drum-hits"
    """Name of a model for hits of drums in models/, or the path of its folder."""

    sounds_model: Place = "drum-sounds"
    """Name of a model for sounds of drums in models/, or the path of its folder."""

    @field_validator("drum_transients", mode="before")
    @classmethod
    def _undo_yaml(cls, value: Any) -> Any:
        """Take ``off`` for the word, which YAML takes for false."""
        return "off" if value is False else value

"""The knobs of lists: where their tracks lie here, and which of them are wanted."""

import datetime
from typing import Annotated

import pydantic
from pydantic import Field

from libsep.config.section import Place, Section


class LibraryConfig(Section):
    """Which tracks of the lists of DJ programs are converted (``libsep run --playlist``).

    A track is left out if its list does not know what is asked for; of the genre, its tags may.
    Nothing here is part of a stem file's fingerprint.
    """

    path_map: dict[str, Place] = Field(default_factory=dict)
    """Begins of paths as the lists write them (``D:/Music``), and the folder that is the same here;
    the longest that fits counts."""

    genres: tuple[str, ...] = ()
    """Glob patterns of genres, without case; a track must have one of them. Empty: any genre."""

    exclude_genres: tuple[str, ...] = ()
    """Glob patterns of genres, without case, of which a track must have none."""

    min_rating: Annotated[float, Field(ge=0, le=5)] = 0.0
    """Fewest stars, out of five; 0 takes tracks without a rating, too."""

    added_since: datetime.date | None = None
    """First day on which a track was added to the DJ program (``2025-12-31``)."""

    min_bpm: Annotated[float, Field(ge=0)] | None = None
    """Lowest tempo, in beats per minute."""

    max_bpm: Annotated[float, Field(ge=0)] | None = None
    """Highest tempo, in beats per minute."""

    @pydantic.model_validator(mode="after")
    def _lowest_is_not_above_highest(self) -> "LibraryConfig":
        if self.min_bpm is not None and self.max_bpm is not None and self.min_bpm > self.max_bpm:
            raise ValueError(f"min_bpm {self.min_bpm:g} is above max_bpm {self.max_bpm:g}")
        return self

    @property
    def is_choosy(self) -> bool:
        """Whether any track of a list may be left out."""
        return self.model_dump(exclude={"path_map"}) != LibraryConfig().model_dump(
            exclude={"path_map"}
        )

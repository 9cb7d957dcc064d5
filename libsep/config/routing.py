"""The knobs of genre routing: which model a track is given, and how its genre is found."""

from typing import Annotated, Literal

from pydantic import Field

from libsep.config.section import Place, Section, UserPath

Genre = Literal["electronic", "hiphop", "rock", "pop", "jazz", "acoustic"]
"""What a track can be: classes of drum and bass production, few enough to train a model each."""

AnyGenre = Literal["electronic", "hiphop", "rock", "pop", "jazz", "acoustic", "generic"]
"""A genre, or ``generic`` where none is known."""


class RoutingConfig(Section):
    """How each track finds its model.

    Nothing here is part of a stem file's fingerprint: what counts is the model that a track gets.
    """

    enabled: bool = True
    """Whether tracks have genres; otherwise one model separates every track."""

    genre: AnyGenre | None = None
    """Genre of every track, whatever its tags say; without it each track has its own."""

    table: UserPath | None = None
    """YAML file of labels and /regular expressions/ with their genre or model, before all tags."""

    folders: dict[str, AnyGenre] = Field(default_factory=dict)
    """Glob patterns of folders and files, relative to the library (``**`` is any depth)."""

    playlists: dict[UserPath, AnyGenre] = Field(default_factory=dict)
    """Playlist files (m3u, m3u8, pls): the genre of the tracks that they name."""

    hints_first: bool = False
    """Whether folders and playlists count before the tags; otherwise where no tag tells."""

    listen: bool = True
    """Whether tracks that tags and hints leave open are judged by their sound."""

    classifier: Place = "genre"
    """Name of the network that listens, in models/, or the path of its folder."""

    threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    """Probability that a genre heard in the sound must reach; below it a track is generic.

    By default it is what the classifier's own description says.
    """

    models: dict[AnyGenre, Place] = Field(default_factory=dict)
    """Model of a genre, by name or path; otherwise the one of the genre's name, or generic."""

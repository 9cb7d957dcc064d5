"""What people write about songs: which files are their sources, and their genres."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from libsep import config
from libsep.errors import ConfigError

GENRES_FILE = "genres.yaml"
"""File in a folder of songs that tells their genres, of the form of `GenreList`."""

Genre = Annotated[str, Field(min_length=1)]


class SongList(config.Section):
    """A YAML file that says which files of a folder are the sources of which song."""

    root: config.UserPath = Path()
    """Folder that the files are relative to; itself relative to the YAML file."""

    songs: Annotated[dict[str, dict[str, tuple[Path, ...]]], Field(min_length=1)]
    """Song, then target (or ``unscored``, or ``mixture``), then the files that add up to it."""

    genres: dict[str, Genre] = Field(default_factory=dict)
    """Genre of those songs whose genre is known."""


class GenreList(config.Section):
    """What a `GENRES_FILE` holds."""

    genres: dict[str, Genre]
    """Genre of those songs whose genre is known."""


def read_genres(folder: Path) -> dict[str, str]:
    """Return the genres that the `GENRES_FILE` of a folder gives its songs, if it has one.

    Raises
    ------
    ConfigError
        The file is damaged, or has another field than ``genres``.
    """
    path = folder / GENRES_FILE
    return config.load(GenreList, path).genres if path.is_file() else {}


def check_genres(genres: dict[str, str], songs: set[str], *, origin: Path) -> None:
    """Refuse a genre of a song that is not there.

    Raises
    ------
    ConfigError
        Names one such song.
    """
    unknown = sorted(set(genres) - songs)
    if unknown:
        raise ConfigError(f"{origin}: genre of {unknown[0]!r}, but there is no such song")

"""The knobs of ``libsep train`` for a genre classifier, and how it is told that it is one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from libsep.config.conversion import ScanConfig
from libsep.config.presence_training import PresenceTrainingConfig
from libsep.config.restoration_training import RestorationTrainingConfig
from libsep.config.routing import RoutingConfig
from libsep.config.section import Place, Section, UserPath, parse, read_values
from libsep.config.training import TrainingConfig
from libsep.config.transients_training import DrumHitTrainingConfig, DrumSoundTrainingConfig
from libsep.errors import ConfigError


class GenreTrainingConfig(Section):
    """How a classifier learns genres from the tags of a library."""

    kind: Literal["genre"]
    """Must be there: it tells such a file from one that trains a separator."""

    library: UserPath | None = None
    """Folder of music; tracks whose tags or hints name a genre are the examples."""

    scan: ScanConfig = ScanConfig()
    """Which files of the library are tracks."""

    routing: RoutingConfig = RoutingConfig()
    """The user's table, folders and playlists that say the genre of a track, as in a run."""

    min_artists: Annotated[int, Field(ge=2)] = 4
    """Artists that a genre needs; with fewer it would be learned as the sound of an artist."""

    max_tracks_per_artist: Annotated[int, Field(ge=1)] = 20
    """Tracks of an artist and genre that are used, chosen at random."""

    max_tracks_per_genre: Annotated[int, Field(ge=2)] = 1000
    """Tracks of a genre that are used, chosen at random; each costs half a second once."""

    learn: Literal["table", "head", "network"] = "head"
    """What learns: the table of a tagger, a new last layer for it, or a network from scratch.

    A table needs the least music, and a person can read it; a network needs thousands of tracks.
    """

    start: Place = "genre"
    """Name or folder of the tagger whose table or last layer learns; the rest of it stays."""

    pull: Annotated[float, Field(gt=0)] | None = None
    """How strongly a table (0.01) is held at the weights it has, or a last layer (0.1) at zero."""

    wanted_accuracy: Annotated[float, Field(gt=0, le=1)] = 0.75
    """Share of the tracks above the threshold that must be right: it is put where they are."""

    n_folds: Annotated[int, Field(ge=2, le=10)] = 4
    """Parts into which the artists are divided; each is judged by a network of the others."""

    n_steps: Annotated[int, Field(ge=1)] = 1500
    """Steps of each training of a network."""

    n_batch: Annotated[int, Field(ge=2)] = 32
    """Windows per step."""

    learning_rate: Annotated[float, Field(gt=0, le=0.1)] = 2e-3
    """Largest learning rate of AdamW; it falls to zero along a cosine."""

    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Weight decay of AdamW."""

    seed: int = 0
    """Start of all random numbers."""


AnyTrainingConfig = (
    TrainingConfig
    | GenreTrainingConfig
    | RestorationTrainingConfig
    | DrumHitTrainingConfig
    | DrumSoundTrainingConfig
    | PresenceTrainingConfig
)

OF_KIND: Mapping[str, type[AnyTrainingConfig]] = {
    "genre": GenreTrainingConfig,
    "super_resolution": RestorationTrainingConfig,
    "drum_hits": DrumHitTrainingConfig,
    "drum_sounds": DrumSoundTrainingConfig,
    "presence": PresenceTrainingConfig,
}
"""What the ``kind`` of a file says that it trains; without one it trains a separator."""


def load_training(path: Path) -> AnyTrainingConfig:
    """Read what ``libsep train`` is told: a file with ``kind: genre`` trains a classifier.

    One with ``kind: super_resolution`` trains a super-resolution network, one with
    ``kind: drum_hits`` what hears hits of drums, one with ``kind: drum_sounds`` what makes sounds
    of drums, one with ``kind: presence`` what hears which targets are silent.

    Raises
    ------
    ConfigError
        The file cannot be read, is no YAML mapping, or has a field that is unknown or out of
        range.
    """
    values = read_values(path)
    kind = values.get("kind")
    if kind is not None and str(kind) not in OF_KIND:
        kinds = ", ".join(OF_KIND)
        message = f"kind: expected one of {kinds}, or none for a separator (found {kind!r})"
        raise ConfigError(f"{path}: {message}")
    section = OF_KIND.get(str(kind), TrainingConfig)
    return parse(section, values, origin=str(path))

"""Whether routing by genre pays: generic against routed against the best model of each song."""

import dataclasses
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from libsep.config import RoutingConfig
from libsep.datasets.songs import SongFiles
from libsep.errors import ConfigError
from libsep.evaluation.results import MEAN, Row, SongResult, song_means, summarise
from libsep.genre.names import GENERIC, GENRES
from libsep.genre.router import Route, Router
from libsep.separation.registry import list_models
from libsep.track import TARGETS, Track

ALL = "all"
"""Name of the line over all songs."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RoutingLine:
    """One genre: uSDR in dB, the mean over targets of their means over songs.

    ``routed_to`` are the models that served its songs. ``oracle_db`` takes for each song the model
    with the best mean over its targets; ``oracle_models`` says how often which one.
    """

    genre: str
    n_songs: int
    routed_to: tuple[str, ...]
    generic_db: float
    routed_db: float
    oracle_db: float
    oracle_models: Mapping[str, int]

    def as_json(self) -> dict[str, Any]:
        """Return the line as plain values."""
        return dataclasses.asdict(self)


def route_songs(
    songs: Sequence[SongFiles], config: RoutingConfig, default_model: str
) -> dict[str, Route]:
    """Return for each song what `libsep run` would do with a track whose tag is its genre.

    Parameters
    ----------
    songs
        At least one needs a genre.
    config
        The routing of a run, with its table of genres and models.
    default_model
        Name or path of the model of every genre that has none of its own, unless ``config`` names
        another one for generic.

    Raises
    ------
    ConfigError
        No song has a genre, or the configuration is wrong.
    """
    if not any(song.genre for song in songs):
        raise ConfigError(
            "no song has a genre, which routing needs (a song list or genres.yaml can give it)"
        )
    available = [model.name for model in list_models()]
    # Asked for by name, `default_model` would serve every genre; here it stands for generic.
    router = Router(
        config.model_copy(update={"models": {GENERIC: default_model, **config.models}}),
        default_model=GENERIC,
        available=[*available, default_model],
    )
    routes = {}
    for song in songs:
        track = Track(
            path_name=song.name,
            source_name=song.name,
            output_name=song.name,
            size_bytes=0,
            mtime_ns=0,
            genres=(song.genre,) if song.genre else (),
        )
        routes[song.name] = router.by_metadata(track) or router.fallback("no genre")
    return routes


def compare_routing(
    results: Sequence[SongResult],
    models: Iterable[str],
    generic: str,
    routed: Mapping[str, tuple[str, str]],
) -> list[RoutingLine]:
    """Return one line per genre, and one over all songs.

    Songs of which ``generic``, or the model that they are routed to, has no score are left out.

    Parameters
    ----------
    results
        What each song gave.
    models
        The models that a song may be given; the oracle takes the best of them.
    generic
        Which of them serves everything without routing.
    routed
        Genre and model of each song.
    """
    candidates = tuple(models)
    rows = [row for result in results for row in result.rows if row.model in candidates]
    means = {
        song: by_model
        for song, by_model in song_means(rows).items()
        if {generic, routed[song][1]} <= by_model.keys()
    }
    oracle = {
        song: max(candidates, key=lambda model: by_model.get(model, float("-inf")))
        for song, by_model in means.items()
    }
    order = {str(genre): index for index, genre in enumerate(GENRES)}
    genres = sorted({routed[song][0] for song in means}, key=lambda genre: order.get(genre, 99))
    groups = {genre: [song for song in means if routed[song][0] == genre] for genre in genres}
    return [
        RoutingLine(
            genre=genre,
            n_songs=len(songs),
            routed_to=tuple(sorted({routed[song][1] for song in songs})),
            generic_db=_usdr(rows, dict.fromkeys(songs, generic)),
            routed_db=_usdr(rows, {song: routed[song][1] for song in songs}),
            oracle_db=_usdr(rows, {song: oracle[song] for song in songs}),
            oracle_models={
                model: count
                for model in candidates
                if (count := sum(oracle[song] == model for song in songs))
            },
        )
        for genre, songs in (groups | {ALL: list(means)}).items()
        if songs
    ]


def _usdr(rows: Iterable[Row], model_of_song: Mapping[str, str]) -> float:
    """Return the uSDR of songs that are each separated by a model of their own."""
    chosen = [
        dataclasses.replace(row, model=MEAN)
        for row in rows
        if model_of_song.get(row.song) == row.model
    ]
    summary = summarise(chosen)[MEAN]
    values = [
        summary[target]["usdr_db"]["mean"]
        for target in TARGETS
        if target in summary and "usdr_db" in summary[target]
    ]
    return round(statistics.fmean(values), 4)

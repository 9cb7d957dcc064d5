"""Tracks of a library whose genre its owner has told, with the artists that keep them apart."""

import dataclasses
import logging
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from libsep.config import GenreTrainingConfig
from libsep.errors import ConfigError, TrackError
from libsep.genre.names import GENERIC, GENRES
from libsep.genre.router import Router
from libsep.genre.table import fold
from libsep.library.walk import Walk
from libsep.media.tags import Header, read_header
from libsep.track import FoundFile, Track

logger = logging.getLogger(__name__)

_GUEST = re.compile(r"\s*(?:[,;&/]|\b(?:feat|ft|featuring|vs|with|x)\b).*")


@dataclasses.dataclass(frozen=True, slots=True)
class Example:
    """A track with a known genre; ``artist`` is whatever must not be on both sides of a split."""

    path: Path
    genre: str
    artist: str
    duration_s: float | None


def find_examples(config: GenreTrainingConfig, library: Path) -> list[Example]:
    """Return the tracks of a library whose tags or hints tell their genre, in a fixed order.

    Genres of too few artists are left out, and of an artist with many tracks in a genre only some
    are taken.

    Raises
    ------
    ConfigError
        The library cannot be walked, or fewer than two genres have enough artists.
    """
    router = Router(config.routing, default_model=GENERIC, available=(GENERIC,))
    walk = Walk(
        library,
        extensions=config.scan.extensions,
        exclude=config.scan.exclude,
        follow_symlinks=config.scan.follow_symlinks,
    )
    found = (_example(file, router) for file in walk)
    examples = _of_enough_artists([e for e in found if e is not None], config.min_artists, library)
    return _thinned(examples, config)


def artist_of(header: Header, source: Path) -> str:
    """Return the first artist of a track without guests; untagged, its folder stands for one."""
    artist = _GUEST.sub("", fold(header.artist))
    return artist or f"folder {source.parent.as_posix()}"


def counts(examples: Iterable[Example]) -> dict[str, tuple[int, int]]:
    """Return the number of tracks and of artists of each genre, in the order of `GENRES`."""
    examples = list(examples)
    tracks = Counter(example.genre for example in examples)
    artists = Counter(genre for genre, _ in {(e.genre, e.artist) for e in examples})
    return {genre: (tracks[genre], artists[genre]) for genre in GENRES if tracks[genre]}


def _example(file: FoundFile, router: Router) -> Example | None:
    try:
        header = read_header(file.path)
    except TrackError as exc:
        logger.warning("%s: left out: %s", file.path, exc)
        return None
    track = Track(
        path_name=file.path_name,
        source_name=file.source_name,
        output_name=file.source_name,
        size_bytes=file.size_bytes,
        mtime_ns=file.mtime_ns,
        genres=header.genres,
    )
    route = router.by_metadata(track)
    if route is None or route.genre not in GENRES or route.source == "option":
        return None
    artist = artist_of(header, file.source)
    return Example(file.path, route.genre, artist, header.duration_s)


def _of_enough_artists(examples: list[Example], minimum: int, library: Path) -> list[Example]:
    found = counts(examples)
    kept = {genre for genre, (_, n_artists) in found.items() if n_artists >= minimum}
    for genre, (n_tracks, n_artists) in found.items():
        if genre not in kept:
            logger.warning(
                "%s: left out: %d tracks of %d artists, but %d artists are needed to tell the "
                "genre from an artist", genre, n_tracks, n_artists, minimum,
            )  # fmt: skip
    if len(kept) < 2:
        told = ", ".join(f"{g}: {t} tracks of {a} artists" for g, (t, a) in found.items())
        raise ConfigError(
            f"{library}: {len(kept)} genres have {minimum} artists or more, expected at least two "
            f"(tags tell: {told or 'nothing'})"
        )
    return [example for example in examples if example.genre in kept]


def _thinned(examples: list[Example], config: GenreTrainingConfig) -> list[Example]:
    rng = np.random.default_rng(config.seed)
    few = _some(examples, lambda e: (e.genre, e.artist), config.max_tracks_per_artist, rng)
    return _some(few, lambda e: (e.genre,), config.max_tracks_per_genre, rng)


def _some(
    examples: list[Example],
    group_of: Callable[[Example], tuple[str, ...]],
    maximum: int,
    rng: np.random.Generator,
) -> list[Example]:
    """Return at most ``maximum`` examples of each group, chosen at random."""
    groups: dict[tuple[str, ...], list[Example]] = defaultdict(list)
    for example in examples:
        groups[group_of(example)].append(example)
    kept: list[Example] = []
    for _, group in sorted(groups.items()):
        chosen = rng.permutation(len(group))[:maximum]
        kept += [group[index] for index in sorted(chosen)]
    return kept

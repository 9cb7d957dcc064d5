"""The order of the tracks of a run: new ones first, or those of a playlist, or short ones."""

import dataclasses
import itertools
from collections.abc import Callable, Iterable
from pathlib import Path

from libsep.config import NightConfig
from libsep.dj.m3u import read_playlist
from libsep.genre.hints import comparable_paths, said_of
from libsep.library.plan import PlannedTrack
from libsep.track import Track

DAY_NS = 24 * 3600 * 10**9

Key = tuple[int, float]
"""What a rule says of a track: its urgency, and its place among those; 0 if that is shared."""


def prioritised(
    work: Iterable[PlannedTrack], config: NightConfig, *, now_s: float
) -> list[PlannedTrack]:
    """Return tracks in the order of ``config.order``, each with its rank.

    Each rule orders those that all rules before it leave equal; what is equal by all of them keeps
    its place. The rank is the class of urgency that ``new`` and the playlists make, from 0: tracks
    of one rank differ at most in length and in their places in the playlists.

    Parameters
    ----------
    work
        The tracks, in the order of the scan.
    config
        The rules.
    now_s
        The time, in seconds since 1970.

    Raises
    ------
    ConfigError
        A playlist cannot be read.
    """
    rules = [_rule(name, config, now_s) for name in config.order]
    keys = [(tuple(rule(planned.track) for rule in rules), planned) for planned in work]
    keys.sort(key=lambda item: item[0])  # stable
    classes = sorted({_class(key) for key, _ in keys})
    ranks = {each: rank for rank, each in enumerate(classes)}
    return [dataclasses.replace(planned, rank=ranks[_class(key)]) for key, planned in keys]


def _class(keys: tuple[Key, ...]) -> tuple[int, ...]:
    """Return the urgency by all rules, up to the one that gives the track a place of its own."""
    n_shared = sum(1 for _ in itertools.takewhile(lambda key: not key[1], keys))
    return tuple(urgency for urgency, _ in keys[: n_shared + 1])


def _rule(name: str, config: NightConfig, now_s: float) -> Callable[[Track], Key]:
    if name == "shortest":
        return lambda track: (0, track.expected_s)
    if name == "new":
        since_ns = now_s * 1e9 - config.new_days * DAY_NS
        return lambda track: (int(track.mtime_ns < since_ns), 0.0)
    return _in_playlist(Path(name.removeprefix("playlist:")).expanduser())


def _in_playlist(playlist: Path) -> Callable[[Track], Key]:
    places: dict[str, float] = {}
    for place, file in enumerate(read_playlist(playlist), start=1):
        for path in comparable_paths(file):
            places.setdefault(path, float(place))

    def key(track: Track) -> Key:
        place = said_of(track.path, places)
        return (1, 0.0) if place is None else (0, place)

    return key

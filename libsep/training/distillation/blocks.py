"""Which stretches of which tracks are labelled: all of a library evenly, in a bounded space."""

import dataclasses
import hashlib
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from libsep.config import LabelConfig
from libsep.errors import ConfigError
from libsep.media.decode import SAMPLE_RATE
from libsep.track import Track, path_to_text
from libsep.units import seconds_to_samples

LEAST_S = 5.0
"""Shorter tracks are left out."""

GOLDEN = (5**0.5 - 1) / 2
"""Steps of this share of a track leave no part of it out for long."""

SAMPLE_BYTES = 4
"""Of two channels in 16 bit."""

MOST = 1 / 3
"""Folders with more of the tracks than this, or than twice the share, are too much to hold back."""

NOTE_BYTES = 4096
"""What a label needs beside its samples, at most."""


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """A stretch of a track; ``is_held_back`` says that it judges and is never trained on."""

    track: Track
    start_s: float
    duration_s: float
    is_held_back: bool

    def n_bytes(self, n_sources: int) -> int:
        """Return the disk that its label takes at most."""
        n_samples = seconds_to_samples(self.duration_s, SAMPLE_RATE)
        return n_sources * (n_samples * SAMPLE_BYTES) + NOTE_BYTES


def plan_blocks(tracks: Sequence[Track], config: LabelConfig, n_sources: int) -> list[Block]:
    """Return what is labelled, in this order: any beginning of the list is spread over all tracks.

    First come the blocks that judge, one of each track that is held back. Then each other track
    has its first block, then each its second one, and so on, until the space is full. Which tracks
    are held back depends on their folders' names alone, so that it stays as a library grows.

    Parameters
    ----------
    tracks
        Of the library, or of a genre in it.
    config
        Length, space and share.
    n_sources
        Sources that a teacher gives.

    Raises
    ------
    ConfigError
        There are fewer than two tracks that are long enough, or the space is too small for two
        blocks.
    """
    usable = sorted(
        (track for track in tracks if track.expected_s >= LEAST_S), key=lambda t: _draw(t.source)
    )
    if len(usable) < 2:
        raise ConfigError(
            f"{len(usable)} tracks of {LEAST_S:.0f} s or more, expected two at least: one to learn "
            "from and one that judges"
        )
    held_back = _held_back(usable, config.held_back)
    judges = [
        next(_blocks_of(track, config.block_s, is_held_back=True))
        for track in usable
        if track.source in held_back
    ][: config.max_held_back]
    rounds = [
        _blocks_of(track, config.block_s, is_held_back=False)
        for track in usable
        if track.source not in held_back
    ]
    space = config.max_gb * 1e9
    needed = sum(block.n_bytes(n_sources) for block in judges)
    while needed > 0.5 * space and len(judges) > 1:
        needed -= judges.pop().n_bytes(n_sources)
    blocks: list[Block] = []
    for block in _in_turns(rounds):
        needed += block.n_bytes(n_sources)
        if needed > space:
            break
        blocks.append(block)
    if not blocks:
        raise ConfigError(f"labels.max_gb: {config.max_gb:g}, too little for two blocks")
    return judges + blocks


def _held_back(tracks: Sequence[Track], share: float) -> set[Path]:
    """Return the sources of tracks that judge: those of some folders.

    Where there is one folder, or those drawn hold far too many tracks, tracks are drawn instead.
    """
    groups: dict[Path, list[Path]] = {}
    for track in tracks:
        groups.setdefault(track.source.parent, []).append(track.source)
    held_back = _drawn(groups, share)
    if len(groups) == 1 or len(held_back) > max(MOST, 2 * share) * len(tracks):
        held_back = _drawn({track.source: [track.source] for track in tracks}, share)
    return held_back


def _drawn(groups: Mapping[Path, Sequence[Path]], share: float) -> set[Path]:
    """Return what is in a share of the groups: in one at least, and not in all."""
    drawn = sorted(groups, key=_draw)
    chosen = [group for group in drawn if _draw(group) < share] or drawn[:1]
    chosen = chosen[: len(drawn) - 1]
    return {source for group in chosen for source in groups[group]}


def _draw(path: Path) -> float:
    """Return a number from 0 to 1 that depends on a path alone."""
    digest = hashlib.sha256(os.fsencode(path)).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _blocks_of(track: Track, block_s: float, *, is_held_back: bool) -> Iterator[Block]:
    """Yield the blocks of a track, none of which overlap, the middle one first."""
    duration_s = track.expected_s
    length_s = min(block_s, duration_s)
    n_places = max(math.floor(duration_s / block_s), 1)
    width_s = duration_s / n_places
    seen: set[int] = set()
    turn = 0
    while len(seen) < n_places:
        place = math.floor(n_places * ((0.5 + turn * GOLDEN) % 1))
        turn += 1
        if place not in seen:
            seen.add(place)
            start_s = round(place * width_s + (width_s - length_s) / 2, 3)
            yield Block(track, start_s, length_s, is_held_back)


def _in_turns(rounds: Sequence[Iterator[Block]]) -> Iterator[Block]:
    left = list(rounds)
    while left:
        going = []
        for blocks in left:
            if (block := next(blocks, None)) is not None:
                yield block
                going.append(blocks)
        left = going


def describe(block: Block) -> str:
    """Return a block as people read it, for messages."""
    return f"{path_to_text(block.track.source)} at {block.start_s:.0f} s"

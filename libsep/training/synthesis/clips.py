"""Recorded sounds that the sampler plays: clips, kits, voices, and what else is in a collection."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int16

from libsep.datasets.audio_cache import FULL_SCALE, AudioCache
from libsep.datasets.songs import Song
from libsep.training.synthesis.midi import Score

Samples = Int16[np.ndarray, "2 _"]

ONSET = 0.03
"""A recording begins where it is louder than this share of its loudest sample."""


@dataclasses.dataclass(frozen=True, eq=False)
class Clip:
    """A short recording, decoded when it is first played.

    ``pitch``: its MIDI note (fractions allowed), where it has one. ``velocities``: how hard it
    was played, lowest and highest MIDI velocity that it stands for.
    """

    load: Callable[[], Samples]
    pitch: float | None = None
    velocities: tuple[int, int] = (0, 127)

    @functools.cached_property
    def samples(self) -> Samples:
        """The recording at full scale of 16 bits."""
        return self.load()

    def mono(self, start: int = 0, stop: int | None = None) -> Float32[np.ndarray, " T"]:
        """Return a stretch of the recording in one channel, at full scale ±1.0."""
        left, right = self.samples[:, start:stop]
        middle: np.ndarray = left.astype(np.float32)
        middle += right
        middle *= np.float32(0.5 / FULL_SCALE)
        return middle

    def stereo(self, stop: int | None = None) -> Float32[np.ndarray, "2 T"]:
        """Return the beginning of the recording, at full scale ±1.0."""
        both: np.ndarray = self.samples[:, :stop] * np.float32(1 / FULL_SCALE)
        return both


def from_onset(path: Path, cache: AudioCache) -> Callable[[], Samples]:
    """Return what reads a recording without the silence before its first sound."""

    def load() -> Samples:
        samples = cache.samples(path)
        level = np.abs(samples[:, : 2 * cache.sample_rate].astype(np.int32)).max(axis=0)
        first = int(np.argmax(level >= ONSET * level.max(initial=0)))
        return samples[:, max(first - 64, 0) :]

    return load


Strokes = Sequence[Mapping[str, Clip]]
"""A drum from soft to hard, each stroke by microphone; one-shots have one, called ``""``."""

Kit = Mapping[str, Sequence[Strokes]]
"""Class of drum (kick, snare, …), then the drums of that class."""


@dataclasses.dataclass(frozen=True, eq=False)
class Syllable:
    """A recorded syllable of a voice bank, from one vowel to the next.

    ``vowel``: what it ends with; ``fixed_s``: end of the consonant, after which the vowel may be
    lengthened; ``before_s``: what is sung before the beat; ``overlap_s``: cross-fade with the
    syllable before.
    """

    clip: Clip
    vowel: str
    fixed_s: float
    before_s: float
    overlap_s: float


@dataclasses.dataclass(frozen=True, eq=False)
class Register:
    """The syllables of a singer at one pitch, by the vowel before and the syllable.

    At the beginning of a phrase the vowel before is ``-``; there must be such syllables.
    """

    pitch: float
    syllables: Mapping[tuple[str, str], Syllable]


@dataclasses.dataclass(frozen=True)
class Groove:
    """A drum performance and what kind it is, such as ``rock/halftime``."""

    kind: str
    score: Score


@dataclasses.dataclass(frozen=True)
class Collection:
    """What the sampler plays.

    ``kits`` by name. ``notes``: target, then instrument, then notes. ``voices``: singer, then sung
    clips. ``singers``: voice banks, by singer. ``loops``: target, then loops. ``songs``: what has
    stems already.
    """

    songs: Sequence[Song] = ()
    loops: Mapping[str, Sequence[Clip]] = dataclasses.field(default_factory=dict)
    kits: Mapping[str, Kit] = dataclasses.field(default_factory=dict)
    notes: Mapping[str, Mapping[str, Sequence[Clip]]] = dataclasses.field(default_factory=dict)
    voices: Mapping[str, Sequence[Clip]] = dataclasses.field(default_factory=dict)
    singers: Mapping[str, Sequence[Register]] = dataclasses.field(default_factory=dict)
    impulse_responses: Sequence[Clip] = ()
    grooves: Sequence[Groove] = ()
    arrangements: Sequence[Score] = ()

    def joined(self, other: "Collection") -> "Collection":
        """Return both collections as one; where names are the same, the other's sounds count."""
        return Collection(
            songs=(*self.songs, *other.songs),
            loops=_joined_by_target(self.loops, other.loops),
            kits={**self.kits, **other.kits},
            notes={
                target: {**self.notes.get(target, {}), **other.notes.get(target, {})}
                for target in {**self.notes, **other.notes}
            },
            voices={**self.voices, **other.voices},
            singers={**self.singers, **other.singers},
            impulse_responses=(*self.impulse_responses, *other.impulse_responses),
            grooves=(*self.grooves, *other.grooves),
            arrangements=(*self.arrangements, *other.arrangements),
        )


def one_shot(clip: Clip) -> Strokes:
    """Return a drum that sounds the same however hard it is hit."""
    return ({"": clip},)


def _joined_by_target(
    first: Mapping[str, Sequence[Clip]], second: Mapping[str, Sequence[Clip]]
) -> dict[str, Sequence[Clip]]:
    targets = {**first, **second}
    return {target: (*first.get(target, ()), *second.get(target, ())) for target in targets}

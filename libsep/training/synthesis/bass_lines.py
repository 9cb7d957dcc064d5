"""What a bass plays: named figures, bar by bar."""

import dataclasses
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from libsep.training.synthesis.composition import Harmony, PlayedNote, rhythm

Figure = tuple[tuple[float | int, int], ...]
"""Onsets in beats, and what sounds there: steps of the scale above the root of the chord."""

LOWEST = 26
"""Lowest note of a bass: the D below its usual lowest string."""

LEADING = 99
"""Instead of a step: a half tone from the root of the next chord."""

_EIGHTHS = tuple(0.5 * step for step in range(8))
_SIXTEENTHS = tuple(0.25 * step for step in range(16))

BASS_LINES: Mapping[str, Figure] = MappingProxyType({
    "held": ((0, 0),),
    "sparse": ((0, 0), (1.75, 0), (2.5, 0)),
    "eighths": tuple((onset, 0) for onset in _EIGHTHS),
    "offbeat": tuple((onset, 0) for onset in (0.5, 1.5, 2.5, 3.5)),
    "sixteenths": tuple((onset, 0) for onset in _SIXTEENTHS if onset % 1),
    "gallop": tuple((onset, 0) for onset in _SIXTEENTHS if onset % 1 != 0.25),
    "octaves": tuple((onset, 7 * (onset % 1 == 0.5)) for onset in _EIGHTHS),
    "root_fifth": ((0, 0), (2, 4)),
    "walking": ((0, 0), (1, 2), (2, 4), (3, LEADING)),
    "funk": ((0, 0), (0.75, 0), (1.5, 7), (1.75, 0), (2.5, 4), (3, 7), (3.5, LEADING)),
    "reggae": ((0.5, 0), (1.5, 4), (2, 0), (3, 2)),
    "rhythm": (),
})  # fmt: skip
"""Figures by name; ``rhythm`` is another one in each song."""


def bass_line(harmony: Harmony, rng: np.random.Generator, name: str) -> list[PlayedNote]:
    """Return a bass part of one figure, with now and then another note or none."""
    figure = [
        (float(onset), step) for onset, step in BASS_LINES[name] if onset < harmony.beats_per_bar
    ]
    if not figure:
        onsets = rhythm(harmony, rng, rng.uniform(0, 0.5))
        steps = rng.choice([0, 0, 0, 4, 2, 7, -1], size=len(onsets))
        figure = [(onset, int(step)) for onset, step in zip(onsets, [0, *steps[1:]], strict=True)]
    octave = int(rng.choice([0, 1, 1, 1, 2]))
    shortness = 1.0 if rng.uniform() < 0.5 else rng.uniform(0.4, 0.95)
    ends = [onset for onset, _ in figure[1:]] + [float(harmony.beats_per_bar)]
    notes = []
    for bar in range(harmony.n_bars):
        for (onset, step), end in zip(figure, ends, strict=True):
            if rng.uniform() < 0.04:
                continue
            beat = float(bar * harmony.beats_per_bar + onset)
            pitch = _pitch(harmony, rng, beat, step, octave)
            start = harmony.swung(beat)
            notes.append(PlayedNote(start, (end - onset) * shortness, pitch, rng.uniform(0.7, 1)))
    return notes


def _pitch(harmony: Harmony, rng: np.random.Generator, beat: float, step: int, octave: int) -> int:
    degree = harmony.degree_at(beat)
    if step == LEADING:
        following = harmony.degree_at((beat + 1) % harmony.n_beats)
        pitch = harmony.pitch(following, octave) + int(rng.choice([-1, 1, -2, 2]))
    else:
        pitch = harmony.pitch(degree + step, octave)
    return pitch - 12 * (pitch > 55) + 12 * (pitch < LOWEST)


def following(riff: Sequence[PlayedNote]) -> list[PlayedNote]:
    """Return the lowest note of each onset of a guitar's riff, where a bass plays it.

    That is an octave lower, or where the guitar is, if the bass has no such string.
    """
    lowest: dict[float, PlayedNote] = {}
    for note in riff:
        before = lowest.get(note.start_beats)
        if before is None or note.pitch < before.pitch:
            lowest[note.start_beats] = note
    moved = [
        dataclasses.replace(note, pitch=note.pitch - 12 * (note.pitch - 12 >= LOWEST))
        for note in lowest.values()
    ]
    return sorted(moved, key=lambda note: note.start_beats)

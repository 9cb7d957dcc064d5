"""Random but plausible music on paper: key, chords, rhythms, melodies; no sound yet.

Everything is a loop of whole bars.
"""

import dataclasses

import numpy as np

from libsep.training.synthesis.chance import one_of, weighted
from libsep.training.synthesis.styles import Style

SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "harmonic": (0, 2, 3, 5, 7, 8, 11),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
}

PROGRESSIONS = (
    (0, 4, 5, 3), (5, 3, 0, 4), (0, 3, 4, 3), (0, 5, 3, 4), (1, 4, 0, 0), (0, 6, 5, 6),
    (0, 0, 3, 4), (0, 2, 3, 4), (5, 4, 3, 4), (0, 0, 0, 0), (0, 6, 3, 0), (0, 3, 0, 4),
)  # fmt: skip
"""Degrees of the scale, counted from 0, one for each chord."""

LOOP_S = (3.5, 10.5)
"""Shortest and longest loop, where a whole number of bars fits."""


@dataclasses.dataclass(frozen=True)
class PlayedNote:
    """A note of a part: when, how long (both in beats), MIDI pitch, and level from 0 to 1."""

    start_beats: float
    length_beats: float
    pitch: int
    level: float


@dataclasses.dataclass(frozen=True)
class Harmony:
    """What all parts of a piece agree on."""

    tempo_bpm: float
    beats_per_bar: int
    n_bars: int
    root: int
    scale: tuple[int, ...]
    degrees: tuple[int, ...]
    swing: float

    @property
    def beat_s(self) -> float:
        """Length of a beat in seconds."""
        return 60 / self.tempo_bpm

    @property
    def n_beats(self) -> int:
        """Length of the loop in beats."""
        return self.n_bars * self.beats_per_bar

    def degree_at(self, beat: float) -> int:
        """Return the degree of the chord that sounds at a beat."""
        return self.degrees[int(beat / self.n_beats * len(self.degrees)) % len(self.degrees)]

    def pitch(self, degree: int, octave: int) -> int:
        """Return the MIDI pitch of a degree of the scale (7 is an octave up)."""
        octaves, step = divmod(degree, len(self.scale))
        return 12 * (octave + 1 + octaves) + self.root + self.scale[step]

    def swung(self, beat: float) -> float:
        """Return a beat with its off-beat sixteenths or eighths delayed."""
        return beat + self.swing * (beat % 0.5 >= 0.25 or (self.swing > 0.1 and beat % 1 >= 0.5))

    def twice(self) -> "Harmony":
        """Return the loop played twice as one."""
        return dataclasses.replace(self, n_bars=2 * self.n_bars, degrees=2 * self.degrees)


def random_harmony(rng: np.random.Generator, style: Style) -> Harmony:
    """Return a random key, mode, progression and tempo of a style."""
    tempo_bpm = rng.uniform(*style.tempo_bpm)
    beats_per_bar = int(rng.choice(style.beats_per_bar))
    bar_s = beats_per_bar * 60 / tempo_bpm
    fitting = [n for n in (2, 4, 4, 8) if LOOP_S[0] <= n * bar_s <= LOOP_S[1]] or [4]
    return Harmony(
        tempo_bpm=tempo_bpm,
        beats_per_bar=beats_per_bar,
        n_bars=one_of(fitting, rng),
        root=int(rng.integers(12)),
        scale=SCALES[weighted(style.modes, rng)],
        degrees=one_of(PROGRESSIONS, rng),
        swing=float(rng.uniform(*style.swing) if rng.uniform() < 0.6 else style.swing[0]),
    )


def rhythm(harmony: Harmony, rng: np.random.Generator, density: float) -> list[float]:
    """Return the onsets of a bar in beats, on sixteenths; ``density`` from 0 to 1."""
    strength = np.tile([0.85, 0.2, 0.6, 0.3], harmony.beats_per_bar)
    strength[0] = 1
    onsets = np.flatnonzero(rng.uniform(size=len(strength)) < strength * (0.35 + density))
    return [0.25 * int(onset) for onset in onsets] or [0.0]


def chord_part(
    harmony: Harmony, rng: np.random.Generator, *, way: str, octaves: tuple[int, int] = (3, 6)
) -> list[PlayedNote]:
    """Return chords in a ``way``: ``held``, ``rhythm``, ``broken``, ``strummed`` or ``stabs``."""
    octave = int(rng.integers(*octaves))
    intervals = [(0, 2, 4), (0, 2, 4, 6), (0, 4, 7), (0, 4), (0, 2, 4, 7), (0, 1, 4)][
        rng.choice(6, p=[0.35, 0.2, 0.15, 0.08, 0.17, 0.05])
    ]
    if way == "strummed":
        intervals = (0, 4, 7, 9, 11, 14)[int(rng.integers(0, 3)) :]
    per_beat = 2 if harmony.tempo_bpm > 125 or rng.uniform() < 0.4 else 4
    dense = [step / per_beat for step in range(per_beat * harmony.beats_per_bar)]
    onsets = {"held": [0.0], "broken": dense, "stabs": rhythm(harmony, rng, 0.0)}.get(
        way, rhythm(harmony, rng, rng.uniform(0, 0.6))
    )
    strum_beats = rng.uniform(0.008, 0.05) if way == "strummed" else rng.uniform(0, 0.01)
    shortness = {"held": 1.0, "stabs": 0.3}.get(way, rng.uniform(0.3, 1.0))
    notes = []
    for beat, length, index in _bars(harmony, onsets):
        degree = harmony.degree_at(beat)
        pitches = [harmony.pitch(degree + interval, octave - 1) for interval in intervals]
        if way == "broken":
            pitches = [pitches[index % len(pitches)]]
        elif way == "strummed" and index % 2:
            pitches.reverse()
        level = rng.uniform(0.6, 1)
        for voice, pitch in enumerate(pitches):
            start = harmony.swung(beat) + strum_beats * voice
            notes.append(PlayedNote(start, length * shortness, pitch, level))
    return notes


def melody(
    harmony: Harmony, rng: np.random.Generator, low: int, high: int, density: float
) -> list[PlayedNote]:
    """Return phrases that walk through the scale between two pitches, with rests."""
    ladder = [harmony.pitch(degree, -1) for degree in range(7 * 11)]
    ladder = [pitch for pitch in ladder if low <= pitch <= high] or [low]
    place = int(rng.integers(len(ladder)))
    motif = rhythm(harmony, rng, density)
    notes = []
    for bar in range(harmony.n_bars):
        if rng.uniform() < 0.15:
            continue
        if rng.uniform() < 0.3:
            motif = rhythm(harmony, rng, density)
        for onset, end in zip(motif, [*motif[1:], harmony.beats_per_bar], strict=True):
            step = int(rng.choice([-3, -2, -1, -1, 0, 0, 1, 1, 2, 4]))
            place = min(max(place + step, 0), len(ladder) - 1)
            length = (end - onset) * rng.uniform(0.6, 1)
            start = harmony.swung(harmony.beats_per_bar * bar + onset)
            notes.append(PlayedNote(start, length, ladder[place], rng.uniform(0.6, 1)))
    return notes


def power_chords(harmony: Harmony, rng: np.random.Generator) -> list[PlayedNote]:
    """Return root, fifth and octave in a rhythm, often palm-muted eighths: a rock guitar."""
    is_muted = rng.uniform() < 0.4
    eighths = [0.5 * step for step in range(2 * harmony.beats_per_bar)]
    onsets = eighths if is_muted else rhythm(harmony, rng, rng.uniform(0, 0.5))
    shortness = rng.uniform(0.25, 0.6) if is_muted else rng.uniform(0.7, 1)
    notes = []
    for beat, length, index in _bars(harmony, onsets):
        root = harmony.pitch(harmony.degree_at(beat), 2)
        root -= 12 * (root > 50)
        for interval in (0, 7) if is_muted and index % 4 else (0, 7, 12):
            notes.append(PlayedNote(beat, length * shortness, root + interval, 1.0))
    return notes


def riff(harmony: Harmony, rng: np.random.Generator) -> list[PlayedNote]:
    """Return a low pentatonic figure of two bars, repeated, with fifths on some notes."""
    ladder = (0, 2, 3, 4, 6, 7, 9)
    n_steps = 8 * harmony.beats_per_bar
    chances = np.tile([0.75, 0.15, 0.45, 0.15], n_steps // 4)
    onsets = np.flatnonzero(rng.uniform(size=n_steps) < chances) / 4
    figure = [(float(onset), int(ladder[rng.integers(5)])) for onset in onsets] or [(0.0, 0)]
    ends = [onset for onset, _ in figure[1:]] + [n_steps / 4]
    notes = []
    for bar in range(0, harmony.n_bars, 2):
        for (onset, degree), end in zip(figure, ends, strict=True):
            pitch = harmony.pitch(degree, 2)
            pitch -= 12 * (harmony.root > 4)
            start = float(bar * harmony.beats_per_bar + onset)
            length = min(end - onset, 1.5) * 0.95
            notes.append(PlayedNote(start, length, pitch, rng.uniform(0.7, 1)))
            if rng.uniform() < 0.25:
                notes.append(PlayedNote(start, length, pitch + 7, rng.uniform(0.6, 1)))
    return [note for note in notes if note.start_beats < harmony.n_beats]


def _bars(harmony: Harmony, onsets: list[float]) -> list[tuple[float, float, int]]:
    """Return beat, length up to the next onset, and number in the bar, for all bars."""
    onsets = [onset for onset in onsets if onset < harmony.beats_per_bar]
    ends = [*onsets[1:], float(harmony.beats_per_bar)]
    return [
        (float(bar * harmony.beats_per_bar + onset), float(end - onset), index)
        for bar in range(harmony.n_bars)
        for index, (onset, end) in enumerate(zip(onsets, ends, strict=True))
    ]

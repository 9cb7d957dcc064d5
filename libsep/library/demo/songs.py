"""The demo songs, as patterns: what is played on which step of a bar."""

import dataclasses

CHORDS = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "maj7": (0, 4, 7, 11),
    "m7": (0, 3, 7, 10),
    "7": (0, 4, 7, 10),
    "sus": (0, 5, 7),
    "5": (0, 7, 12),
}
"""Semitones above the root."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Song:
    """A song of ``n_bars`` bars over a progression of one chord for each bar.

    A pattern is one bar: each letter is a step of the same length. In the patterns of the drums
    ``x`` hits and ``X`` hits hard (an open hi-hat). In that of the bass ``r``, ``3``, ``5``, ``8``
    begin the chord's root, third, fifth or octave, in that of the chords ``x`` begins the chord;
    ``-`` holds and ``.`` is silence. ``scale`` holds semitones above ``key`` (MIDI pitch) that the
    voice may sing. ``swing`` delays every second step by that part of a step. ``slope`` and
    ``decay_s`` are those of `sounds.note`, for the chords.
    """

    seed: int
    tempo_bpm: float
    n_bars: int
    key: int
    progression: tuple[tuple[int, str], ...]
    kick: str
    snare: str
    hat: str
    bass: str
    chords: str
    scale: tuple[int, ...]
    swing: float = 0.0
    ride: str = ""
    slope: float = 1.6
    decay_s: float = 0.8
    attack_s: float = 0.004
    drive: float = 0.0
    ducking: float = 0.0
    room_s: float = 0.8
    kick_hz: float = 150.0
    voice_level: float = 1.0
    drums_level: float = 1.0
    beats_per_bar: int = 4

    @property
    def bar_s(self) -> float:
        """Length of a bar, in seconds."""
        return 60.0 / self.tempo_bpm * self.beats_per_bar


MAJOR = (0, 2, 4, 7, 9)
MINOR = (0, 3, 5, 7, 10)
DORIAN = (0, 2, 3, 5, 7, 9, 10)

HOUSE = Song(
    seed=1, tempo_bpm=124.0, n_bars=16, key=57, scale=MINOR,
    progression=((57, "m7"), (53, "maj7"), (60, "maj7"), (55, "7")),
    kick="x...x...x...x...", snare="....x.......x...", hat="..X.x.X...X.x.Xx",
    bass="..r-..r-.r8...r.", chords="x--.x--..x--.x--",
    slope=1.3, decay_s=0.35, ducking=0.7, room_s=1.2, voice_level=0.7,
)  # fmt: skip

HIPHOP = Song(
    seed=2, tempo_bpm=88.0, n_bars=10, key=50, scale=MINOR, swing=0.28,
    progression=((50, "m7"), (50, "m7"), (55, "m7"), (57, "7")),
    kick="x..x..x...x.....", snare="....X.......X..x", hat="x.x.x.xxx.x.x.X.",
    bass="r---..r-5---..8.", chords="x-----..x-----..",
    slope=2.2, decay_s=1.2, kick_hz=120.0, room_s=0.5,
)  # fmt: skip

ROCK = Song(
    seed=3, tempo_bpm=138.0, n_bars=16, key=52, scale=MINOR,
    progression=((52, "5"), (48, "5"), (55, "5"), (50, "5")),
    kick="x.....x.x.x.....", snare="....X.......X...", hat="X.x.X.x.X.x.X.x.",
    bass="r.r.r.r.r.r.r.5.", chords="x-x-x-x-x-x-x-x-",
    slope=1.0, decay_s=1.5, drive=6.0, room_s=0.5, drums_level=1.2,
)  # fmt: skip

POP = Song(
    seed=4, tempo_bpm=116.0, n_bars=14, key=60, scale=MAJOR,
    progression=((60, ""), (55, ""), (57, "m"), (53, "maj7")),
    kick="x.....x.x.......", snare="....x.......x...", hat="x.x.x.x.x.x.x.X.",
    bass="r--r--r-5--5--8-", chords="x-----x---x-----",
    slope=1.8, decay_s=1.0, attack_s=0.02, room_s=1.0, voice_level=1.3,
)  # fmt: skip

JAZZ = Song(
    seed=5, tempo_bpm=152.0, n_bars=16, key=58, scale=DORIAN,
    progression=((60, "m7"), (53, "7"), (58, "maj7"), (55, "7")),
    kick="x.....x.....", snare=".....x..x..x", hat="...x.....x..",
    ride="x..x.xx..x.x", bass="r--3--5--8--", chords="..x-....x-..",
    slope=2.4, decay_s=0.9, room_s=0.9, kick_hz=90.0, drums_level=0.6,
)  # fmt: skip

FOLK = Song(
    seed=6, tempo_bpm=96.0, n_bars=12, key=62, scale=MAJOR, beats_per_bar=3,
    progression=((62, ""), (57, "sus"), (59, "m"), (55, "")),
    kick="x.....", snare="......", hat="..x.x.", bass="r---5-", chords="x-x-x-",
    slope=1.5, decay_s=1.6, room_s=0.7, kick_hz=80.0, voice_level=1.2, drums_level=0.35,
)  # fmt: skip

AMBIENT = Song(
    seed=7, tempo_bpm=72.0, n_bars=8, key=57, scale=MAJOR,
    progression=((57, "maj7"), (62, "maj7"), (54, "m7"), (52, "sus")),
    kick="x.......", snare="........", hat="..x...x.", bass="r-------", chords="x-------",
    slope=1.9, decay_s=4.0, attack_s=0.6, room_s=3.0, kick_hz=90.0, drums_level=0.5,
)  # fmt: skip

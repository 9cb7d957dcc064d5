"""Drum parts: human performances and machine patterns on random kits."""

import dataclasses
import fnmatch
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from libsep.training.synthesis import effects
from libsep.training.synthesis.chance import one_of
from libsep.training.synthesis.clips import Clip, Collection, Groove, Kit, Strokes
from libsep.training.synthesis.composition import Harmony
from libsep.training.synthesis.effects import Stereo
from libsep.training.synthesis.instruments import faded
from libsep.training.synthesis.midi import Note
from libsep.training.synthesis.session import Session, matching, place
from libsep.training.synthesis.styles import Style

CLASS_OF_PITCH = {
    35: "kick", 36: "kick", 38: "snare", 40: "snare", 37: "rim", 39: "clap", 22: "hat_closed",
    42: "hat_closed", 44: "hat_closed", 26: "hat_open", 46: "hat_open", 41: "tom", 43: "tom",
    45: "tom", 47: "tom", 48: "tom", 50: "tom", 58: "tom", 49: "crash", 52: "crash", 55: "crash",
    57: "crash", 51: "ride", 53: "ride", 59: "ride",
}  # fmt: skip
"""Class of drum for each key, of General MIDI and of a Roland TD-11 (the Groove MIDI Dataset)."""

CLASS_LEVEL_DB = {"kick": 0, "snare": -1, "clap": -3, "rim": -5, "hat_closed": -11,
                  "hat_open": -11, "ride": -11, "crash": -8, "tom": -3, "perc": -8}  # fmt: skip

BORROWED = {"rim": "snare", "clap": "snare", "hat_open": "hat_closed", "ride": "hat_closed",
            "crash": "ride"}  # fmt: skip
"""What is hit instead where no kit has the class."""

KICKS: Mapping[str, tuple[int, ...]] = MappingProxyType({
    "four": (0, 4, 8, 12), "half": (0, 8), "rock": (0, 8, 10), "double": (0, 2, 8, 10),
    "broken": (0, 6, 10), "garage": (0, 7, 10), "boombap": (0, 7, 10, 11),
    "trap": (0, 3, 6, 10, 13), "sparse": (0,), "none": (),
})  # fmt: skip
SNARES: Mapping[str, tuple[int, ...]] = MappingProxyType({
    "backbeat": (4, 12), "half": (8,), "rim": (4, 10), "none": (),
})  # fmt: skip
HATS: Mapping[str, tuple[float | int, ...]] = MappingProxyType({
    "eighths": tuple(range(0, 16, 2)), "off": (2, 6, 10, 14), "sixteenths": tuple(range(16)),
    "quarters": (0, 4, 8, 12), "ride": (0, 4, 7, 8, 12, 15), "none": (),
    "rolls": (0, 2, 4, 6, 7, 8, 10, 12, 12.5, 13, 13.5, 14, 14.67, 15.33),
})  # fmt: skip
"""Patterns of a bar, in sixteenths."""

SIDES = {"overhead L": -0.8, "overhead R": 0.8, "room L": -1.0, "room R": 1.0}
"""Where these microphones are heard; others are where the drum is."""

Hit = tuple[float, str, float]
"""When (in beats), class of the drum, level from 0 to 1."""


@dataclasses.dataclass(frozen=True)
class DrumPart:
    """The sound of the drums, and what is hit when."""

    sound: Stereo
    hits: Sequence[Hit]

    @property
    def kicks(self) -> list[float]:
        """The beats on which the kick is."""
        return [beat for beat, name, _ in self.hits if name == "kick"]


def drum_part(session: Session, notes: Sequence[Note] = ()) -> DrumPart:
    """Return a drum part at about full scale: hits, a kit, and the room it stands in.

    ``notes`` are those of an arrangement; without them the style decides.
    """
    rng, style = session.rng, session.style
    hits = groove_hits(notes, session.harmony) if notes else _styled_hits(session)
    kit = random_kit(session.collection, style, rng)
    microphones: dict[str, float] = {}
    canvas = session.silence()
    for name in sorted({name for _, name, _ in hits}):
        played = name if name in kit else BORROWED.get(name, "perc")
        if played in kit:
            strokes = [(beat, level) for beat, class_name, level in hits if class_name == name]
            _play(canvas, strokes, name, kit[played], session, microphones)
    return DrumPart(_mixed(canvas, session), hits)


def _styled_hits(session: Session) -> list[Hit]:
    rng, style = session.rng, session.style
    grooves = grooves_of(session.collection, style)
    if grooves and rng.uniform() < style.p_groove:
        score = one_of(grooves, rng).score
        return groove_hits(_stretch(score.notes, session.harmony, rng), session.harmony)
    return machine_hits(session.harmony, style, rng)


def grooves_of(collection: Collection, style: Style) -> list[Groove]:
    """Return the performances of a style; all of them, where none is of its kinds."""
    kinds = style.grooves
    fitting = [g for g in collection.grooves if any(fnmatch.fnmatchcase(g.kind, k) for k in kinds)]
    return fitting or list(collection.grooves)


def random_kit(collection: Collection, style: Style, rng: np.random.Generator) -> Kit:
    """Return a kit of the style; classes that it lacks, and some others, come from other kits."""
    kits = collection.kits
    names = matching(kits, style.kits) or list(kits)
    whole = [name for name in names if {"kick", "snare", "hat_closed"} <= set(kits[name])]
    base = dict(kits[one_of(whole, rng)]) if whole else {}
    p_other = rng.choice([0.0, 0.0, 0.3, 0.8])
    for name in CLASS_LEVEL_DB:
        if name not in base or rng.uniform() < p_other:
            having = [kit for kit in names if name in kits[kit]] or [
                k for k in kits if name in kits[k]
            ]
            if having:
                base[name] = kits[one_of(having, rng)][name]
    return base


def _stretch(notes: Sequence[Note], harmony: Harmony, rng: np.random.Generator) -> list[Note]:
    """Return a stretch of a performance as long as the loop, repeated if it is too short."""
    bar = harmony.beats_per_bar
    n_bars = max(int(notes[-1].start_beats // bar) + 1, 1)
    first = bar * int(rng.integers(max(n_bars - harmony.n_bars, 0) + 1))
    part = [note for note in notes if first <= note.start_beats < first + harmony.n_beats] or notes
    length = bar * min(n_bars, harmony.n_bars)
    return [
        dataclasses.replace(note, start_beats=repeat + note.start_beats - first)
        for repeat in range(0, harmony.n_beats, length)
        for note in part
        if repeat + note.start_beats - first < harmony.n_beats
    ]


def groove_hits(notes: Sequence[Note], harmony: Harmony) -> list[Hit]:
    """Return the hits of notes, those beyond the end of the loop left out."""
    return [
        (note.start_beats, CLASS_OF_PITCH.get(note.pitch, "perc"), (note.velocity / 127) ** 1.5)
        for note in notes
        if note.start_beats < harmony.n_beats
    ]


def machine_hits(harmony: Harmony, style: Style, rng: np.random.Generator) -> list[Hit]:
    """Return a pattern of the style as drum machines play it, with fills."""
    kick = KICKS[one_of(style.kicks, rng)]
    snare = SNARES[one_of(style.snares, rng)]
    hat_name = one_of(style.hats, rng)
    backbeat = str(rng.choice(["snare", "clap", "rim"], p=[0.6, 0.3, 0.1]))
    bar: list[tuple[str, float | int, float]] = [("kick", step, 1.0) for step in kick]
    bar += [(backbeat, step, 1.0) for step in snare]
    cymbal = "ride" if hat_name == "ride" else "hat_closed"
    bar += [(cymbal, step, 0.6 + 0.4 * (step % 4 == 0)) for step in HATS[hat_name]]
    if rng.uniform() < 0.3:
        bar += [("hat_open", step, 0.8) for step in range(2, 16, 4)]
    if rng.uniform() < 0.5:
        steps = np.flatnonzero(rng.uniform(size=16) < rng.uniform(0.1, 0.4))
        bar += [("perc", int(step), rng.uniform(0.4, 1)) for step in steps]
    bar = [(name, step, level) for name, step, level in bar if step < 4 * harmony.beats_per_bar]
    hits: list[Hit] = [(0.0, "crash", 1.0)] if rng.uniform() < 0.3 else []
    for index in range(harmony.n_bars):
        first = harmony.beats_per_bar * index
        is_fill = index % 4 == 3 and rng.uniform() < 0.5
        last_beat = 4 * (harmony.beats_per_bar - 1)
        kept = rng.uniform(size=len(bar)) > 0.04
        for (name, step, level), is_kept in zip(bar, kept.tolist(), strict=True):
            if is_kept and not (is_fill and step >= last_beat and name != "kick"):
                hits.append((harmony.swung(first + step / 4), name, level * rng.uniform(0.85, 1)))
        if is_fill:
            name = str(rng.choice(["tom", "snare"]))
            hits += [(first + (last_beat + i) / 4, name, rng.uniform(0.6, 1)) for i in range(4)]
    return hits


def _play(
    canvas: Stereo,
    strokes: Sequence[tuple[float, float]],
    name: str,
    drums: Sequence[Strokes],
    session: Session,
    microphones: dict[str, float],
) -> None:
    """Add all strokes of one class, with up to three drums of it, tuned, equalised and panned."""
    rng = session.rng
    n_drums = int(rng.integers(1, 4)) if name in ("tom", "perc") else 1
    gain = 10 ** ((CLASS_LEVEL_DB[name] + rng.normal(0, 3)) / 20)
    sounds = []
    for _ in range(n_drums):
        layers = one_of(drums, rng)
        middle = name in ("kick", "snare")
        position = rng.normal(0, 0.1) if middle else rng.uniform(-0.7, 0.7)
        shape = _Shape(2 ** (rng.uniform(-4, 4) / 12), position, rng, session.sample_rate)
        # Three strengths of a stroke are enough, and a third of the work.
        chosen = sorted({round(i * (len(layers) - 1) / 2) for i in range(3)})
        sounds.append([shape.sound(layers[i], microphones) for i in chosen])
    for beat, level in strokes:
        layered = sounds[rng.integers(n_drums)]
        sound = layered[min(int(level * len(layered)), len(layered) - 1)]
        loudness = level if len(layered) == 1 else 0.35 + 0.65 * level
        place(canvas, sound, session.sample_at(beat), loudness * gain)


class _Shape:
    """What is done to every stroke of one drum: tuning, length, equaliser, place."""

    def __init__(
        self, rate: float, position: float, rng: np.random.Generator, sample_rate: int
    ) -> None:
        self._rate, self._position, self._rng, self._sample_rate = rate, position, rng, sample_rate
        self._length_s = rng.uniform(0.05, 0.5) if rng.uniform() < 0.3 else rng.uniform(0.8, 2.0)
        self._is_wide = rng.uniform() < 0.4
        self._curve = (
            effects.random_equaliser(rng, sample_rate) if rng.uniform() < 0.5 else np.ones(2)
        )

    def sound(self, stroke: Mapping[str, Clip], microphones: dict[str, float]) -> Stereo:
        """Return a stroke, its microphones mixed; each has one gain in all of a song."""
        n_samples = int(self._length_s * self._rate * self._sample_rate)
        signals = [self._heard(name, clip, n_samples, microphones) for name, clip in stroke.items()]
        sound = np.zeros((2, effects.loop_length(max(s.shape[1] for s in signals))), np.float32)
        for signal in signals:
            n_kept = min(signal.shape[1], sound.shape[1])
            sound[:, :n_kept] += signal[:, :n_kept]
        if len(self._curve) > 2:
            sound = effects.filtered(sound, self._curve)
        sound = faded(effects.replayed(sound, self._rate), self._sample_rate)
        return sound / np.float32(max(float(np.abs(sound).max()), 1e-6))

    def _heard(
        self, microphone: str, clip: Clip, n_samples: int, microphones: dict[str, float]
    ) -> Stereo:
        """Return a stroke as a microphone hears it, panned to where that one is."""
        pair = microphone[:-1] if microphone in SIDES else microphone
        if pair not in microphones:
            microphones[pair] = 10 ** (self._rng.uniform(-15, 3) / 20) if pair else 1.0
        if not pair and self._is_wide:
            return clip.stereo(n_samples)
        position = SIDES.get(microphone, self._position)
        return effects.panned(clip.mono(0, n_samples) * np.float32(microphones[pair]), position)


def _mixed(canvas: Stereo, session: Session) -> Stereo:
    """Return the drums with room, saturation and compression, as the mixing desk sends them."""
    rng, style = session.rng, session.style
    if rng.uniform() < 0.4:
        canvas = effects.drive(canvas, rng.uniform(-6, 12))
    if rng.uniform() < 0.4:
        canvas = effects.compressed(canvas, rng.uniform(-24, -8), rng.uniform(2, 8))
    if rng.uniform() < 0.5:
        canvas = session.room.around(canvas, rng.uniform(*style.wet) * 0.7)
    return canvas

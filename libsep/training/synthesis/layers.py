"""Everything that has a pitch and is neither bass nor sung: one table of kinds, and how each plays.

A layer is one instrument or one doubled guitar: what it plays, on what, and through what.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from libsep.training.synthesis import effects
from libsep.training.synthesis.amplifiers import amplifier
from libsep.training.synthesis.chance import one_of
from libsep.training.synthesis.composition import (
    PlayedNote,
    chord_part,
    melody,
    power_chords,
    riff,
)
from libsep.training.synthesis.effects import Mono, Stereo
from libsep.training.synthesis.instruments import Instrument, SampledInstrument
from libsep.training.synthesis.session import Session, perform, place
from libsep.training.synthesis.styles import Range

Writer = Callable[[Session], Sequence[PlayedNote]]


def _chords(*ways: str) -> Writer:
    def write(session: Session) -> list[PlayedNote]:
        rng = session.rng
        return chord_part(session.harmony, rng, way=one_of(ways, rng))

    return write


def _line(low: int, high: int, density: float) -> Writer:
    def write(session: Session) -> list[PlayedNote]:
        rng = session.rng
        bottom = int(rng.integers(low, high))
        top = bottom + int(rng.integers(8, 22))
        return melody(session.harmony, rng, bottom, top, rng.uniform(0, density))

    return write


@dataclasses.dataclass(frozen=True)
class Layer:
    """A kind of layer.

    ``amplifier_db``: gain in front of a guitar amplifier, if there is one; ``is_bent``: notes have
    scoops and vibrato; ``p_double``: how often it is played twice, left and right; ``p_wah``: how
    often a pedal sweeps it.
    """

    writers: tuple[Writer, ...]
    instruments: tuple[str, ...]
    p_synthesiser: float = 0.0
    amplifier_db: Range | None = None
    p_double: float = 0.0
    is_bent: bool = False
    p_wah: float = 0.0


ELECTRIC = ("guitar-*", "*clean-guitar", "*muted-guitar", "electric-guitar*")
ACOUSTIC = ("*nylon*", "*steel-guitar", "acoustic-guitar*")
STRINGS = ("*strings*", "*violin", "*viola", "*cello", "*fiddle")
BRASS = ("*brass*", "*trumpet", "*trombone", "*french-horn", "*tuba")
SYNTHS = ("gen-*", "fluid-*pad", "fluid-*lead", "fluid-synth-strings*", "fluid-polysynth*")
SOLOISTS = ("*sax*", "*trumpet", "*flute", "*clarinet", "*oboe", "*violin", "*harmonica",
            "*trombone", "*fiddle", "*pan-flute", "*-lead")  # fmt: skip

LAYERS: Mapping[str, Layer] = MappingProxyType({
    "power_guitar": Layer((lambda s: power_chords(s.harmony, s.rng), _chords("rhythm")),
                          ELECTRIC, amplifier_db=(18, 46), p_double=0.75),
    "riff_guitar": Layer((lambda s: riff(s.harmony, s.rng),), ELECTRIC, amplifier_db=(6, 45),
                         p_double=0.5),
    "clean_guitar": Layer((_chords("strummed", "rhythm", "broken"),), ELECTRIC,
                          amplifier_db=(-10, 14), p_double=0.35),
    "wah_guitar": Layer((_chords("rhythm", "stabs"),), ELECTRIC, amplifier_db=(-6, 18), p_wah=0.6),
    "lead_guitar": Layer((_line(52, 66, 0.8),), (*ELECTRIC, "fluid-distortion*", "fluid-over*"),
                         amplifier_db=(0, 42), is_bent=True),
    "jazz_guitar": Layer((_chords("rhythm", "stabs"), _line(48, 60, 1.0)),
                         ("*jazz-guitar", "guitar-*"), amplifier_db=(-14, 4)),
    "acoustic_guitar": Layer((_chords("strummed", "broken"), _chords("strummed")), ACOUSTIC,
                             p_double=0.5),
    "piano": Layer((_chords("rhythm", "broken", "held"), _line(55, 72, 0.9)),
                   ("*piano", "piano*", "*grand*", "*honky*")),
    "electric_piano": Layer((_chords("rhythm", "held", "stabs"), _line(55, 72, 0.9)),
                            ("*electric-piano*", "*clavinet")),
    "organ": Layer((_chords("held", "rhythm"), _line(50, 66, 0.7)), ("*organ*", "*accordion")),
    "strings": Layer((_chords("held", "rhythm"), _line(52, 72, 0.4)), STRINGS),
    "brass": Layer((_chords("stabs", "held"), _line(52, 66, 0.7)), BRASS),
    "mallets": Layer((_chords("broken"), _line(60, 76, 0.8)),
                     ("*vibraphone", "*marimba", "*glocken*", "*kalimba", "*bells",
                      "*steel-drums")),
    "folk": Layer((_chords("broken", "strummed"), _line(55, 70, 0.8)),
                  ("*banjo", "*accordion", "*harmonica", "*fiddle", "*harp", "*sitar", "*koto",
                   "*shamisen", "*mandolin*")),
    "synth_pad": Layer((_chords("held"),), SYNTHS, p_synthesiser=0.55),
    "synth_chords": Layer((_chords("rhythm", "stabs"),), SYNTHS, p_synthesiser=0.55),
    "synth_arp": Layer((_chords("broken"),), SYNTHS, p_synthesiser=0.55),
    "synth_lead": Layer((_line(55, 76, 1.0),), SYNTHS, p_synthesiser=0.55, is_bent=True),
    "solo": Layer((_line(48, 70, 0.8),), SOLOISTS, is_bent=True),
    "texture": Layer((), ()),
})  # fmt: skip
"""Kinds of layers by name, as styles name them."""

_FAMILIES = ("piano", "mallets", "organ", "clean_guitar", "", "strings", "strings", "brass",
             "solo", "solo", "synth_lead", "synth_pad", "synth_pad", "folk",
             "mallets", "")  # fmt: skip
"""Kind of layer for each eight programs of General MIDI; basses and noises have none."""

_PROGRAMS = {4: "electric_piano", 5: "electric_piano", 7: "electric_piano", 24: "acoustic_guitar",
             25: "acoustic_guitar", 29: "power_guitar", 30: "power_guitar", 47: "",
             52: "", 53: "", 54: "", 85: "", 91: ""}  # fmt: skip
"""Programs that differ from their family: timpani and voices are left out."""


def layer_of_program(program: int) -> str:
    """Return the kind of layer that plays a program of General MIDI, or nothing."""
    return _PROGRAMS.get(program, _FAMILIES[program // 8])


def written(session: Session, kind: str) -> Sequence[PlayedNote]:
    """Return what a layer of a kind plays, where no arrangement says it."""
    return one_of(LAYERS[kind].writers, session.rng)(session)


def layer(session: Session, kind: str, notes: Sequence[PlayedNote] = ()) -> Stereo:
    """Return a layer of a kind, dry but for its own effects, at any level.

    ``notes`` are those of an arrangement; without them the layer writes its own.
    """
    rng, described = session.rng, LAYERS[kind]
    if not described.writers:
        return _texture(session)
    if not notes:
        notes = written(session, kind)
    instrument = session.instrument(
        "other", described.instruments, p_synthesiser=described.p_synthesiser
    )
    is_double = rng.uniform() < described.p_double
    gain_db = rng.uniform(*described.amplifier_db) if described.amplifier_db else None
    width = rng.uniform(0.5, 1) if is_double else rng.uniform(-0.7, 0.7)
    canvas = session.silence()
    for number, side in enumerate((-width, width) if is_double else (width,)):
        take = _take(session, described, notes, _another(instrument, number))
        if gain_db is not None:
            gain = gain_db + rng.uniform(-3, 3)
            take = amplifier(take, rng, session.sample_rate, gain)
        elif rng.uniform() < 0.7:
            take = effects.filtered(take, _curve(session))
        canvas += effects.panned(take, side)
    return _treated(canvas, session)


def _another(instrument: Instrument, number: int) -> Instrument:
    """Return an instrument whose notes sound a little different, as those of a second take do."""
    if isinstance(instrument, SampledInstrument):
        return dataclasses.replace(instrument, take=instrument.take + number)
    return instrument


def _take(
    session: Session, described: Layer, notes: Sequence[PlayedNote], instrument: Instrument
) -> Mono:
    """Return one performance, as exact as people play."""
    rng = session.rng
    if described.is_bent and rng.uniform() < 0.7:
        take = _bent(notes, instrument, session)
    else:
        take = perform(notes, instrument, session, looseness_beats=rng.uniform(0, 0.02))
    if rng.uniform() < described.p_wah:
        take = effects.wah(take, rng, session.sample_rate)
    return take


def _curve(session: Session) -> effects.Response:
    """Return what an equaliser makes of a layer without an amplifier."""
    rng, sample_rate = session.rng, session.sample_rate
    curve = effects.random_equaliser(rng, sample_rate)
    if rng.uniform() < 0.5:
        curve = curve * effects.high_pass(rng.uniform(60, 400), sample_rate)
    return curve


def _bent(notes: Sequence[PlayedNote], instrument: Instrument, session: Session) -> Mono:
    """Return a line as expressive as singing: scoops, bends and vibrato on every note."""
    rng, sample_rate = session.rng, session.sample_rate
    scoop, scoop_s = rng.uniform(0, 2), rng.uniform(0.02, 0.12)
    depth, rate_hz = rng.choice([0, 0.15, 0.3, 0.6]), rng.uniform(4, 7)
    longest = int(4.5 * sample_rate)
    time_s = np.arange(longest, dtype=np.float32) / np.float32(sample_rate)
    vibrato = np.float32(depth) * np.sin(np.float32(2 * np.pi * rate_hz) * time_s)
    vibrato *= np.minimum(time_s / np.float32(0.4), 1)
    fall = np.exp(time_s / np.float32(-scoop_s))
    speeds = {
        sign: np.exp2((vibrato - np.float32(sign * scoop) * fall) / 12) for sign in (1, 0, -0.3)
    }
    positions = {sign: np.cumsum(speed, dtype=np.float64) for sign, speed in speeds.items()}
    canvas = np.zeros(session.n_samples, np.float32)
    for note in notes:
        length_s = min(note.length_beats * session.harmony.beat_s, 4.0)
        sound = instrument.sound(note.pitch, length_s, note.level)
        position = positions[float(rng.choice([1, 0, -0.3]))][: len(sound)]
        bent = effects.warped(sound, position)
        place(canvas, bent, session.sample_at(note.start_beats), note.level)
    return canvas


def _treated(canvas: Stereo, session: Session) -> Stereo:
    """Return a layer with random chorus, tremolo and echo."""
    rng = session.rng
    if rng.uniform() < 0.15:
        canvas = effects.chorus(canvas, rng, session.sample_rate, rng.uniform(0.3, 1))
    if rng.uniform() < 0.08:
        turns = max(round(rng.uniform(2, 9) * session.harmony.n_beats * session.harmony.beat_s), 1)
        blocks = np.arange(session.n_samples // effects.BLOCK) * effects.BLOCK
        wave = np.sin(2 * np.pi * turns * blocks / session.n_samples)
        canvas = canvas * effects.gain_line(1 - rng.uniform(0.1, 0.4) * (1 + wave))
    if rng.uniform() < 0.2:
        delay = session.sample_at(float(rng.choice([0.5, 0.75, 1])))
        canvas = effects.echoed(canvas, delay, rng.uniform(0.2, 0.6), rng.uniform(0.1, 0.5))
    return canvas


def _texture(session: Session) -> Stereo:
    """Return noises and sounds without a beat, from the loops of the collection."""
    rng, loops = session.rng, session.collection.loops.get("other", ())
    notes = session.collection.notes.get("other", {})
    clips = [clip for name in notes if "texture" in name for clip in notes[name]] + list(loops)
    canvas = session.silence()
    for _ in range(int(rng.integers(1, 5)) if clips else 0):
        clip = one_of(clips, rng)
        sound = effects.replayed(clip.mono(), 2 ** (rng.uniform(-7, 7) / 12))
        placed = effects.panned(sound, rng.uniform(-0.8, 0.8))
        place(canvas, placed, int(rng.integers(session.n_samples)), rng.uniform(0.3, 1))
    return canvas

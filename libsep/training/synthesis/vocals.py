"""Sung parts: recorded voices whose pitch is bent to a melody."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

from libsep.training.synthesis import effects
from libsep.training.synthesis.chance import one_of
from libsep.training.synthesis.clips import Clip, Register
from libsep.training.synthesis.composition import PlayedNote, melody
from libsep.training.synthesis.effects import Mono, Stereo
from libsep.training.synthesis.instruments import faded
from libsep.training.synthesis.session import Session, place
from libsep.training.synthesis.singing import STEP, read_positions, sing_syllables


@dataclasses.dataclass(frozen=True)
class Singer:
    """A voice of the collection: sung stretches, or a bank of syllables; ``pitch`` is usual."""

    pitch: float
    clips: Sequence[Clip]
    registers: Sequence[Register]


def singers(session: Session) -> list[Singer]:
    """Return all voices of a collection that can sing."""
    collection = session.collection
    found = [
        Singer(float(np.median([clip.pitch or 60 for clip in clips])), clips, ())
        for clips in collection.voices.values()
    ]
    found += [
        Singer(float(np.median([register.pitch for register in registers])), (), registers)
        for registers in collection.singers.values()
    ]
    return found


def vocal_part(session: Session) -> Stereo:
    """Return a lead voice, sometimes doubled or in harmony, with the usual effects; or silence."""
    rng, choir = session.rng, singers(session)
    if not choir:
        return session.silence()
    singer = one_of(choir, rng)
    is_spoken = rng.uniform() < session.style.p_spoken
    low = int(singer.pitch + rng.uniform(-4, 4) - rng.uniform(3, 7))
    density = rng.uniform(0.4, 1) if is_spoken else rng.uniform(0, 0.5)
    notes = melody(session.harmony, rng, low, low + int(rng.uniform(6, 14)), density)
    canvas = effects.panned(sing(notes, singer, session, is_spoken=is_spoken), rng.normal(0, 0.1))
    for _ in range(int(rng.choice([0, 0, 0, 0, 1, 1, 2, 3]))):
        shift = int(rng.choice([0, 0, 12, -12, 4, 3, 7]))
        backing = singer if rng.uniform() < 0.6 else one_of(choir, rng)
        moved = [dataclasses.replace(note, pitch=note.pitch + shift) for note in notes]
        voice = sing(moved, backing, session, is_spoken=is_spoken)
        canvas += effects.panned(voice, rng.uniform(-1, 1)) * np.float32(rng.uniform(0.2, 0.8))
    return _produced(canvas, session)


def sing(notes: Sequence[PlayedNote], singer: Singer, session: Session, *, is_spoken: bool) -> Mono:
    """Return notes sung by a voice; speech keeps the pitch of each phrase, and wanders.

    Notes that follow each other closely are one phrase.
    """
    canvas = np.zeros(session.n_samples, np.float32)
    for phrase in phrases(notes):
        begin = phrase[0].start_beats
        length_beats = phrase[-1].start_beats + phrase[-1].length_beats - begin
        length_s = min(length_beats * session.harmony.beat_s, 7.0)
        pitch = _pitch_curve(phrase, length_s, session)
        if is_spoken:
            wander = np.cumsum(session.rng.normal(0, 0.15, len(pitch))).astype(np.float32)
            pitch = np.full_like(pitch, pitch.mean()) + wander
        if singer.registers:
            sound, early = sing_syllables(phrase, pitch, singer.registers, session)
        else:
            sound, early = _stretched(singer.clips, pitch, length_s, session), 0
        place(canvas, sound, session.sample_at(begin) - early, phrase[0].level)
    return canvas


def _stretched(clips: Sequence[Clip], pitch: Mono, length_s: float, session: Session) -> Mono:
    """Return a stretch of a recording, read at the speed of a pitch curve.

    The transitions between its syllables are those of the singer.
    """
    rng = session.rng
    clip = one_of(clips, rng)
    source = clip.mono()
    source /= max(float(np.abs(source).max()), 1e-4)
    speed = np.exp2(np.clip(pitch - np.float32(clip.pitch or 60), -9, 9) / 12)
    n_samples = max(int(length_s * session.sample_rate), 1)
    position = read_positions(speed, n_samples)
    room = len(source) - position[-1]
    position += rng.uniform(0, room) if room > 0 else 0
    n_heard = int(np.searchsorted(position, len(source)))
    return faded(effects.warped(source, position[: max(n_heard, 1)]), session.sample_rate)


def phrases(notes: Sequence[PlayedNote], rest_beats: float = 0.6) -> list[list[PlayedNote]]:
    """Return notes in groups with rests between them."""
    groups: list[list[PlayedNote]] = []
    end = -np.inf
    for note in notes:
        if note.start_beats - end > rest_beats or not groups:
            groups.append([])
        groups[-1].append(note)
        end = note.start_beats + note.length_beats
    return groups


def _pitch_curve(
    phrase: Sequence[PlayedNote], length_s: float, session: Session
) -> Float32[np.ndarray, " steps"]:
    """Return the pitch every `STEP` samples: glides between notes, vibrato, and a little drift."""
    rng, beat_s = session.rng, session.harmony.beat_s
    rate = session.sample_rate / STEP
    n_steps = int(length_s * rate) + 3
    time_s = np.arange(n_steps) / rate
    starts_s = [(note.start_beats - phrase[0].start_beats) * beat_s for note in phrase]
    index = np.searchsorted(starts_s, time_s, side="right") - 1
    pitch = np.array([note.pitch for note in phrase], np.float64)[np.maximum(index, 0)]
    n_glide = int(rng.integers(2, 18))
    kernel = np.ones(n_glide) / n_glide
    pitch = np.convolve(np.pad(pitch, (n_glide, n_glide), mode="edge"), kernel, "same")
    pitch = pitch[n_glide:-n_glide]
    depth, rate_hz = rng.choice([0, 0.15, 0.3, 0.6]), rng.uniform(4.5, 6.5)
    pitch = pitch + depth * np.sin(2 * np.pi * rate_hz * time_s) * np.minimum(time_s / 0.6, 1)
    curve: np.ndarray = pitch + np.cumsum(rng.normal(0, 0.015, n_steps))
    return curve.astype(np.float32)


def _produced(canvas: Stereo, session: Session) -> Stereo:
    """Return the voice as a mixing engineer would leave it."""
    rng, sample_rate = session.rng, session.sample_rate
    curve = effects.high_pass(rng.uniform(60, 180), sample_rate)
    curve = curve * effects.random_equaliser(rng, sample_rate, 5.0)
    if rng.uniform() < 0.06:  # telephone
        curve = curve * effects.high_pass(400.0, sample_rate, 4)
        curve = curve * effects.low_pass(3500.0, sample_rate)
    canvas = effects.filtered(canvas, curve)
    if rng.uniform() < 0.7:
        canvas = effects.compressed(canvas, rng.uniform(-30, -10), rng.uniform(2, 6))
    if rng.uniform() < 0.15:
        canvas = effects.drive(canvas, rng.uniform(3, 20))
    if rng.uniform() < 0.1:
        canvas = effects.chorus(canvas, rng, sample_rate, rng.uniform(0.3, 1))
    if rng.uniform() < 0.35:
        delay = session.sample_at(float(rng.choice([0.5, 0.75, 1, 0.25])))
        canvas = effects.echoed(canvas, delay, rng.uniform(0.2, 0.6), rng.uniform(0.1, 0.4))
    if rng.uniform() < 0.75:
        canvas = session.room.around(canvas, rng.uniform(*session.style.wet))
    return canvas

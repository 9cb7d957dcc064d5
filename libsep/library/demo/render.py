"""A demo song as samples."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Float32

from libsep.library.demo import sounds
from libsep.library.demo.songs import CHORDS, Song
from libsep.library.demo.sounds import SAMPLE_RATE

_PEAK = 0.9
_BASS_STEPS = {"r": 0, "3": 1, "5": 2, "8": 3}


def render(song: Song) -> Float32[np.ndarray, "2 T"]:
    """Return a song in stereo, with a peak of 0.9; equal songs give equal samples.

    The chords and the drums begin, the bass enters with the second bar and the voice with the
    third.
    """
    drums = _drums(song)
    bass = 0.35 * _bass(song)
    voice = sounds.voice(_melody(song), _length_s(song), seed=song.seed)
    other = _chords(song) * _ducking(song)
    other = sounds.reverberated(other, decay_s=song.room_s, wet=0.25)
    lead = sounds.reverberated(np.stack([voice, voice]), decay_s=song.room_s, wet=0.18)
    mixture = (
        0.8 * song.drums_level * drums
        + bass * _ducking(song)
        + 0.5 * _level(other)
        + 0.55 * song.voice_level * _level(lead)
    )
    left_s = _length_s(song) - np.arange(mixture.shape[1]) / SAMPLE_RATE
    mixture = np.tanh(0.6 * mixture) * np.clip(left_s / 0.5, 0, 1)
    samples: Float32[np.ndarray, "2 T"] = mixture.astype(np.float32)
    return samples * np.float32(_PEAK / np.abs(samples).max())


def _length_s(song: Song) -> float:
    return song.n_bars * song.bar_s


def _silence(song: Song) -> Float[np.ndarray, "2 T"]:
    return np.zeros((2, round(_length_s(song) * SAMPLE_RATE)))


def _level(signal: Float[np.ndarray, "2 T"]) -> Float[np.ndarray, "2 T"]:
    """Return ``signal`` with a loud moment (its 99th percentile) at 0.6."""
    return 0.6 / max(float(np.percentile(np.abs(signal), 99)), 1e-6) * signal


def _add(
    goal: Float[np.ndarray, "2 T"],
    sound: Float[np.ndarray, " L"],
    start_s: float,
    *,
    gain: float = 1.0,
    pan: float = 0.0,
) -> None:
    """Add a sound to ``goal``, in place; ``pan`` runs from -1 (left) to 1 (right)."""
    start = round(start_s * SAMPLE_RATE)
    part = sound[: max(0, goal.shape[1] - start)]
    angle = (pan + 1) * np.pi / 4
    goal[0, start : start + part.size] += np.sqrt(2) * np.cos(angle) * gain * part
    goal[1, start : start + part.size] += np.sqrt(2) * np.sin(angle) * gain * part


def _steps(song: Song, pattern: str) -> Iterator[tuple[int, float, float, str, int]]:
    """Yield bar, start and step length in seconds, letter, and how many steps it is held."""
    step_s = song.bar_s / max(len(pattern), 1)
    for bar in range(song.n_bars):
        for index, letter in enumerate(pattern):
            rest = pattern[index + 1 :]
            n_held = 1 + len(rest) - len(rest.lstrip("-"))
            start_s = bar * song.bar_s + (index + song.swing * (index % 2)) * step_s
            if letter not in ".-":
                yield bar, start_s, step_s, letter, n_held


def _drums(song: Song) -> Float[np.ndarray, "2 T"]:
    drums = _silence(song)
    rng = np.random.default_rng(song.seed)
    is_break = song.n_bars // 2 - 1
    parts = (
        (song.kick, sounds.kick(song.kick_hz), sounds.kick(song.kick_hz), 1.0, 0.0),
        (song.snare, sounds.snare(0.07), sounds.snare(0.12), 0.7, 0.05),
        (song.hat, sounds.hat(0.025), sounds.hat(0.14), 0.35, 0.3),
        (song.ride, sounds.ride(), sounds.ride(), 0.6, -0.35),
    )
    for pattern, normal, accented, gain, pan in parts:
        for bar, start_s, _, letter, _ in _steps(song, pattern):
            if bar == is_break and pattern == song.kick:
                continue
            human = gain * rng.uniform(0.75, 1.0)
            _add(drums, accented if letter == "X" else normal, start_s, gain=human, pan=pan)
    return drums


def _bass(song: Song) -> Float[np.ndarray, "2 T"]:
    bass = _silence(song)
    for bar, start_s, step_s, letter, n_held in _steps(song, song.bass):
        root, quality = song.progression[bar % len(song.progression)]
        intervals = (*CHORDS[quality][:3], 12)
        pitch = (root - 24) + intervals[_BASS_STEPS[letter]]
        if bar > 0:
            sound = sounds.note(pitch, n_held * step_s, slope=2.0, decay_s=0.7)
            _add(bass, sound, start_s)
    return bass


def _chords(song: Song) -> Float[np.ndarray, "2 T"]:
    chords = _silence(song)
    for bar, start_s, step_s, _, n_held in _steps(song, song.chords):
        root, quality = song.progression[bar % len(song.progression)]
        for index, interval in enumerate(CHORDS[quality]):
            sound = sounds.note(
                root + interval,
                n_held * step_s,
                slope=song.slope,
                decay_s=song.decay_s,
                attack_s=song.attack_s,
            )
            _add(chords, sound, start_s + 0.012 * index, gain=0.3, pan=0.7 * (-1) ** index)
    return np.tanh(song.drive * chords) / song.drive if song.drive else chords


def _ducking(song: Song) -> Float[np.ndarray, " T"]:
    """Return the gain that makes room for each beat of the bass drum, as in club music."""
    gain = np.ones(round(_length_s(song) * SAMPLE_RATE))
    dip = 1 - song.ducking * np.exp(-sounds.time_axis_s(0.4) * 9)
    for _, start_s, _, _, _ in _steps(song, song.kick):
        start = round(start_s * SAMPLE_RATE)
        part = dip[: gain.size - start]
        gain[start : start + part.size] = np.minimum(gain[start : start + part.size], part)
    return gain


def _melody(song: Song) -> list[tuple[float, float, int]]:
    """Return a sung line: a walk up and down the scale, in phrases of two bars with a breath."""
    rng = np.random.default_rng(song.seed + 100)
    pitches = [song.key + 12 * octave + step for octave in (-1, 0, 1) for step in song.scale]
    position = len(song.scale)
    beat_s = song.bar_s / song.beats_per_bar
    notes = []
    for phrase in range(2, song.n_bars - 1, 2):
        start_s = phrase * song.bar_s
        end_s = start_s + 2 * song.bar_s - beat_s
        while start_s < end_s - 0.01:
            held_s = min(beat_s * float(rng.choice([0.5, 0.5, 1.0, 1.5])), end_s - start_s)
            notes.append((start_s, held_s * 0.92, pitches[position]))
            move = int(rng.choice([-2, -1, -1, 0, 1, 1, 2]))
            position = int(np.clip(position + move, 2, len(pitches) - 3))
            start_s += held_s
    return notes

"""What the parts of a synthetic song share, and how their notes are laid on a loop."""

import dataclasses
import fnmatch
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float32

from libsep.training.synthesis import effects
from libsep.training.synthesis.chance import one_of
from libsep.training.synthesis.clips import Collection
from libsep.training.synthesis.composition import Harmony, PlayedNote
from libsep.training.synthesis.effects import Mono, Stereo
from libsep.training.synthesis.instruments import Instrument, SampledInstrument, random_synthesiser
from libsep.training.synthesis.rooms import Room
from libsep.training.synthesis.styles import Style


@dataclasses.dataclass(frozen=True)
class Session:
    """Material, genre, music, chance, place, and a loop of ``n_samples`` that is to be filled."""

    collection: Collection
    style: Style
    harmony: Harmony
    rng: np.random.Generator
    room: Room
    n_samples: int
    sample_rate: int

    def twice(self) -> "Session":
        """Return a session whose loop is this one played twice."""
        return dataclasses.replace(self, harmony=self.harmony.twice(), n_samples=2 * self.n_samples)

    def silence(self) -> Stereo:
        """Return an empty loop."""
        return np.zeros((2, self.n_samples), np.float32)

    def sample_at(self, beat: float) -> int:
        """Return the sample at which a beat begins."""
        return int(beat / self.harmony.n_beats * self.n_samples)

    def instrument(
        self, target: str, patterns: Sequence[str], *, p_synthesiser: float = 0.0
    ) -> Instrument:
        """Return a sampled instrument whose name fits a pattern; without one, a synthesiser."""
        rng, notes = self.rng, self.collection.notes.get(target, {})
        names = matching(notes, patterns)
        if not names or rng.uniform() < p_synthesiser:
            return random_synthesiser(rng, self.sample_rate, is_bass=target == "bass")
        clips = [clip for clip in notes[one_of(names, rng)] if clip.pitch]
        if not clips:
            return random_synthesiser(rng, self.sample_rate, is_bass=target == "bass")
        return SampledInstrument(clips, self.sample_rate, take=int(rng.integers(12)))


def matching(names: Mapping[str, object], patterns: Sequence[str]) -> list[str]:
    """Return the names that fit one of several glob patterns."""
    return [name for name in names if any(fnmatch.fnmatchcase(name, p) for p in patterns)]


def perform(
    notes: Sequence[PlayedNote],
    instrument: Instrument,
    session: Session,
    *,
    looseness_beats: float = 0.0,
) -> Mono:
    """Play a part on a loop; notes of the same pitch, length and loudness sound the same."""
    rng, beat_s = session.rng, session.harmony.beat_s
    canvas = np.zeros(session.n_samples, np.float32)
    sounds: dict[tuple[int, int, int], Mono] = {}
    late = rng.normal(0, looseness_beats, len(notes)) if looseness_beats else np.zeros(len(notes))
    for note, delay in zip(notes, late.tolist(), strict=True):
        length_s = max(note.length_beats * beat_s, 0.06)
        key = (note.pitch, int(length_s * 16), int(note.level * 4))
        if key not in sounds:
            sounds[key] = instrument.sound(note.pitch, length_s, note.level)
        place(canvas, sounds[key], session.sample_at(note.start_beats + delay), note.level)
    return canvas


def place(
    canvas: Float32[np.ndarray, "*lead T"],
    sound: Float32[np.ndarray, "*lead _"],
    start: int,
    gain: float,
) -> None:
    """Add a sound to a loop from sample ``start`` on; what is beyond the end comes first."""
    n_samples = canvas.shape[-1]
    start %= n_samples
    sound = sound[..., :n_samples] * np.float32(gain)
    n_before = min(sound.shape[-1], n_samples - start)
    canvas[..., start : start + n_before] += sound[..., :n_before]
    if n_before < sound.shape[-1]:
        canvas[..., : sound.shape[-1] - n_before] += sound[..., n_before:]


def ducked(signal: Stereo, kicks: Sequence[float], session: Session, depth: float) -> Stereo:
    """Lower a loop at every kick, as a compressor does that listens to it; from 0 to 1 deep."""
    n_blocks = signal.shape[1] // effects.BLOCK
    recovery_s = session.rng.uniform(0.08, 0.3)
    age_s = np.arange(n_blocks) * (effects.BLOCK / session.sample_rate)
    dip = depth * np.exp(-((age_s / recovery_s) ** 2))
    gain = np.ones(n_blocks)
    for kick in kicks:
        first = session.sample_at(kick) // effects.BLOCK % n_blocks
        gain = np.minimum(gain, 1 - np.roll(dip, first))
    lowered: np.ndarray = signal * effects.gain_line(gain)
    return lowered

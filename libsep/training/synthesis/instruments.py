"""Things that turn a note into sound: sampled instruments and random synthesisers."""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float32

from libsep.training.synthesis.chance import one_of
from libsep.training.synthesis.clips import Clip
from libsep.training.synthesis.effects import Mono, replayed

N_TABLE = 4096
TABLE_BITS = 12
RELEASE_S = 0.04
LONGEST_S = 5.0
"""Longer notes end here."""


@dataclasses.dataclass(frozen=True, eq=False)
class SampledInstrument:
    """Recorded notes; a pitch between them is the nearest one, played faster or slower.

    ``take``: which of several recordings of the same note is played.
    """

    clips: Sequence[Clip]
    sample_rate: int
    take: int = 0

    def sound(self, pitch: int, length_s: float, level: float) -> Mono:
        """Return the nearest note of this loudness, resampled, with a short fade at the end."""
        clip = self._nearest(pitch, round(127 * level))
        rate = 2 ** ((pitch - (clip.pitch or pitch)) / 12)
        n_source = int(min(length_s, LONGEST_S) * rate * self.sample_rate) + 4
        return faded(replayed(clip.mono(0, n_source), rate), self.sample_rate)

    def _nearest(self, pitch: int, velocity: int) -> Clip:
        """Return the clip nearest in pitch; of several, one that was played about as hard."""
        pitches, lowest, highest = self._ranges
        distance = 1000 * np.abs(pitches - pitch)
        distance += np.maximum(np.maximum(lowest - velocity, velocity - highest), 0)
        takes = np.flatnonzero(distance == distance.min())
        return self.clips[int(takes[self.take % len(takes)])]

    @functools.cached_property
    def _ranges(self) -> Float[np.ndarray, "3 clips"]:
        return np.array([(clip.pitch or 60.0, *clip.velocities) for clip in self.clips]).T


@dataclasses.dataclass(frozen=True, eq=False)
class Synthesiser:
    """A wavetable of two brightnesses with several detuned voices, or two-operator FM.

    ``harmonics``: amplitudes; ``bright`` and ``dark``: harmonic above which each table falls off.
    ``detune``: frequency of each voice, relative to the note's. ``fm``: ratio of the modulator's
    frequency and depth in radians.
    """

    harmonics: Float[np.ndarray, " K"]
    bright: float
    dark: float
    decay_s: float
    attack_s: float
    sustain: float
    detune: tuple[float, ...]
    fm: tuple[float, float] | None
    sample_rate: int

    def sound(self, pitch: int, length_s: float, level: float) -> Mono:
        """Return the note at about full scale; ``level`` changes nothing but the loudness."""
        frequency_hz = 440 * 2 ** ((pitch - 69) / 12)
        n_samples = int((min(length_s, LONGEST_S) + RELEASE_S) * self.sample_rate)
        decay = self._decay[:n_samples]
        if self.fm is None:
            wave = self._mixed_tables(frequency_hz, n_samples, decay)
        else:
            wave = self._modulated(frequency_hz, n_samples, decay)
        envelope = np.float32(1 - self.sustain) * decay
        envelope += np.float32(self.sustain)
        n_attack = min(max(int(self.attack_s * self.sample_rate), 1), n_samples)
        envelope[:n_attack] *= np.linspace(0, 1, n_attack, dtype=np.float32)
        wave *= envelope
        return faded(wave, self.sample_rate)

    def _mixed_tables(self, frequency_hz: float, n_samples: int, decay: Mono) -> Mono:
        dark, bright = (self._table(frequency_hz, edge) for edge in (self.dark, self.bright))
        gloom, shine = np.zeros(n_samples, np.float32), np.zeros(n_samples, np.float32)
        for number, detune in enumerate(self.detune):
            index = self._phase(frequency_hz * detune, n_samples, number / len(self.detune))
            gloom += dark.take(index)
            shine += bright.take(index)
        shine -= gloom
        shine *= decay
        shine += gloom
        shine /= np.float32(len(self.detune) ** 0.5)
        return shine

    def _modulated(self, frequency_hz: float, n_samples: int, decay: Mono) -> Mono:
        assert self.fm is not None
        ratio, depth = self.fm
        modulator = _sine().take(self._phase(frequency_hz * ratio, n_samples, 0.0))
        modulator *= decay * np.float32(depth / (2 * np.pi) * N_TABLE)
        index = self._phase(frequency_hz, n_samples, 0.0) + modulator.astype(np.int32)
        return _sine().take(index & (N_TABLE - 1))

    def _phase(self, frequency_hz: float, n_samples: int, start: float) -> np.ndarray:
        """Return the place in the table at every sample; whole turns overflow, as they should."""
        step = np.uint32(round(frequency_hz / self.sample_rate * 2**32) % 2**32)
        phase = np.arange(n_samples, dtype=np.uint32) * step + np.uint32(start * 2**32 % 2**32)
        return (phase >> np.uint32(32 - TABLE_BITS)).astype(np.int32)

    @functools.cached_property
    def _decay(self) -> Mono:
        n_samples = int((LONGEST_S + RELEASE_S) * self.sample_rate)
        time_s = np.arange(n_samples, dtype=np.float32) / np.float32(self.sample_rate)
        decay: np.ndarray = np.exp(time_s / np.float32(-self.decay_s))
        return decay

    def _table(self, frequency_hz: float, edge: float) -> Float32[np.ndarray, " period"]:
        """Return one period of the sound, limited to below the Nyquist frequency."""
        number = np.arange(1, len(self.harmonics) + 1)
        amplitudes = self.harmonics / (1 + (number / edge) ** 4)
        amplitudes = amplitudes * (number * frequency_hz < 0.45 * self.sample_rate)
        spectrum = np.zeros(N_TABLE // 2 + 1, np.complex128)
        spectrum[1 : len(number) + 1] = -0.5j * N_TABLE * amplitudes
        table = np.fft.irfft(spectrum)
        scaled: np.ndarray = (table / max(float(np.abs(table).max()), 1e-9)).astype(np.float32)
        return scaled


Instrument = SampledInstrument | Synthesiser
"""Plays a note as ``sound(pitch, length_s, level)``; the same note always sounds the same."""


def random_synthesiser(rng: np.random.Generator, sample_rate: int, *, is_bass: bool) -> Synthesiser:
    """Return a synthesiser of random wave, filter, envelope and width."""
    number = np.arange(1, 257)
    odd = number % 2
    waves = [
        1 / number,
        odd / number,
        odd / number**2,
        np.abs(np.sin(np.pi * number * rng.uniform(0.1, 0.5))) / number,
        np.where(number <= 9, rng.uniform(0, 1, 256) ** 2, 0),
        (number == 1) + 0.3 * (number == 2) * rng.uniform(),
    ]
    n_voices = 1 if rng.uniform() < (0.7 if is_bass else 0.4) else int(rng.integers(2, 6))
    spread_cents = rng.uniform(2, 25)
    is_plucked = rng.uniform() < 0.5
    dark = np.exp(rng.uniform(np.log(1.5), np.log(30)))
    return Synthesiser(
        harmonics=one_of(waves, rng),
        bright=dark * np.exp(rng.uniform(0, 3)),
        dark=dark,
        decay_s=np.exp(rng.uniform(np.log(0.05), np.log(1.0))),
        attack_s=rng.uniform(0.002, 0.01) if is_plucked or is_bass else rng.uniform(0.01, 0.3),
        sustain=rng.uniform(0, 0.3) if is_plucked else rng.uniform(0.5, 1),
        detune=tuple(
            float(2 ** (cents / 1200))
            for cents in np.linspace(-spread_cents, spread_cents, n_voices)
        )
        if n_voices > 1
        else (1.0,),
        fm=(float(rng.choice([0.5, 1, 1, 2, 3, 3.5, 7])), rng.uniform(0.5, 6))
        if rng.uniform() < 0.25
        else None,
        sample_rate=sample_rate,
    )


def faded(sound: Float32[np.ndarray, "*lead T"], sample_rate: int) -> np.ndarray:
    """Let the last `RELEASE_S` seconds of a sound fall to zero, in place; return it."""
    n_fade = min(int(RELEASE_S * sample_rate), sound.shape[-1])
    if n_fade:
        sound[..., -n_fade:] *= np.linspace(1, 0, n_fade, dtype=np.float32)
    return sound


@functools.cache
def _sine() -> Float32[np.ndarray, " period"]:
    period: np.ndarray = np.sin(2 * np.pi * np.arange(N_TABLE) / N_TABLE).astype(np.float32)
    return period

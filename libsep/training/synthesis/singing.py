"""Phrases sung from the syllables of a voice bank: joined vowel to consonant to vowel.

Each syllable of such a bank begins in the vowel of the one before; so two of them are joined where
both are the same vowel, and no consonant is ever cut.
"""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float32

from libsep.training.synthesis.chance import one_of
from libsep.training.synthesis.clips import Register, Syllable
from libsep.training.synthesis.composition import PlayedNote
from libsep.training.synthesis.effects import Mono, rms, warped
from libsep.training.synthesis.session import Session

STEP = 256
"""Samples between two values of a pitch curve."""

REST = "-"
"""What a syllable at the beginning of a phrase follows."""

N_ANALYSED = 4096
CLEAR = 0.5
"""Autocorrelation, from 0 to 1, above which a sound has a pitch."""


@dataclasses.dataclass(frozen=True)
class _Sung:
    """A syllable ready to be sung.

    ``body`` up to the end of the vowel; ``loop`` lengthens it, as often as wanted. ``n_before``
    and ``n_overlap``: samples before the beat, and of the cross-fade with the syllable before.
    """

    body: Mono
    loop: Mono
    n_before: int
    n_overlap: int
    pitch: float

    def long_enough(self, n_samples: int) -> Mono:
        n_loops = max(-(-(n_samples - len(self.body)) // max(len(self.loop), 1)), 0)
        return np.concatenate([self.body, *[self.loop] * n_loops])


def sing_syllables(
    phrase: Sequence[PlayedNote],
    pitch: Float32[np.ndarray, " steps"],
    registers: Sequence[Register],
    session: Session,
) -> tuple[Mono, int]:
    """Return a phrase sung on random syllables, and the samples of it that are before its beat.

    ``pitch`` is given every `STEP` samples from the beat on.
    """
    rng, rate = session.rng, session.sample_rate
    mean = float(pitch.mean())
    register = min(registers, key=lambda one: abs(one.pitch - mean))
    chosen = [_sung(syllable, register.pitch, rate) for syllable in _words(phrase, register, rng)]
    starts = [
        int((note.start_beats - phrase[0].start_beats) * session.harmony.beat_s * rate)
        for note in phrase
    ]
    end = min(starts[-1] + int(phrase[-1].length_beats * session.harmony.beat_s * rate),
              (len(pitch) - 2) * STEP)  # fmt: skip
    lead = chosen[0].n_before
    canvas = np.zeros(lead + max(end, 1) + int(0.15 * rate), np.float32)
    for index, (sung, note) in enumerate(zip(chosen, phrase, strict=True)):
        is_last = index + 1 == len(chosen)
        after = None if is_last else chosen[index + 1]
        begin = lead + starts[index] - sung.n_before
        if after is None:
            stop = len(canvas)
        else:
            stop = lead + starts[index + 1] - after.n_before + after.n_overlap
            stop = min(stop, len(canvas))
        if (index and begin < 0) or stop - begin < 4 * STEP:
            continue
        speed = np.exp2((pitch - np.float32(sung.pitch)) / 12)
        first = min(max((begin - lead) // STEP, 0), len(speed) - 1)
        position = read_positions(speed[first:], stop - begin)
        sound = warped(sung.long_enough(int(position[-1]) + 8), position)
        sound *= np.float32(0.2 * (0.5 + 0.5 * note.level) / max(rms(sound), 1e-4))
        n_out = sung.n_overlap * 2 if after is None else after.n_overlap
        _cross_fade(sound, sung.n_overlap, n_out)
        canvas[max(begin, 0) : stop] += sound[max(-begin, 0) :][: stop - max(begin, 0)]
    return canvas, lead


def read_positions(speed: Float32[np.ndarray, " steps"], n_samples: int) -> Float[np.ndarray, " T"]:
    """Return where a source is read at every sample, for speeds given every `STEP` samples."""
    line = np.interp(np.arange(0, n_samples, 32) / STEP, np.arange(len(speed)), speed)
    positions: np.ndarray = np.cumsum(np.repeat(line, 32)[:n_samples])
    return positions


def measured_pitch(sound: Mono, sample_rate: int) -> float | None:
    """Return the MIDI pitch in the middle of a sound by its autocorrelation; none if unclear."""
    if len(sound) < N_ANALYSED:
        return None
    first = (len(sound) - N_ANALYSED) // 2
    window = np.hanning(N_ANALYSED)
    spectrum = np.abs(np.fft.rfft(sound[first : first + N_ANALYSED] * window, 2 * N_ANALYSED)) ** 2
    likeness = np.fft.irfft(spectrum)[: N_ANALYSED // 2]
    own = np.fft.irfft(np.abs(np.fft.rfft(window, 2 * N_ANALYSED)) ** 2)[: N_ANALYSED // 2]
    likeness = likeness / max(float(likeness[0]), 1e-12) / (own / own[0])
    shortest, longest = sample_rate // 1000, sample_rate // 80
    region = likeness[shortest:longest]
    if region.max() < CLEAR:
        return None
    lag = shortest + int(np.argmax(region > 0.9 * region.max()))
    while lag + 1 < longest and likeness[lag + 1] > likeness[lag]:
        lag += 1
    left, middle, right = likeness[lag - 1 : lag + 2]
    bow = left - 2 * middle + right
    exact = lag + (0.5 * (left - right) / bow if bow else 0.0)
    if not shortest <= exact <= longest:
        return None
    return float(69 + 12 * np.log2(sample_rate / exact / 440))


def _words(
    phrase: Sequence[PlayedNote], register: Register, rng: np.random.Generator
) -> list[Syllable]:
    """Return a random syllable for each note, each in the vowel that the one before ends with."""
    before, chosen = REST, []
    for _ in phrase:
        fitting = _following(register, before) or _following(register, REST)
        chosen.append(one_of(fitting, rng))
        before = chosen[-1].vowel
    return chosen


@functools.lru_cache(maxsize=256)
def _following(register: Register, vowel: str) -> list[Syllable]:
    return [syllable for key, syllable in register.syllables.items() if key[0] == vowel]


@functools.lru_cache(maxsize=1000)
def _sung(syllable: Syllable, usual_pitch: float, sample_rate: int) -> _Sung:
    """Prepare a syllable: find its pitch, and where its vowel can be repeated unheard."""
    sound = syllable.clip.mono()
    fixed = min(int(syllable.fixed_s * sample_rate), max(len(sound) - 3000, 0))
    pitch = measured_pitch(sound[fixed:], sample_rate)
    if pitch is None or abs(pitch - usual_pitch) > 2.5:
        pitch = usual_pitch
    body, loop = _looped(sound, fixed)
    overlap = max(int(syllable.overlap_s * sample_rate), 300)
    return _Sung(body, loop, int(syllable.before_s * sample_rate), overlap, pitch)


def _looped(sound: Mono, fixed: int) -> tuple[Mono, Mono]:
    """Return a sound up to the end of its vowel, and what may follow it again and again.

    The end is cross-faded into the place of the vowel that is most like it.
    """
    n_fade = min(1500, (len(sound) - fixed) // 4)
    if n_fade < 300:
        return sound, np.zeros(0, np.float32)
    end = len(sound) - n_fade // 2
    tail = sound[end - n_fade : end]
    last = min(fixed + 900, end - 2 * n_fade)
    starts = range(fixed, max(last, fixed + 1), 3)
    heads = np.stack([sound[start : start + n_fade] for start in starts])
    likeness = heads @ tail / (np.linalg.norm(heads, axis=1) + 1e-6)
    start = starts[int(np.argmax(likeness))]
    rise = np.linspace(0, 1, n_fade, dtype=np.float32)
    joint = tail * (1 - rise) + sound[start : start + n_fade] * rise
    body = np.concatenate([sound[: end - n_fade], joint])
    loop = np.concatenate([sound[start + n_fade : end - n_fade], joint])
    return body, loop


def _cross_fade(sound: Mono, n_in: int, n_out: int) -> None:
    """Let a sound rise at its beginning and fall at its end, in place, at constant sum."""
    n_in, n_out = min(n_in, len(sound) // 2), min(n_out, len(sound) // 2)
    sound[:n_in] *= np.linspace(0, 1, n_in, dtype=np.float32)
    sound[len(sound) - n_out :] *= np.linspace(1, 0, n_out, dtype=np.float32)

"""Sounds of the demo songs: drums, plucked and bowed notes, and a voice, all made by formulas."""

import functools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

SAMPLE_RATE = 44100
"""Rate of all sounds, in Hz."""

_CONTROL_HOP = 64
_N_HARMONICS = 24
_TOP_HZ = 10_000.0

VOWELS_HZ = {
    "a": (800.0, 1150.0, 2900.0),
    "e": (400.0, 1600.0, 2700.0),
    "i": (350.0, 1700.0, 2700.0),
    "o": (450.0, 800.0, 2830.0),
    "u": (325.0, 700.0, 2530.0),
}
"""Formants of sung vowels, in Hz (an alto; values as in the Csound manual, appendix D)."""


def pitch_to_hz(pitch: int) -> float:
    """Return the frequency of a MIDI pitch (69 is 440 Hz)."""
    return float(440.0 * 2.0 ** ((pitch - 69) / 12))


def time_axis_s(length_s: float) -> Float[np.ndarray, " T"]:
    """Return the time of each sample of a sound, in seconds."""
    return np.arange(round(length_s * SAMPLE_RATE)) / SAMPLE_RATE


def band_passed(
    signal: Float[np.ndarray, "*lead T"], low_hz: float, high_hz: float
) -> Float[np.ndarray, "*lead T"]:
    """Return ``signal`` with 12 dB per octave less below ``low_hz`` and above ``high_hz``."""
    spectrum = np.fft.rfft(signal, axis=-1)
    frequency_hz = np.fft.rfftfreq(signal.shape[-1], 1 / SAMPLE_RATE)
    gain = 1 / np.sqrt(1 + (frequency_hz / high_hz) ** 4)
    gain /= np.sqrt(1 + (low_hz / np.maximum(frequency_hz, 1e-3)) ** 4)
    filtered: Float[np.ndarray, "*lead T"] = np.fft.irfft(
        spectrum * gain, n=signal.shape[-1], axis=-1
    )
    return filtered


@functools.cache
def kick(top_hz: float) -> Float[np.ndarray, " T"]:
    """Return a bass drum: a sine that falls from ``top_hz`` to 45 Hz, with a click."""
    time_s = time_axis_s(0.45)
    phase = 2 * np.pi * np.cumsum(45 + (top_hz - 45) * np.exp(-time_s * 32)) / SAMPLE_RATE
    click = np.random.default_rng(1).standard_normal(time_s.size) * np.exp(-time_s * 500)
    drum: Float[np.ndarray, " T"] = np.sin(phase) * np.exp(-time_s * 7.5) + 0.15 * click
    return drum


@functools.cache
def snare(decay_s: float) -> Float[np.ndarray, " T"]:
    """Return a snare drum: two modes of the skin, and the noise of the wires."""
    time_s = time_axis_s(0.35)
    noise = np.random.default_rng(2).standard_normal(time_s.size)
    skin = np.sin(2 * np.pi * 187 * time_s) + 0.5 * np.sin(2 * np.pi * 331 * time_s)
    drum: Float[np.ndarray, " T"] = 0.5 * skin * np.exp(-time_s * 26)
    drum += 0.9 * band_passed(noise, 900.0, 9500.0) * np.exp(-time_s / decay_s)
    return drum


@functools.cache
def hat(decay_s: float) -> Float[np.ndarray, " T"]:
    """Return a hi-hat that rings for ``decay_s``: noise above 7 kHz."""
    time_s = time_axis_s(min(6 * decay_s, 0.8))
    noise = np.random.default_rng(3).standard_normal(time_s.size)
    cymbal: Float[np.ndarray, " T"] = band_passed(noise, 7500.0, 16000.0) * np.exp(
        -time_s / decay_s
    )
    return 0.6 * cymbal


@functools.cache
def ride() -> Float[np.ndarray, " T"]:
    """Return a ride cymbal: a chord of many partials that fit to no scale."""
    time_s = time_axis_s(0.9)
    rng = np.random.default_rng(4)
    partials_hz = rng.uniform(2800, 9500, 40)
    phases = rng.uniform(0, 2 * np.pi, 40)
    bell = np.sin(2 * np.pi * partials_hz[:, None] * time_s + phases[:, None]).mean(axis=0)
    cymbal: Float[np.ndarray, " T"] = bell * (np.exp(-time_s * 4) + 2 * np.exp(-time_s * 60))
    return 1.2 * cymbal


@functools.lru_cache(maxsize=512)
def note(
    pitch: int, length_s: float, *, slope: float, decay_s: float, attack_s: float = 0.004
) -> Float[np.ndarray, " T"]:
    """Return a note whose upper harmonics die first, as those of strings do.

    Parameters
    ----------
    pitch
        MIDI pitch.
    length_s
        How long it is held; it ends with a fade of 30 ms.
    slope
        Harmonic ``k`` has the amplitude ``k ** -slope``: 1 is a saw tooth, 3 is dull.
    decay_s
        Time in which the fundamental falls by 8.7 dB.
    attack_s
        Time in which it rises.
    """
    time_s = time_axis_s(length_s)
    base_hz = pitch_to_hz(pitch)
    signal = np.zeros_like(time_s)
    for k in range(1, min(_N_HARMONICS, int(_TOP_HZ / base_hz)) + 1):
        fade = np.exp(-time_s / decay_s * (1 + 0.25 * (k - 1)))
        signal += k**-slope * fade * np.sin(2 * np.pi * k * base_hz * time_s + 0.3 * k)
    ends = np.minimum(time_s / attack_s, (length_s - time_s) / 0.03)
    faded: Float[np.ndarray, " T"] = signal * np.clip(ends, 0, 1)
    return faded


def voice(
    notes: Sequence[tuple[float, float, int]], length_s: float, *, seed: int
) -> Float[np.ndarray, " T"]:
    """Return a sung line: a buzz through the formants of changing vowels, with vibrato and breath.

    Parameters
    ----------
    notes
        Start and length in seconds, and MIDI pitch, in order of time.
    length_s
        Length of the result.
    seed
        Decides the vowels.
    """
    n_samples = round(length_s * SAMPLE_RATE)
    control_s = np.arange(0, n_samples + _CONTROL_HOP, _CONTROL_HOP) / SAMPLE_RATE
    rng = np.random.default_rng(seed)
    pitch_hz = np.full(control_s.size, pitch_to_hz(notes[0][2]) if notes else 220.0)
    level = np.zeros(control_s.size)
    formants_hz = np.tile(np.array(VOWELS_HZ["a"])[:, None], control_s.size)
    for start_s, held_s, pitch in notes:
        pitch_hz[control_s >= start_s] = pitch_to_hz(pitch)
        level[(control_s >= start_s) & (control_s < start_s + held_s)] = 1.0
        vowel = VOWELS_HZ[str(rng.choice(list(VOWELS_HZ)))]
        formants_hz[:, control_s >= start_s] = np.array(vowel)[:, None]
    vibrato = 1 + 0.009 * np.sin(2 * np.pi * 5.4 * control_s)
    pitch_hz = _smoothed(pitch_hz, 0.05) * vibrato
    level = _smoothed(level, 0.06)
    formants_hz = np.stack([_smoothed(formant_hz, 0.08) for formant_hz in formants_hz])

    sample_index = np.arange(n_samples) / _CONTROL_HOP
    control_index = np.arange(control_s.size)
    phase = np.cumsum(np.interp(sample_index, control_index, pitch_hz)) * 2 * np.pi / SAMPLE_RATE
    signal = np.zeros(n_samples)
    for k in range(1, _N_HARMONICS + 1):
        amplitude = level * k**-0.6 * _formant_gain(k * pitch_hz, formants_hz)
        signal += np.interp(sample_index, control_index, amplitude) * np.sin(k * phase)
    breath = band_passed(rng.standard_normal(n_samples), 3000.0, 8000.0)
    return signal + 0.012 * breath * np.interp(sample_index, control_index, level)


def _formant_gain(
    frequency_hz: Float[np.ndarray, " N"], formants_hz: Float[np.ndarray, "3 N"]
) -> Float[np.ndarray, " N"]:
    widths_hz = np.array([90.0, 110.0, 140.0])[:, None]
    levels = np.array([1.0, 0.6, 0.25])[:, None]
    resonances = levels / (1 + ((frequency_hz - formants_hz) / widths_hz) ** 2)
    gain = 0.04 + resonances.sum(axis=0)
    return np.where(frequency_hz < _TOP_HZ, gain, 0.0)


def _smoothed(values: Float[np.ndarray, " N"], width_s: float) -> Float[np.ndarray, " N"]:
    n_wide = max(1, round(width_s * SAMPLE_RATE / _CONTROL_HOP))
    padded = np.pad(values, (n_wide // 2, n_wide - 1 - n_wide // 2), mode="edge")
    return np.convolve(padded, np.ones(n_wide) / n_wide, mode="valid")


def reverberated(
    signal: Float[np.ndarray, "2 T"], *, decay_s: float, wet: float
) -> Float[np.ndarray, "2 T"]:
    """Return ``signal`` in a room: convolved with two different noises that decay."""
    time_s = time_axis_s(2 * decay_s)
    noise = np.random.default_rng(5).standard_normal((2, time_s.size))
    response = noise * np.exp(-time_s * 2 / decay_s)
    response /= np.sqrt((response**2).sum(axis=1, keepdims=True))
    n_fft = 1 << (signal.shape[1] + time_s.size).bit_length()
    spectrum = np.fft.rfft(signal, n_fft) * np.fft.rfft(response, n_fft)
    return signal + wet * np.fft.irfft(spectrum, n_fft)[:, : signal.shape[1]]

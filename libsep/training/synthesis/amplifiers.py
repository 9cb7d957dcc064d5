"""Amplifiers of guitars and basses: gain stages, tone controls and loudspeakers, in numpy.

Sounds are loops, as in `libsep.training.synthesis.effects`.

References
----------
Pakarinen and Yeh, "A review of digital techniques for modeling
vacuum-tube guitar amplifiers", Computer Music Journal 33(2), 2009.
"""

import numpy as np
import torch

from libsep.training.synthesis.effects import (
    N_POINTS,
    Mono,
    Response,
    drive,
    filtered,
    frequencies,
    high_pass,
    low_pass,
    rms,
)

HIGH_GAIN_DB = 18
"""Above this an amplifier has three stages, and the guitar is made thin in front of them."""


def cabinet(rng: np.random.Generator, sample_rate: int) -> Response:
    """Return the response of a random guitar loudspeaker in front of a microphone.

    Little below 80 Hz and above 5 kHz, a resonance at the bottom, a hollow at 500 Hz, presence at
    2 to 3.5 kHz, and the ripple that reflections leave.
    """
    octaves = np.log2(np.maximum(frequencies(sample_rate), 20))
    level_db = np.convolve(rng.normal(0, 4, N_POINTS), np.hanning(9) / 4, "same")
    for low_hz, high_hz, width, low_db, high_db in (
        (100, 160, 0.5, 1, 5),
        (350, 700, 0.7, -6, 0),
        (2000, 3500, 0.6, 2, 8),
    ):
        centre = np.log2(rng.uniform(low_hz, high_hz))
        bell = np.exp(-0.5 * ((octaves - centre) / width) ** 2)
        level_db += rng.uniform(low_db, high_db) * bell
    edges = high_pass(rng.uniform(60, 130), sample_rate)
    edges = edges * low_pass(rng.uniform(3800, 6500), sample_rate, order=4)
    curve: np.ndarray = edges * 10 ** (level_db / 20)
    return curve


def tone_controls(rng: np.random.Generator, sample_rate: int, scoop_db: float) -> Response:
    """Return random bass, middle and treble controls, whose middle is lowered by ``scoop_db``."""
    octaves = np.log2(np.maximum(frequencies(sample_rate), 20))
    bass_db, treble_db = rng.uniform(-6, 6), rng.uniform(-6, 6)
    level_db = bass_db / (1 + np.exp(3 * (octaves - np.log2(rng.uniform(120, 250)))))
    level_db += treble_db / (1 + np.exp(3 * (np.log2(rng.uniform(1500, 3000)) - octaves)))
    centre = np.log2(rng.uniform(350, 900))
    level_db -= scoop_db * np.exp(-0.5 * ((octaves - centre) / rng.uniform(0.5, 1)) ** 2)
    curve: np.ndarray = 10 ** (level_db / 20)
    return curve


def amplifier(signal: Mono, rng: np.random.Generator, sample_rate: int, gain_db: float) -> Mono:
    """Return a guitar or bass through gain stages, tone controls and a loudspeaker.

    With much gain the lows are cut before the first stage and the middle is raised, as players do
    with a pedal, and a third stage follows. The stages run at twice the sample rate, so that few
    of their harmonics are reflected at its half. The RMS is kept up to the loudspeaker.
    """
    is_high = gain_db > HIGH_GAIN_DB
    octaves = np.log2(np.maximum(frequencies(sample_rate), 20))
    focus_db = rng.uniform(0, 10) * np.exp(-0.5 * ((octaves - np.log2(720)) / 0.9) ** 2)
    tightness_hz = rng.uniform(60, 300) if is_high else rng.uniform(20, 100)
    before = high_pass(tightness_hz, sample_rate, order=1) * 10 ** (focus_db / 20)
    sound = _resampled(filtered(signal, before), 2 * len(signal))
    sound = drive(sound, gain_db, bias=rng.uniform(0, 0.3))
    coupling = high_pass(rng.uniform(20, 120), 2 * sample_rate, order=1)
    coupling = coupling * low_pass(rng.uniform(5000, 12000), 2 * sample_rate, order=1)
    sound = drive(filtered(sound, coupling), gain_db / 2, bias=rng.uniform(-0.3, 0.3))
    if is_high:
        sound = drive(sound, rng.uniform(0, 12), bias=rng.uniform(0, 0.2))
    sound = _resampled(sound, len(signal))
    tone = tone_controls(rng, sample_rate, rng.uniform(-2, 12) if is_high else rng.uniform(-2, 5))
    sound = filtered(sound, tone)
    sound *= np.float32(rms(signal) / max(rms(sound), 1e-9))
    result: np.ndarray = filtered(sound, cabinet(rng, sample_rate))
    return result


def _resampled(signal: Mono, n_samples: int) -> Mono:
    """Return a loop at another sample rate: its spectrum, cut off or padded."""
    spectrum = torch.fft.rfft(torch.from_numpy(signal))
    n_bins = n_samples // 2 + 1
    if len(spectrum) < n_bins:
        spectrum = torch.nn.functional.pad(spectrum, (0, n_bins - len(spectrum)))
    resampled: np.ndarray = torch.fft.irfft(spectrum[:n_bins], n=n_samples).numpy()
    resampled *= np.float32(n_samples / len(signal))
    return resampled

"""What studios do to a sound, in numpy: filters, amplifiers, echoes, doubling, dynamics.

Sounds are loops: what rings on after the end of one is heard at its beginning. So a filter is one
Fourier transform of the loop and nothing is padded. Nothing changes its argument; randomness comes
from the generator that the caller hands in. ``(T,)`` is one channel, ``(2, T)`` are two.
"""

import bisect
import functools

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32

Mono = Float32[np.ndarray, " _"]
Stereo = Float32[np.ndarray, "2 _"]
Response = Float[np.ndarray, " _"]

BLOCK = 512
"""Samples between two values of a gain; loops are whole blocks long."""

N_TAPS = 1024
"""Samples before and after a sample that a filter looks at."""

N_POINTS = N_TAPS + 1
"""Points at which the responses of this module are sampled, from 0 Hz to Nyquist."""

N_FRAME = 8192
"""Samples of a frame in which long loops are filtered."""


@functools.cache
def _lengths() -> tuple[int, ...]:
    """Return whole numbers of blocks whose FFT is fast, up to twelve minutes at 44.1 kHz."""
    factors = (3**threes * 5**fives for threes in range(3) for fives in range(3))
    sizes = {BLOCK * factor << twos for factor in factors for twos in range(17)}
    return tuple(sorted(size for size in sizes if size <= 1 << 25))


def loop_length(n_samples: int) -> int:
    """Return the length near ``n_samples`` that is a whole number of blocks and fast to filter."""
    lengths = _lengths()
    above = min(bisect.bisect_left(lengths, n_samples), len(lengths) - 1)
    nearest = lengths[max(above - 1, 0) : above + 1]
    return min(nearest, key=lambda length: abs(length - n_samples))


def filtered(signal: Float32[np.ndarray, "*lead T"], response: Response) -> np.ndarray:
    """Multiply the spectrum of a loop by a zero-phase ``response`` from 0 Hz to Nyquist.

    Long loops are filtered frame by frame (overlap-save): short transforms stay in the cache.
    """
    sound = torch.from_numpy(signal)
    if signal.shape[-1] < 2 * N_FRAME:
        spectrum = torch.fft.rfft(sound)
        spectrum *= _spread(response, spectrum.shape[-1])
        whole: np.ndarray = torch.fft.irfft(spectrum, n=signal.shape[-1]).numpy()
        return whole
    hop = N_FRAME - 2 * N_TAPS
    n_frames = -(-signal.shape[-1] // hop)
    n_after = n_frames * hop + N_TAPS - signal.shape[-1]
    padded = torch.cat([sound[..., -N_TAPS:], sound, sound[..., :n_after]], dim=-1)
    spectra = torch.fft.rfft(padded.unfold(-1, N_FRAME, hop))
    spectra *= _transfer(response)
    frames = torch.fft.irfft(spectra)[..., N_TAPS:-N_TAPS]
    result: np.ndarray = frames.reshape(*signal.shape[:-1], -1)[..., : signal.shape[-1]].numpy()
    return result


def _transfer(response: Response) -> Float32[torch.Tensor, " bins"]:
    """Return the transfer function of frames: the response as a filter of ``2 * N_TAPS`` taps."""
    points = _spread(response, N_TAPS + 1)
    taps = torch.fft.irfft(points.to(torch.complex64))
    kernel = torch.zeros(N_FRAME)
    kernel[:N_TAPS], kernel[-N_TAPS:] = taps[:N_TAPS], taps[N_TAPS:]
    transfer: torch.Tensor = torch.fft.rfft(kernel).real
    return transfer


def _spread(response: Response, n_bins: int) -> Float32[torch.Tensor, " bins"]:
    """Return a response at as many frequencies as a spectrum has."""
    points = torch.from_numpy(np.asarray(response, np.float32))[None, None]
    gains: torch.Tensor = F.interpolate(points, size=n_bins, mode="linear", align_corners=True)
    return gains[0, 0]


@functools.cache
def frequencies(sample_rate: int) -> Float[np.ndarray, " F"]:
    """Return the frequencies in Hz at which the responses of this module are sampled."""
    points: np.ndarray = np.linspace(0, sample_rate / 2, N_POINTS)
    return points


def low_pass(cutoff_hz: float, sample_rate: int, order: int = 4) -> Response:
    """Return the magnitude of a Butterworth low-pass."""
    curve: np.ndarray = 1 / np.sqrt(1 + (frequencies(sample_rate) / cutoff_hz) ** (2 * order))
    return curve


def high_pass(cutoff_hz: float, sample_rate: int, order: int = 2) -> Response:
    """Return the magnitude of a Butterworth high-pass."""
    ratio = cutoff_hz / np.maximum(frequencies(sample_rate), 1e-3)
    curve: np.ndarray = 1 / np.sqrt(1 + ratio ** (2 * order))
    return curve


def random_equaliser(rng: np.random.Generator, sample_rate: int, range_db: float = 6.0) -> Response:
    """Return a smooth random response: a tilt and a few bells of at most ``range_db`` each."""
    octaves = np.log2(np.maximum(frequencies(sample_rate), 20) / 1000)
    level_db = rng.uniform(-range_db, range_db) / 5 * octaves
    for _ in range(rng.integers(0, 4)):
        centre, width = rng.uniform(-4.5, 4), rng.uniform(0.3, 1.5)
        level_db += rng.uniform(-range_db, range_db) * np.exp(-(((octaves - centre) / width) ** 2))
    curve: np.ndarray = 10 ** (level_db / 20)
    return curve


def drive(signal: Float32[np.ndarray, "*lead T"], gain_db: float, bias: float = 0.0) -> np.ndarray:
    """Saturate with ``tanh`` after ``gain_db`` above full scale of the peak; the RMS is kept.

    A ``bias`` saturates one side earlier than the other, and so adds even harmonics.
    """
    peak = _peak(signal)
    if peak == 0:
        return signal
    driven = np.tanh(signal * np.float32(10 ** (gain_db / 20) / peak) + np.float32(bias))
    if bias:
        driven -= driven.mean()
    driven *= np.float32(rms(signal) / max(rms(driven), 1e-9))
    result: np.ndarray = driven
    return result


def echoed(signal: Stereo, delay_samples: int, feedback: float, wet: float) -> Stereo:
    """Add repeats that bounce between the channels and shrink by ``feedback``."""
    output, repeat, level = signal.copy(), signal, np.float32(wet)
    for count in range(1, 5):
        if level < 0.04:
            break
        repeat = repeat[::-1]
        shift = count * delay_samples % signal.shape[1]
        output[:, shift:] += level * repeat[:, : signal.shape[1] - shift]
        output[:, :shift] += level * repeat[:, signal.shape[1] - shift :]
        level *= np.float32(feedback)
    return output


def warped(signal: Mono, position: Float[np.ndarray, " P"]) -> Float32[np.ndarray, " P"]:
    """Read ``signal`` at fractional sample positions, by Catmull-Rom; outside of it is silence."""
    padded = np.pad(signal, (2, 3))
    whole = position.astype(np.int32)
    fraction = (position - whole).astype(np.float32)
    index = np.clip(whole + 1, 0, len(padded) - 4)
    before, left, right, after = (padded[offset:].take(index) for offset in range(4))
    cubic = 2 * before - 5 * left + 4 * right - after
    cubic += fraction * (3 * (left - right) + after - before)
    value: np.ndarray = left + np.float32(0.5) * fraction * (right - before + fraction * cubic)
    return value


def replayed(signal: Float32[np.ndarray, "*lead T"], rate: float) -> np.ndarray:
    """Return a sound played faster (``rate`` above 1) or slower, by linear interpolation."""
    n_samples = max(int(signal.shape[-1] / rate), 1)
    lines = torch.from_numpy(np.ascontiguousarray(signal)).reshape(1, -1, signal.shape[-1])
    played = F.interpolate(lines, size=n_samples, mode="linear", align_corners=False)
    result: np.ndarray = played.numpy().reshape(*signal.shape[:-1], n_samples)
    return result


def chorus(signal: Stereo, rng: np.random.Generator, sample_rate: int, wet: float) -> Stereo:
    """Add a copy of slowly wandering delay, opposite in both channels: wide, a little detuned."""
    n_samples = signal.shape[1]
    # A whole number of turns per loop, so that it closes.
    turns = max(round(rng.uniform(0.1, 2.0) * n_samples / sample_rate), 1)
    time = np.arange(n_samples, dtype=np.float32)
    wander = np.sin(
        time * np.float32(2 * np.pi * turns / n_samples) + np.float32(rng.uniform(0, 6))
    )
    wander *= np.float32(rng.uniform(0.001, 0.004) * sample_rate)
    time -= np.float32(0.012 * sample_rate)
    left, right = warped(signal[0], time - wander), warped(signal[1], time + wander)
    return signal + np.float32(wet) * np.stack([left, right])


def wah(signal: Mono, rng: np.random.Generator, sample_rate: int) -> Mono:
    """Sweep a resonance between 400 and 2500 Hz, as a pedal does that is moved in rhythm."""
    octaves = np.log2(np.maximum(frequencies(sample_rate), 20))
    turns = max(round(rng.uniform(0.5, 4) * len(signal) / sample_rate), 1)
    phase = np.arange(len(signal), dtype=np.float32) * np.float32(2 * np.pi * turns / len(signal))
    pedal = 1 + np.sin(phase + np.float32(rng.uniform(0, 6)))
    swept = np.float32(0.2) * signal
    for index, centre_hz in enumerate((400, 1000, 2500)):
        resonance = np.exp(-(((octaves - np.log2(centre_hz)) / 0.45) ** 2))
        swept += np.maximum(1 - np.abs(pedal - index), 0) * filtered(signal, resonance)
    return swept


def panned(signal: Mono, position: float) -> Stereo:
    """Return a sound in both channels: -1 is left, 1 is right, at constant power."""
    angle = (np.clip(position, -1, 1) + 1) * np.pi / 4
    gains = np.sqrt(2) * np.array([[np.cos(angle)], [np.sin(angle)]])
    result: np.ndarray = gains.astype(np.float32) * signal
    return result


def compressed(signal: Stereo, threshold_db: float, ratio: float) -> Stereo:
    """Reduce what is louder than ``threshold_db`` below the peak, smoothed over 60 ms."""
    envelope = block_peaks(signal)
    peak = envelope.max()
    if peak == 0:
        return signal
    level_db = 20 * np.log10(np.maximum(envelope / peak, 1e-5))
    gain_db = np.minimum(0, (threshold_db - level_db) * (1 - 1 / ratio))
    gain_db = np.convolve(np.pad(gain_db, 2, mode="wrap"), np.ones(5) / 5, mode="valid")
    result: np.ndarray = signal * gain_line(10 ** (gain_db / 20))
    return result


def block_peaks(signal: Stereo) -> Float32[np.ndarray, " blocks"]:
    """Return the largest magnitude of each block; the signal is a whole number of them long."""
    blocks = np.abs(signal).reshape(2, -1, BLOCK).max(axis=2)
    peaks: np.ndarray = blocks.max(axis=0)
    return peaks


def gain_line(gains: Float[np.ndarray, " blocks"]) -> Mono:
    """Return gains, given in the middle of each block, as straight lines between them."""
    gains = gains.astype(np.float32)
    edges = np.concatenate([[gains[0] + gains[-1]], gains[1:] + gains[:-1]]) / np.float32(2)
    ends = np.concatenate([edges[1:], edges[:1]])
    ramp = np.linspace(0, 1, BLOCK, endpoint=False, dtype=np.float32)
    line: np.ndarray = (edges[:, None] + (ends - edges)[:, None] * ramp).reshape(-1)
    return line


def rms(signal: Float32[np.ndarray, "*lead T"]) -> float:
    """Return the root of the mean square of all samples."""
    flat = signal.reshape(-1)
    return float(np.sqrt(np.dot(flat, flat) / max(flat.size, 1)))


def _peak(signal: np.ndarray) -> float:
    return max(float(signal.max(initial=0)), -float(signal.min(initial=0)))

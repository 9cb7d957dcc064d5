"""Variations of sources that keep them true: after each, the mixture is still their sum.

All work on the device of the sources. Chance comes from numpy, so it is the same everywhere.
"""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

VARISPEED = 0.12
"""Largest change of speed, as a share."""

TILT_DB = 4.0
"""Largest tilt of a spectrum, in dB over five octaves."""

NARROW = (0.02, 0.4)
"""Smallest and largest width of a mixture that is nearly mono."""

BLOCK = 64
"""Samples over which the limiter's gain is a straight line."""

SPEED_STEPS = 4096
"""Lengths before varispeed are multiples of this many samples, for the sake of the FFT."""


def random_speed_length(n_samples: int, rng: np.random.Generator) -> int:
    """Return how many samples to play within ``n_samples``, up to 12 % more or fewer."""
    ratio = rng.uniform(1 - VARISPEED, 1 + VARISPEED)
    return max(round(n_samples * ratio / SPEED_STEPS), 1) * SPEED_STEPS


def respeeded(
    sources: Float[Tensor, "*lead T_in"], n_samples: int, tilt_db: float, sample_rate: int
) -> Float[Tensor, "*lead T"]:
    """Return sources of ``n_samples``, played faster or slower, with a tilted spectrum.

    Both happen in one Fourier transform of the whole length, so the end wraps into the beginning
    by a fraction of a millisecond. The tilt is centred on 1 kHz and ends at 32 Hz and 16 kHz.
    """
    n_before = sources.shape[-1]
    spectrum = torch.fft.rfft(sources)
    if tilt_db:
        hertz = torch.linspace(0, sample_rate / 2, spectrum.shape[-1], device=sources.device)
        octaves = (hertz.clamp(32, 16000) / 1000).log2()
        spectrum = spectrum * 10 ** (tilt_db / 20 * octaves / 5)
    n_bins = n_samples // 2 + 1
    spectrum = F.pad(spectrum, (0, max(n_bins - spectrum.shape[-1], 0)))[..., :n_bins]
    result: Tensor = torch.fft.irfft(spectrum, n=n_samples) * (n_samples / n_before)
    return result


def shuffled_sides(source: Float[Tensor, "C T"], rng: np.random.Generator) -> Float[Tensor, "C T"]:
    """Return a source with channels swapped and polarity inverted, half of the time each."""
    if rng.uniform() < 0.5:
        source = source.flip(0)
    return source if rng.uniform() < 0.5 else -source


def placed(
    source: Float[Tensor, "2 T"], rng: np.random.Generator, sample_rate: int
) -> Float[Tensor, "2 T"]:
    """Return a source with another stereo image: off centre, wider or narrower, or spread.

    A spread source has one channel delayed by 1 to 20 ms, partly, as by a chorus or a second
    microphone: it makes even a bass wide, which many mixes have and most recordings lack.
    """
    kind = rng.integers(3)
    if kind == 0:
        balance = float(10 ** (rng.uniform(-8, 8) / 40))
        return torch.stack([source[0] * balance, source[1] / balance])
    if kind == 1:
        middle = source.mean(0, keepdim=True)
        return middle + rng.uniform(0, 2) * (source - middle)
    delay = int(rng.uniform(0.001, 0.02) * sample_rate)
    wet = rng.uniform(0.3, 1)
    delayed = F.pad(source[1:], (delay, 0))[:, : source.shape[1]]
    return torch.cat([source[:1], (1 - wet) * source[1:] + wet * delayed])


def narrowed(sources: Float[Tensor, "*lead 2 T"], width: float) -> Float[Tensor, "*lead 2 T"]:
    """Return sources whose sides are ``width`` times as loud; 0 is mono, in both channels alike."""
    middle = sources.mean(-2, keepdim=True)
    return middle + width * (sources - middle)


def limited(sources: Float[Tensor, "S C T"], rng: np.random.Generator) -> Float[Tensor, "S C T"]:
    """Return sources whose mixture was limited or softly clipped by 1 to 10 dB.

    Every sample of every source is multiplied by the gain that the mixture has there, so that the
    sources still add up.

    References
    ----------
    Jeon et al., "Towards robust music source separation on loud commercial
    music", ISMIR 2022 (LimitAug).
    """
    mixture = sources.sum(0)
    peak = mixture.abs().max()
    if peak == 0:
        return sources
    excess = 10 ** (rng.uniform(1, 10) / 20)
    if rng.uniform() < 0.4:
        driven = (mixture * (excess / peak)).clamp(min=-20, max=20)
        small = driven.abs() < 1e-3
        ratio = torch.where(small, 1.0, torch.tanh(driven) / torch.where(small, 1.0, driven))
        return sources * ratio
    return sources * _limiter_gain(mixture, float(peak) / excess, int(rng.choice([3, 9, 33])))


def _limiter_gain(
    mixture: Float[Tensor, "C T"], ceiling: float, n_blocks: int
) -> Float[Tensor, "1 T"]:
    """Return a smooth gain that holds the mixture below a ceiling, ``n_blocks`` of 64 around it."""
    n_samples = mixture.shape[-1]
    envelope = mixture.abs().amax(0)[None, None]
    envelope = F.max_pool1d(F.pad(envelope, (0, -n_samples % BLOCK)), BLOCK)
    envelope = F.max_pool1d(envelope, n_blocks, stride=1, padding=n_blocks // 2)
    gain = (ceiling / envelope.clamp(min=1e-9)).clamp(max=1)
    gain = F.pad(gain, (n_blocks // 2, n_blocks // 2), mode="replicate")
    gain = F.avg_pool1d(gain, n_blocks, stride=1)
    return F.interpolate(gain, scale_factor=BLOCK, mode="linear")[0, :, :n_samples]


def low_passed(
    sources: Float[Tensor, "S C T"], rng: np.random.Generator, sample_rate: int
) -> Float[Tensor, "S C T"]:
    """Return sources without what lies above 16 to 19 kHz, as lossy encoders leave them."""
    spectrum = torch.fft.rfft(sources)
    hertz = torch.linspace(0, sample_rate / 2, spectrum.shape[-1], device=sources.device)
    curve = ((rng.uniform(16000, 19000) - hertz) / 300).clamp(0, 1)
    result: Tensor = torch.fft.irfft(spectrum * curve, n=sources.shape[-1])
    return result

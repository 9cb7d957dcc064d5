"""Harmonic-percussive separation: by medians, the baseline that every model must beat; by means.

Means cost a fortieth of medians. They are what networks see that have both parts as inputs.
"""

import functools

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from libsep.dsp.stft import istft, stft

BASS_HZ = 200.0
"""In the baseline, what is harmonic and lies below this is bass."""

VOICE_HZ = (200.0, 4000.0)
"""In the baseline, half of what is harmonic and lies between is voice, if it is in the centre."""

WIDTH = 17
"""Frames or bins of a running median or mean; for medians, a power of two and one."""

_CELLS_AT_ONCE = 32768
"""Cells whose medians are found at once: few, so that they stay in the processor's cache."""


def harmonic_share(power: Float[Tensor, "*lead F N"]) -> Float[Tensor, "*lead F N"]:
    """Return how harmonic each cell of a power spectrogram is, from 0 to 1.

    A median over `WIDTH` frames keeps what lasts, a median over `WIDTH` bins what is broad;
    the share is a Wiener mask of the two. Silence gives one half.

    References
    ----------
    FitzGerald, "Harmonic/percussive separation using median filtering", DAFx 2010.
    """
    lasting = _median(power)
    broad = _median(power.transpose(-1, -2)).transpose(-1, -2)
    return (lasting.square() + 1e-20) / (lasting.square() + broad.square() + 2e-20)


def harmonic_share_by_means(magnitude: Float[Tensor, "*lead F N"]) -> Float[Tensor, "*lead F N"]:
    """Return how harmonic each cell of a magnitude spectrogram is, from 0 to 1, quickly.

    As `harmonic_share`, but with running means of magnitudes. A cell depends on ``WIDTH // 2``
    frames and bins at each side, so that spectrograms may be cut where the overlap is that long.
    """
    frames = magnitude.mT.contiguous()  # bins last, as transforms have them in memory
    lasting = _running_mean(frames, WIDTH, dim=-2).square_().add_(1e-20)
    broad = _running_mean(frames, WIDTH, dim=-1).square_().add_(1e-20)
    return (lasting / broad.add_(lasting)).mT


def separate_by_rules(
    mixture: Float[Tensor, "2 T"], sample_rate: int, n_fft: int = 4096
) -> Float[Tensor, "4 2 T"]:
    """Return drums, bass, other and vocals of a mixture, without any training.

    Drums are what is percussive, bass what is harmonic and low. Of the rest, vocals get the share
    of the middle of the stereo image in the range of the voice, halved, and other gets what is
    left. The four add up to the mixture.
    """
    n_samples = mixture.shape[-1]
    spectrum = stft(mixture, n_fft, n_fft // 4)
    power = spectrum.abs().square()
    harmonic = harmonic_share(power)
    hertz = torch.linspace(0, sample_rate / 2, spectrum.shape[-2])[:, None]
    is_bass = (hertz < BASS_HZ).float()
    is_voice = ((hertz >= VOICE_HZ[0]) & (hertz <= VOICE_HZ[1])).float()
    middle = (spectrum.sum(0).abs().square() / 2) / power.sum(0).clamp(min=1e-20)
    voice = 0.5 * is_voice * middle.clamp(0, 1)
    masks = [
        1 - harmonic,
        harmonic * is_bass,
        harmonic * (1 - is_bass - voice * (1 - is_bass)),
        harmonic * voice * (1 - is_bass),
    ]
    estimates = torch.stack([spectrum * mask for mask in masks])
    return istft(estimates, n_fft, n_fft // 4, n_samples)


def _running_mean(
    x: Float[Tensor, "*lead N F"], width: int, dim: int
) -> Float[Tensor, "*lead N F"]:
    """Return the running mean over an axis; the ends are repeated.

    Sums of 1, 2, 4 … neighbours make up the width. A cumulative sum would take no longer, but what
    is loud would be heard in the rounding of all that follows.
    """
    length = x.shape[dim]
    if length == 0:
        return x
    first, last = x.narrow(dim, 0, 1), x.narrow(dim, length - 1, 1)
    half = width // 2
    sums = torch.cat([*[first] * half, x, *[last] * half], dim=dim)
    total, n_summed, size = torch.zeros_like(x), 0, 1
    while True:
        if width & size:
            total += sums.narrow(dim, n_summed, length)
            n_summed += size
        if n_summed == width:
            return total / width
        n_left = sums.shape[dim] - size
        sums = sums.narrow(dim, 0, n_left) + sums.narrow(dim, size, n_left)
        size *= 2


def _median(power: Float[Tensor, "*lead F N"]) -> Float[Tensor, "*lead F N"]:
    """Return the running median over the last axis, whose ends are repeated.

    Neighbours are sorted by minima and maxima of whole rows, which windows share: a quarter of
    the time of a median of each window.
    """
    rows = power.flatten(0, -2)
    n_rows = max(_CELLS_AT_ONCE // max(rows.shape[-1], 1), 1)
    return torch.cat([_medians(each) for each in torch.split(rows, n_rows)]).view_as(power)


def _medians(rows: Float[Tensor, "R N"]) -> Float[Tensor, "R N"]:
    half, length = WIDTH // 2, rows.shape[-1]
    padded = F.pad(rows, (half, half), mode="replicate")
    windows = [padded]  # the smallest of each window, the second smallest …
    while (size := len(windows)) < half:
        n_windows = windows[0].shape[-1] - size
        windows = _merged(
            [each[..., :n_windows] for each in windows], [each[..., size:] for each in windows]
        )
    before = [each[..., :length] for each in windows]
    after = [each[..., half + 1 : half + 1 + length] for each in reversed(windows)]
    pairs = list(zip(before, after, strict=True))
    below = functools.reduce(torch.maximum, [torch.minimum(*pair) for pair in pairs])
    above = functools.reduce(torch.minimum, [torch.maximum(*pair) for pair in pairs])
    return padded[..., half : half + length].maximum(below).minimum(above)


def _merged(one: list[Tensor], other: list[Tensor]) -> list[Tensor]:
    """Return two sorted lists of as many as one.

    References
    ----------
    Batcher, "Sorting networks and their applications", AFIPS 1968: the odd-even merge.
    """
    if len(one) == 1:
        return [torch.minimum(one[0], other[0]), torch.maximum(one[0], other[0])]
    even, odd = _merged(one[::2], other[::2]), _merged(one[1::2], other[1::2])
    inner = zip(odd[:-1], even[1:], strict=True)
    sorted_pairs = [f(*pair) for pair in inner for f in (torch.minimum, torch.maximum)]
    return [even[0], *sorted_pairs, odd[-1]]

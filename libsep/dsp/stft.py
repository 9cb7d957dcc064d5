"""Short-time Fourier transform and its inverse, exact to rounding and without edge effects."""

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Complex, Float
from torch import Tensor

FRAMES_PER_PART = 64
"""Frames that are transformed back at once: few, so that they stay in the processor's cache."""


def stft(
    signal: Float[Tensor, "*lead T"], n_fft: int, hop_length: int
) -> Complex[Tensor, "*lead F N"]:
    """Return the spectrogram of ``signal`` under a periodic Hann window.

    Zeros are added at both ends, so that every sample lies under ``n_fft / hop_length`` windows
    and `istft` gives it back exactly. Frame ``i`` ends at sample ``(i + 1) * hop_length``.

    Parameters
    ----------
    signal
        Samples of any scale; a signal of no samples gives a spectrogram of no frames.
    n_fft
        Length of the window and of the transform, in samples.
    hop_length
        Distance between two frames in samples; must divide ``n_fft`` at least twice.

    Returns
    -------
    ``n_fft / 2 + 1`` bins of ``n_frames(T)`` frames, not normalised.

    Raises
    ------
    ValueError
        ``hop_length`` does not divide ``n_fft``, or divides it only once.
    """
    n_samples = signal.shape[-1]
    window = _window(n_fft, hop_length, signal)
    count = n_frames(n_samples, n_fft, hop_length)
    if count == 0 or signal.numel() == 0:
        return signal.new_zeros((*signal.shape[:-1], n_fft // 2 + 1, count), dtype=torch.complex64)
    left = n_fft - hop_length
    right = (count - 1) * hop_length + n_fft - left - n_samples
    frames = F.pad(signal, (left, right)).unfold(-1, n_fft, hop_length)  # (*lead, N, n_fft)
    spectrum: Tensor = torch.fft.rfft(frames * window, dim=-1)
    return spectrum.transpose(-1, -2)


def stft_parts(
    signal: Float[Tensor, "*lead T"], n_fft: int, hop_length: int, frames_per_part: int = 1024
) -> Iterator[Complex[Tensor, "*lead F _"]]:
    """Yield the frames of `stft` in parts, in the memory of one; joined they are the same frames.

    Raises
    ------
    ValueError
        As `stft`.
    """
    count = n_frames(signal.shape[-1], n_fft, hop_length)
    n_partial = n_fft // hop_length - 1  # frames at the start of a part that lack what was before
    for first in range(0, count, frames_per_part):
        last = min(first + frames_per_part, count)
        n_dropped = min(first, n_partial)
        part = signal[..., (first - n_dropped) * hop_length : last * hop_length]
        yield stft(part, n_fft, hop_length)[..., n_dropped : n_dropped + last - first]


def power(spectrum: Complex[Tensor, "*axes"]) -> Float[Tensor, "*axes"]:
    """Return the squared magnitudes; ``abs`` takes a root that nobody needs, and much longer."""
    return spectrum.real.square().addcmul_(spectrum.imag, spectrum.imag)


def istft(
    spectrum: Complex[Tensor, "*lead F N"], n_fft: int, hop_length: int, n_samples: int
) -> Float[Tensor, "*lead T"]:
    """Return the signal of ``n_samples`` whose spectrogram is closest to ``spectrum``.

    The inverse of `stft`: each frame is windowed again, the frames are added, and the sum is
    divided by the sum of the squared windows, which repeats every ``hop_length`` samples. Adding
    is done in ``n_fft / hop_length`` strided sums, which is faster than a scatter.

    Raises
    ------
    ValueError
        The number of bins is not ``n_fft / 2 + 1`` or of frames not that of ``n_samples``.

    References
    ----------
    Griffin and Lim, "Signal estimation from modified short-time Fourier
    transform", IEEE Trans. ASSP 32(2), 1984, equation 6.
    """
    n_bins, count = spectrum.shape[-2:]
    if n_bins != n_fft // 2 + 1 or count != n_frames(n_samples, n_fft, hop_length):
        expected = (n_fft // 2 + 1, n_frames(n_samples, n_fft, hop_length))
        raise ValueError(f"spectrum of {(n_bins, count)} bins and frames, expected {expected}")
    inverse = InverseStft(tuple(spectrum.shape[:-2]), n_fft, hop_length, n_samples, spectrum.real)
    for part in torch.split(spectrum.transpose(-1, -2), FRAMES_PER_PART, dim=-2):
        inverse.add(part)
    return inverse.signal()


class InverseStft:
    """The signal of a spectrogram that is given to it a few frames at a time; see `istft`.

    Parameters
    ----------
    lead
        Sizes of the axes before frames and bins.
    n_fft, hop_length
        As for `stft`.
    n_samples
        Length of the signal.
    like
        A tensor of the type and on the device that the signal shall have.
    """

    def __init__(
        self, lead: Sequence[int], n_fft: int, hop_length: int, n_samples: int, like: Tensor
    ) -> None:
        window = _window(n_fft, hop_length, like)
        self._n_fft, self._n_samples = n_fft, n_samples
        n_overlaps = n_fft // hop_length
        squares = window.square().view(n_overlaps, hop_length).sum(0)
        self._weight = window.view(n_overlaps, hop_length) / squares
        n_hops = n_frames(n_samples, n_fft, hop_length) + n_overlaps - 1
        self._total = like.new_zeros((*lead, n_hops, hop_length))
        self._n_added = 0

    def add(self, frames: Complex[Tensor, "*lead N F"]) -> None:
        """Add the next frames, which stand before the bins here."""
        if frames.numel() == 0:
            return
        samples = torch.fft.irfft(frames, n=self._n_fft, dim=-1)
        blocks = samples.unflatten(-1, self._weight.shape).unbind(-2)
        for index, (block, weight) in enumerate(zip(blocks, self._weight, strict=True)):
            first = self._n_added + index
            self._total[..., first : first + frames.shape[-2], :].addcmul_(block, weight)
        self._n_added += frames.shape[-2]

    def signal(self) -> Float[Tensor, "*lead T"]:
        """Return the sum, once all frames were added."""
        left = self._n_fft - self._weight.shape[1]
        signal: Tensor = self._total.flatten(-2)[..., left : left + self._n_samples]
        return signal


def n_frames(n_samples: int, n_fft: int, hop_length: int) -> int:
    """Return how many frames `stft` makes of ``n_samples`` samples; none for no samples."""
    if n_samples == 0:
        return 0
    return -(-n_samples // hop_length) + n_fft // hop_length - 1


def _window(n_fft: int, hop_length: int, like: Tensor) -> Tensor:
    if n_fft % hop_length or n_fft // hop_length < 2:
        raise ValueError(f"hop_length {hop_length} must divide n_fft {n_fft} at least twice")
    return torch.hann_window(n_fft, dtype=like.dtype, device=like.device)

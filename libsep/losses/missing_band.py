"""How far a restored band is from the true one; what lies below it does not count."""

import torch
from jaxtyping import Bool, Complex, Float, Int
from torch import Tensor

from libsep.dsp.stft import stft

FLOOR = 1e-8
"""Power, as a share of the item's mean, below which differences cannot be heard: 16 bits."""

QUIET_FRAME = 1e-6
"""Power of a frame, as a share of the item's, below which it does not count."""

Mask = Bool[Tensor, "B F N"]


def missing_cells(
    source: Complex[Tensor, "B F N"], first_bins: Int[Tensor, " B"], last_bins: Int[Tensor, " B"]
) -> Mask:
    """Return which cells count: from the first to before the last bin, in frames with sound."""
    bins = torch.arange(source.shape[1], device=source.device)
    is_missing = (bins >= first_bins[:, None]) & (bins < last_bins[:, None])
    power = source.abs().square().mean(1)  # (B, N)
    is_heard = power > QUIET_FRAME * power.mean(1, keepdim=True)
    return is_missing[:, :, None] & is_heard[:, None]


def log_power(
    spectrum: Complex[Tensor, "B F N"], reference: Float[Tensor, "B 1 1"]
) -> Float[Tensor, "B F N"]:
    """Return the logarithm (base 10) of power over ``reference``; silence is -8."""
    power = spectrum.real.square() + spectrum.imag.square()
    return (power / reference.clamp(min=1e-20) + FLOOR).log10()


def mean_power(spectrum: Complex[Tensor, "B F N"]) -> Float[Tensor, "B 1 1"]:
    """Return the mean power of the cells of each item."""
    return spectrum.abs().square().mean(dim=(1, 2), keepdim=True)


def distance(
    estimate: Float[Tensor, "B F N"], source: Float[Tensor, "B F N"], mask: Mask
) -> Float[Tensor, ""]:
    """Return the log-spectral distance of the cells in ``mask``, as the mean over frames.

    The arguments are logarithms of power; 0 for equal ones, and if no cell counts.
    """
    squares = ((estimate - source) * mask).square().sum(1)
    counts = mask.sum(1)  # (B, N)
    frames = (squares / counts.clamp(min=1) + 1e-8).sqrt() * (counts > 0)
    total: Tensor = frames.sum() / (counts > 0).sum().clamp(min=1)
    return total


def mean_error(
    estimate: Float[Tensor, "B F N"], source: Float[Tensor, "B F N"], mask: Mask
) -> Float[Tensor, ""]:
    """Return the mean difference of the cells in ``mask``."""
    total: Tensor = ((estimate - source).abs() * mask).sum() / mask.sum().clamp(min=1)
    return total


def phase_error(
    estimate: Complex[Tensor, "B F N"], source: Complex[Tensor, "B F N"], mask: Mask
) -> Float[Tensor, ""]:
    """Return the sum of the wrapped errors of phase, group delay and frequency, in radians.

    Group delay is the difference of phases between neighbouring bins, frequency that between
    neighbouring frames. Cells count by the square root of the source's amplitude, and very quiet
    ones not at all.

    References
    ----------
    Ai and Ling, "Neural speech phase prediction based on parallel estimation architecture and
    anti-wrapping losses", ICASSP 2023, equations 5 to 10.
    """
    product = estimate * source.conj()
    # The angle of next to nothing has next to no end of a gradient.
    is_quiet = product.abs() < 1e-6 * mean_power(source)
    turn = torch.where(is_quiet, 1.0, product).angle()  # what is right to the sample is 0
    errors = turn.abs()
    delays = _wrapped(turn.diff(dim=1, prepend=turn[:, :1])).abs()
    frequencies = _wrapped(turn.diff(dim=2, prepend=turn[:, :, :1])).abs()
    weights = mask * source.abs().sqrt()
    weights = weights / weights.sum().clamp(min=1e-8)
    total: Tensor = ((errors + delays + frequencies) * weights).sum()
    return total


def resolution_error(
    estimate: Float[Tensor, "B T"],
    source: Float[Tensor, "B T"],
    edges: tuple[Int[Tensor, " B"], Int[Tensor, " B"]],
    n_fft: int,
    other_n_fft: int,
) -> Float[Tensor, ""]:
    """Return `mean_error` of logarithmic power with another window.

    Parameters
    ----------
    estimate, source
        Signals.
    edges
        First and last bins, for windows of ``n_fft`` samples.
    n_fft, other_n_fft
        Window to which ``edges`` belong, and the one that is used.
    """
    first_bins, last_bins = (-(-edge * other_n_fft // n_fft) for edge in edges)
    source_spectrum = stft(source, other_n_fft, other_n_fft // 4)
    mask = missing_cells(source_spectrum, first_bins, last_bins)
    reference = mean_power(source_spectrum)
    made = log_power(stft(estimate, other_n_fft, other_n_fft // 4), reference)
    return mean_error(made, log_power(source_spectrum, reference), mask)


def _wrapped(angle: Float[Tensor, "B F N"]) -> Float[Tensor, "B F N"]:
    return angle - 2 * torch.pi * (angle / (2 * torch.pi)).round()

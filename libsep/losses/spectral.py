"""How far estimates are from the sources, such that loud targets do not dominate."""

from collections.abc import Sequence

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from libsep.dsp.stft import stft

QUIET = 0.3
"""A target that is quieter than this share of the mixture counts as if it were as loud."""

SMALLEST_POWER = 1e-12
"""Added to the power of an error: -120 dB of full scale."""


def balance_weights(sources: Float[Tensor, "B S C T"]) -> Float[Tensor, "B S 1 1"]:
    """Return a weight for each target of each item: the inverse of its RMS, with a floor.

    An error of the same share of a source then costs the same for each target and at any level
    of the item. The floor is `QUIET` of the mixture's RMS, so that silence has a finite weight;
    an item of nothing but silence has the weight 0.
    """
    rms = sources.square().mean(dim=(2, 3), keepdim=True).sqrt()
    mixture_rms = sources.sum(1, keepdim=True).square().mean(dim=(2, 3), keepdim=True).sqrt()
    floored = torch.maximum(rms, QUIET * mixture_rms)
    return torch.where(floored > 0, 1 / floored.clamp(min=1e-8), 0.0)


def waveform_l1(
    estimates: Float[Tensor, "B S C T"],
    sources: Float[Tensor, "B S C T"],
    weights: Float[Tensor, "B S 1 1"],
) -> Float[Tensor, ""]:
    """Return the mean weighted error of the samples; 0 for equal signals."""
    return ((estimates - sources).abs() * weights).mean()


def waveform_rmse(
    estimates: Float[Tensor, "B S C T"],
    sources: Float[Tensor, "B S C T"],
    weights: Float[Tensor, "B S 1 1"],
) -> Float[Tensor, ""]:
    """Return the mean over items and targets of the weighted RMS of the error.

    It is least for the mean of what a source may be, given its mixture, where an L1 is least for
    the median. SDR counts squares, as this does.
    """
    power = (estimates - sources).square().mean(dim=(2, 3))
    # The root has no gradient at 0.
    return ((power + SMALLEST_POWER).sqrt() * weights[:, :, 0, 0]).mean()


def spectrum_l1(
    estimates: Complex[Tensor, "B S C F N"],
    sources: Complex[Tensor, "B S C F N"],
    weights: Float[Tensor, "B S 1 1"],
    n_fft: int,
) -> Float[Tensor, ""]:
    """Return the mean weighted error of real and imaginary parts; 0 for equal spectrograms.

    It is divided by the square root of ``n_fft``, which makes the parts of a noise as large as
    its samples for any window.
    """
    alike = torch.empty_like(estimates.detach()).copy_(sources)  # the same order in memory
    parts = torch.view_as_real(estimates - alike).abs()  # (B, S, C, F, N, 2)
    error = parts.mean(dim=(3, 4)).mean(dim=(2, 3))
    loss: Tensor = (error * weights[:, :, 0, 0]).mean() / n_fft**0.5
    return loss


def resolutions_l1(
    estimates: Float[Tensor, "B S C T"],
    sources: Float[Tensor, "B S C T"],
    weights: Float[Tensor, "B S 1 1"],
    sizes: Sequence[int] = (512, 1024, 2048),
) -> Float[Tensor, ""]:
    """Return the mean of `spectrum_l1` over windows of several sizes, a quarter apart each.

    References
    ----------
    Guso et al., "On loss functions and evaluation metrics for music source
    separation", ICASSP 2022.
    """
    losses = [
        spectrum_l1(stft(estimates, n, n // 4), stft(sources, n, n // 4), weights, n) for n in sizes
    ]
    return torch.stack(losses).mean()

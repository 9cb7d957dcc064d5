"""What every separation network is."""

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn


class SeparationNetwork(nn.Module):
    """A network that turns mixtures into the estimates of all its targets.

    Subclasses take keyword arguments that JSON can hold, so that a model folder rebuilds them.
    """

    targets: tuple[str, ...]
    """Names of the targets, in the order of the axis ``S``."""

    def separate(self, mixture: Float[Tensor, "B C T"]) -> Float[Tensor, "B S C T"]:
        """Return the estimates of a mixture: same scale and length, and they add up to it.

        The items of a batch do not influence each other.
        """
        raise NotImplementedError


def others_of_spectra(
    estimates: Complex[Tensor, "B S C F N"], spectrum: Complex[Tensor, "B C F N"]
) -> Complex[Tensor, "B others C F N"]:
    """Return all estimates but the last, after what they lack of the mixture was shared equally.

    The shares make the estimates add up to the mixture (the nearest such point, in the sense of
    least squares); the last one is then the mixture minus the others, and is not transformed.

    Parameters
    ----------
    estimates
        Spectrograms of all targets.
    spectrum
        Spectrogram of the mixture.

    References
    ----------
    Wisdom et al., "Differentiable consistency constraints for improved deep
    speech enhancement", ICASSP 2019, section 2.3.
    """
    share = (spectrum - estimates.sum(1)) / estimates.shape[1]
    return estimates[:, :-1] + share[:, None]


def with_last(
    others: Float[Tensor, "B others C T"], mixture: Float[Tensor, "B C T"]
) -> Float[Tensor, "B S C T"]:
    """Append the last estimate: what the others leave of the mixture."""
    last = mixture - others.sum(1)
    return torch.cat([others, last[:, None]], dim=1)

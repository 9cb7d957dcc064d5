"""Several networks for the same targets, whose estimates are averaged.

Networks of different kinds err in different places, so their mean errs less than each of them.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn

from libsep.nets.masking import MaskingNetwork, WienerShare, filtered, of_spectra
from libsep.nets.network import SeparationNetwork


class Blend(SeparationNetwork):
    """The weighted mean of the estimates of several networks; so it adds up to the mixture too.

    Parameters
    ----------
    members
        Networks with the same targets in the same order.
    weights
        Of each, above 0; only their ratios count.

    Raises
    ------
    ValueError
        Members differ in their targets, or weights and members are not equally many.

    References
    ----------
    Uhlich et al., "Improving music source separation based on deep neural networks through data
    augmentation and network blending", ICASSP 2017.
    """

    wiener: tuple[WienerShare, ...] = ()
    """What is done with the mean, if all members mask one transform; else it is empty."""

    def __init__(self, members: Sequence[SeparationNetwork], weights: Sequence[float]) -> None:
        super().__init__()
        are_usable = all(0 < weight < math.inf for weight in weights)
        if len(weights) != len(members) or not members or not are_usable:
            raise ValueError(f"weights {list(weights)} for {len(members)} members, expected equally"
                             " many, all above 0")  # fmt: skip
        self.targets = members[0].targets
        for member in members:
            if member.targets != self.targets:
                raise ValueError(f"targets {member.targets}, expected {self.targets} of all")
        self.members = nn.ModuleList(members)
        self.shares = [weight / sum(weights) for weight in weights]

    @property
    def networks(self) -> list[SeparationNetwork]:
        """The members."""
        return [member for member in self.members if isinstance(member, SeparationNetwork)]

    @property
    def transform(self) -> tuple[int, int] | None:
        """Length and distance of the windows of the spectrogram that all members mask, if any."""
        masking = [member for member in self.networks if isinstance(member, MaskingNetwork)]
        transforms = {(member.n_fft, member.hop_length) for member in masking}
        is_one = len(masking) == len(self.members) and len(transforms) == 1
        return transforms.pop() if is_one else None

    def others(self, spectrum: Complex[Tensor, "B C F N"]) -> Complex[Tensor, "B others C F N"]:
        """Return the mean of what the members mask, filtered, of all targets but the last."""
        members = [member for member in self.networks if isinstance(member, MaskingNetwork)]
        found = [
            share * member.others(spectrum)
            for member, share in zip(members, self.shares, strict=True)
        ]
        return filtered(torch.stack(found).sum(0), spectrum, self.wiener)

    def separate(self, mixture: Float[Tensor, "B C T"]) -> Float[Tensor, "B S C T"]:
        """Return the estimates of a mixture: same scale and length, and they add up to it."""
        if self.wiener and self.transform is not None:
            return of_spectra(self.others, mixture, len(self.targets), *self.transform)
        shape = (mixture.shape[0], len(self.targets), *mixture.shape[1:])
        mean = torch.zeros(shape, dtype=torch.float32, device=mixture.device)
        for member, share in zip(self.networks, self.shares, strict=True):
            mean = mean + share * member.separate(mixture).float()
        return mean


def member_name(place: int) -> str:
    """Return what a member of a `Blend` is called among its modules and tensors."""
    return f"members.{place}"

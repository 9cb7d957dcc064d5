"""Several networks for the same targets, whose estimates are averaged.

Networks of different kinds err in different places, so their mean errs less than each of them.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

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

    def __init__(self, members: Sequence[SeparationNetwork], weights: Sequence[float]) -> None:
        super().__init__()
        if len(weights) != len(members) or not members or min(weights) <= 0:
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

    def separate(self, mixture: Float[Tensor, "B C T"]) -> Float[Tensor, "B S C T"]:
        """Return the estimates of a mixture: same scale and length, and they add up to it."""
        shape = (mixture.shape[0], len(self.targets), *mixture.shape[1:])
        mean = torch.zeros(shape, dtype=torch.float32, device=mixture.device)
        for member, share in zip(self.networks, self.shares, strict=True):
            mean = mean + share * member.separate(mixture).float()
        return mean

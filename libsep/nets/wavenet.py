"""WaveNet for separation: dilated convolutions on samples, not causal, no pooling.

The network of Lluís, Pons and Serra, "End-to-end music source separation: is it possible in the
waveform domain?", Interspeech 2019 (arXiv 1810.12187), after Rethage, Pons and Serra, "A Wavenet
for speech denoising", ICASSP 2018; written from the papers. Dilations rise and fall (a pyramid)
stack by stack, so that the outer layers of a stack see the neighbourhood and the middle ones the
distance.

The paper's numbers (MUSDB18 test, mono at 16 kHz, medians of SDR): multi-instrument vocals 3.35,
drums 4.13, bass 2.49 dB, beside 3.05, 3.92 and 2.12 dB of DeepConvSep; 3.3 million parameters.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from libsep.nets.level import add_up, at_unit_level, zeros_for
from libsep.nets.network import SeparationNetwork


class ResidualLayer(nn.Module):
    """A dilated gated convolution of three samples, whose output goes on and to the sum.

    Nothing goes on from the last one.
    """

    def __init__(self, n_features: int, n_skip: int, dilation: int, *, is_last: bool) -> None:
        super().__init__()
        self.dilated = nn.Conv1d(
            n_features, 2 * n_features, 3, dilation=dilation, padding=dilation, bias=False
        )
        self.residual = None if is_last else nn.Conv1d(n_features, n_features, 1)
        self.skip = nn.Conv1d(n_features, n_skip, 1)

    def forward(
        self, x: Float[Tensor, "B D T"]
    ) -> tuple[Float[Tensor, "B D T"], Float[Tensor, "B E T"]]:
        """Return what the next layer sees, and what the output is made of."""
        signal, gate = self.dilated(x).chunk(2, dim=1)
        gated = torch.tanh(signal) * torch.sigmoid(gate)
        onward = x if self.residual is None else x + self.residual(gated)
        return onward, self.skip(gated)


class WaveNet(SeparationNetwork):
    """Stacks of dilated residual layers whose outputs are added up and mapped to the targets.

    The mixture is brought to an RMS of 1, and the estimates back to its level; what they lack of
    the mixture is shared equally between them.

    Parameters
    ----------
    targets
        Names of the targets, in the order of the axis ``S``.
    n_channels
        Channels of the mixture.
    n_stacks
        Pyramids of layers.
    largest_dilation
        In the middle of each pyramid, in samples; a power of two.
    n_features
        Of the layers.
    n_skip
        Of the sum over all layers.
    n_hidden
        Of the two layers that map the sum to the targets.

    Raises
    ------
    ValueError
        The largest dilation is no power of two.
    """

    def __init__(
        self,
        *,
        targets: Sequence[str] = ("drums", "bass", "other", "vocals"),
        n_channels: int = 2,
        n_stacks: int = 4,
        largest_dilation: int = 512,
        n_features: int = 64,
        n_skip: int = 64,
        n_hidden: Sequence[int] = (2048, 256),
    ) -> None:
        super().__init__()
        self.targets = tuple(targets)
        dilations = n_stacks * pyramid(largest_dilation)
        self._dilations = dilations
        self.first = nn.Conv1d(n_channels, n_features, 3, padding=1, bias=False)
        self.layers = nn.ModuleList(
            ResidualLayer(n_features, n_skip, dilation, is_last=index == len(dilations) - 1)
            for index, dilation in enumerate(dilations)
        )
        wide, narrow = n_hidden
        self.widen = nn.Conv1d(n_skip, wide, 3, padding=1)
        self.narrow = nn.Conv1d(wide, narrow, 3, padding=1)
        self.head = nn.Conv1d(narrow, len(self.targets) * n_channels, 1)

    @property
    def receptive_field(self) -> int:
        """Samples of the mixture that one sample of the estimates depends on."""
        return 1 + 2 * (3 + sum(self._dilations))

    def forward(self, mixture: Float[Tensor, "B C T"]) -> Float[Tensor, "B S C T"]:
        """Return the estimates of a mixture with an RMS near 1."""
        x, total = self.layers[0](self.first(mixture))
        for layer in self.layers[1:]:
            x, skip = layer(x)
            total = total + skip
        hidden = F.relu(self.narrow(F.relu(self.widen(F.relu(total)))))
        n_batch, n_channels, n_samples = mixture.shape
        estimates: Tensor = self.head(hidden).float()
        return estimates.view(n_batch, len(self.targets), n_channels, n_samples)

    def separate(self, mixture: Float[Tensor, "B C T"]) -> Float[Tensor, "B S C T"]:
        """Return the estimates of a mixture: same scale and length, and they add up to it."""
        if mixture.shape[-1] == 0:
            return zeros_for(mixture, len(self.targets))
        scaled, level = at_unit_level(mixture)
        return add_up(self(scaled) * level[:, None], mixture)


def pyramid(largest_dilation: int) -> tuple[int, ...]:
    """Return dilations that double up to the largest and halve again: 1, 2, 4, 2, 1 for 4.

    Raises
    ------
    ValueError
        The largest dilation is no power of two.
    """
    if largest_dilation < 1 or largest_dilation & (largest_dilation - 1):
        raise ValueError(f"largest dilation of {largest_dilation}, expected a power of two")
    rising = [2**power for power in range(largest_dilation.bit_length())]
    return (*rising, *rising[-2::-1])

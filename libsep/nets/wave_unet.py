"""Wave-U-Net: a U-Net on samples, with context and with the mixture as the sum of its outputs.

The network of Stoller, Ewert and Dixon, "Wave-U-Net: a multi-scale neural network for end-to-end
audio source separation", ISMIR 2018, written from the paper.

The paper's numbers (MUSDB18 test, 22.05 kHz, medians of SDR over 1 s frames): for singing voice M4
(stereo, context, linear interpolation) has 4.46 dB, M5 (learned interpolation) 4.58 dB; the
four-target M6, entered in SiSEC 2018, has drums 4.22, bass 3.21, other 2.25 and vocals 3.25 dB, a
mean of 3.2 dB, with about 10 million parameters.
"""

import itertools
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from libsep.nets.level import at_unit_level, zeros_for
from libsep.nets.network import SeparationNetwork, with_last

SLOPE = 0.2
"""Of the leaky rectifiers, below zero."""


class LinearUpsampling(nn.Module):
    """Puts the mean of two neighbours between them: ``n`` samples become ``2 n - 1``."""

    def forward(self, x: Float[Tensor, "B D N"]) -> Float[Tensor, "B D M"]:
        """Return the interpolated features."""
        return _between(x, 0.5 * (x[..., :-1] + x[..., 1:]))


class LearnedUpsampling(nn.Module):
    """Puts a mean of two neighbours between them whose weight each feature learns (M5).

    The weight is a sigmoid, so what comes between never lies outside its neighbours.
    """

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n_features, 1))

    def forward(self, x: Float[Tensor, "B D N"]) -> Float[Tensor, "B D M"]:
        """Return the interpolated features."""
        weight = torch.sigmoid(self.weight)
        return _between(x, weight * x[..., :-1] + (1 - weight) * x[..., 1:])


class WaveUNet(SeparationNetwork):
    """Halves the rate level by level, doubles it again, and joins both ways at each rate.

    Convolutions see only samples that exist: the mixture is given enough context (silence beyond
    its ends), and what the network computes is shorter than what it sees. All targets but the last
    come out of a hyperbolic tangent; the last is what they leave of the mixture. The mixture is
    brought to an RMS of 1 on its way in, and the estimates to ``headroom`` times that at most.

    Parameters
    ----------
    targets
        Names of the targets, in the order of the axis ``S``.
    n_channels
        Channels of the mixture.
    n_levels
        How often the rate is halved.
    n_features
        Features of the first level; level ``i`` has ``i`` times as many.
    down_kernel, up_kernel
        Lengths of the kernels on the way down and up, in samples; odd.
    upsampling
        ``linear`` as in M4, or ``learned`` as in M5.
    headroom
        What the tangent's 1 means, as a multiple of the mixture's RMS.

    Raises
    ------
    ValueError
        A kernel is even, or there is only one target.
    """

    def __init__(
        self,
        *,
        targets: Sequence[str] = ("drums", "bass", "other", "vocals"),
        n_channels: int = 2,
        n_levels: int = 12,
        n_features: int = 24,
        down_kernel: int = 15,
        up_kernel: int = 5,
        upsampling: Literal["linear", "learned"] = "learned",
        headroom: float = 8.0,
    ) -> None:
        super().__init__()
        if down_kernel % 2 == 0 or up_kernel % 2 == 0:
            raise ValueError(f"kernels of {down_kernel} and {up_kernel} samples, expected odd ones")
        if len(targets) < 2:
            raise ValueError(f"targets {tuple(targets)}: the last one is what the others leave")
        self.targets = tuple(targets)
        self.headroom = headroom
        self._kernels = (down_kernel, up_kernel)
        sizes = [n_channels, *(n_features * level for level in range(1, n_levels + 1))]
        self.down = nn.ModuleList(
            nn.Conv1d(before, after, down_kernel) for before, after in itertools.pairwise(sizes)
        )
        deepest = n_features * (n_levels + 1)
        self.bottleneck = nn.Conv1d(sizes[-1], deepest, down_kernel)
        above = [*sizes[2:], deepest]
        self.upsampling = nn.ModuleList(
            LearnedUpsampling(n) if upsampling == "learned" else LinearUpsampling() for n in above
        )
        self.up = nn.ModuleList(
            nn.Conv1d(coarse + skip, skip, up_kernel)
            for coarse, skip in zip(above, sizes[1:], strict=True)
        )
        self.head = nn.Conv1d(n_features + n_channels, (len(self.targets) - 1) * n_channels, 1)

    def context_samples(self, n_samples: int) -> tuple[int, int]:
        """Return what ``n_samples`` of output need before their first and after their last."""
        down_kernel, up_kernel = self._kernels
        n_out = n_samples
        for _ in self.up:  # from the output to the bottleneck
            n_out = (n_out + up_kernel) // 2 + (n_out + up_kernel) % 2
        n_in, n_real = n_out + down_kernel - 1, n_out
        for _ in self.up:
            n_in = 2 * n_in - 1 + down_kernel - 1
            n_real = 2 * n_real - 1 - (up_kernel - 1)
        before = (n_in - n_real) // 2
        return before, n_in - before - n_samples

    def forward(self, mixture: Float[Tensor, "B C T"]) -> Float[Tensor, "B others C short"]:
        """Return all estimates but the last, without the context that they lack at both ends."""
        x, skips = mixture, []
        for convolution in self.down:
            x = F.leaky_relu(convolution(x), SLOPE)
            skips.append(x)
            x = x[..., ::2]
        x = F.leaky_relu(self.bottleneck(x), SLOPE)
        ways = zip(self.upsampling[::-1], self.up[::-1], skips[::-1], strict=True)
        for upsample, convolution, skip in ways:
            x = upsample(x)
            x = F.leaky_relu(convolution(torch.cat([x, _centre(skip, x.shape[-1])], 1)), SLOPE)
        x = torch.cat([x, _centre(mixture, x.shape[-1])], dim=1)
        n_batch, n_channels, _ = mixture.shape
        others: Tensor = torch.tanh(self.head(x).float())
        return others.view(n_batch, len(self.targets) - 1, n_channels, -1)

    def separate(self, mixture: Float[Tensor, "B C T"]) -> Float[Tensor, "B S C T"]:
        """Return the estimates of a mixture: same scale and length, and they add up to it."""
        n_samples = mixture.shape[-1]
        if n_samples == 0:
            return zeros_for(mixture, len(self.targets))
        scaled, level = at_unit_level(mixture)
        others = self(F.pad(scaled, self.context_samples(n_samples)))[..., :n_samples]
        return with_last(others * (self.headroom * level)[:, None], mixture)


def _between(
    x: Float[Tensor, "B D N"], middles: Float[Tensor, "B D gaps"]
) -> Float[Tensor, "B D M"]:
    """Return the samples of ``x`` with one of ``middles`` between each two of them."""
    pairs = torch.stack([x[..., :-1], middles], dim=-1).flatten(-2)
    return torch.cat([pairs, x[..., -1:]], dim=-1)


def _centre(x: Float[Tensor, "B D N"], n_samples: int) -> Float[Tensor, "B D M"]:
    start = (x.shape[-1] - n_samples) // 2
    return x[..., start : start + n_samples]

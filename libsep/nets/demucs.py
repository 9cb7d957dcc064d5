"""Demucs as it was first published: gated convolutions on samples around a bidirectional LSTM.

The network of Défossez, Usunier, Bottou and Bach, "Demucs: deep extractor for music sources with
extra unlabeled data remixed", 2019 (arXiv 1909.01174), written from the paper. Kernels are twice as
long as their stride; the LSTM has the width of the innermost layer.

The paper's numbers (MUSDB18 test, 44.1 kHz, medians of SDR over 1 s frames): 5.58 dB over all
targets without extra data and 6.01 dB with remixed unlabelled songs, at 64 initial channels and
6 layers; the same network with 100 channels and augmentation is given 6.3 dB (drums 7.08,
bass 6.70, other 4.47, vocals 7.05) in the paper of Spleeter, JOSS 5(50), 2020.
"""

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from libsep.nets.level import add_up, at_unit_level, zeros_for
from libsep.nets.network import SeparationNetwork


class EncoderLayer(nn.Module):
    """A convolution with a stride, a rectifier, and a gated linear unit of width 1."""

    def __init__(self, n_in: int, n_out: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.down = nn.Conv1d(n_in, n_out, kernel, stride)
        self.gate = nn.Conv1d(n_out, 2 * n_out, 1)

    def forward(self, x: Float[Tensor, "B D T"]) -> Float[Tensor, "B E N"]:
        """Return the features at the lower rate."""
        return F.glu(self.gate(F.relu(self.down(x))), dim=1)


class DecoderLayer(nn.Module):
    """A gated linear unit that sees its neighbours, and a transposed convolution.

    Parameters
    ----------
    n_in, n_out
        Features before and after.
    kernel, stride
        Of the transposed convolution, in samples of its output.
    context
        Width of the gated linear unit, odd.
    is_last
        Whether the features are samples, which no rectifier may cut.
    """

    def __init__(
        self, n_in: int, n_out: int, *, kernel: int, stride: int, context: int, is_last: bool
    ) -> None:
        super().__init__()
        self.gate = nn.Conv1d(n_in, 2 * n_in, context, padding=context // 2)
        self.up = nn.ConvTranspose1d(n_in, n_out, kernel, stride)
        self.is_last = is_last

    def forward(self, x: Float[Tensor, "B D N"]) -> Float[Tensor, "B E T"]:
        """Return the features at the higher rate."""
        x = self.up(F.glu(self.gate(x), dim=1))
        return x if self.is_last else F.relu(x)


class Demucs(SeparationNetwork):
    """Encoder, bidirectional LSTM and decoder on samples, joined at each rate by addition.

    The mixture is brought to an RMS of 1, and the estimates back to its level; what they lack of
    the mixture is shared equally between them.

    Parameters
    ----------
    targets
        Names of the targets, in the order of the axis ``S``.
    n_channels
        Channels of the mixture.
    n_layers
        Layers of the encoder, and of the decoder.
    n_features
        Features of the outermost layer; each further one has twice as many.
    stride
        How much slower each layer is; kernels are twice as long.
    n_lstm_layers
        Of the LSTM.
    context
        Width of the decoder's gated linear units, odd.
    rescale
        Weights start with a deviation nearer to this, as in the paper's section on initialisation.

    References
    ----------
    Défossez et al., "Demucs: deep extractor for music sources with extra
    unlabeled data remixed", 2019, section 3.
    """

    def __init__(
        self,
        *,
        targets: Sequence[str] = ("drums", "bass", "other", "vocals"),
        n_channels: int = 2,
        n_layers: int = 6,
        n_features: int = 64,
        stride: int = 4,
        n_lstm_layers: int = 2,
        context: int = 3,
        rescale: float = 0.1,
    ) -> None:
        super().__init__()
        self.targets = tuple(targets)
        self.kernel, self.stride = 2 * stride, stride
        sizes = [n_channels, *(n_features * 2**layer for layer in range(n_layers))]
        outputs = [len(self.targets) * n_channels, *sizes[1:-1]]
        self.encoder = nn.ModuleList(
            EncoderLayer(before, after, self.kernel, stride)
            for before, after in itertools.pairwise(sizes)
        )
        deepest = sizes[-1]
        self.lstm = nn.LSTM(deepest, deepest, n_lstm_layers, bidirectional=True, batch_first=True)
        self.linear = nn.Linear(2 * deepest, deepest)
        self.decoder = nn.ModuleList(
            DecoderLayer(
                n_in, n_out, kernel=self.kernel, stride=stride, context=context, is_last=index == 0
            )
            for index, (n_in, n_out) in enumerate(zip(sizes[1:], outputs, strict=True))
        )
        for module in self.modules():
            if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
                _rescale(module, rescale)

    def padded_length(self, n_samples: int) -> int:
        """Return the shortest length from ``n_samples`` on that every layer divides exactly."""
        n_frames = n_samples
        for _ in self.encoder:
            n_frames = max(1, -(-(n_frames - self.kernel) // self.stride) + 1)
        for _ in self.encoder:
            n_frames = (n_frames - 1) * self.stride + self.kernel
        return n_frames

    def forward(self, mixture: Float[Tensor, "B C T"]) -> Float[Tensor, "B S C T"]:
        """Return the estimates of a mixture of a length that `padded_length` returns."""
        x, skips = mixture, []
        for down in self.encoder:
            x = down(x)
            skips.append(x)
        x = self.linear(self.lstm(x.transpose(1, 2))[0]).transpose(1, 2)
        for up, skip in zip(self.decoder[::-1], skips[::-1], strict=True):
            x = up(x + skip)
        n_batch, n_channels, n_samples = mixture.shape
        estimates: Tensor = x.float().view(n_batch, len(self.targets), n_channels, n_samples)
        return estimates

    def separate(self, mixture: Float[Tensor, "B C T"]) -> Float[Tensor, "B S C T"]:
        """Return the estimates of a mixture: same scale and length, and they add up to it."""
        n_samples = mixture.shape[-1]
        if n_samples == 0:
            return zeros_for(mixture, len(self.targets))
        scaled, level = at_unit_level(mixture)
        n_missing = self.padded_length(n_samples) - n_samples
        before = n_missing // 2
        estimates = self(F.pad(scaled, (before, n_missing - before)))
        estimates = estimates[..., before : before + n_samples] * level[:, None]
        return add_up(estimates, mixture)


def _rescale(convolution: nn.Conv1d | nn.ConvTranspose1d, reference: float) -> None:
    """Bring the deviation of new weights half-way (in dB) to a reference."""
    with torch.no_grad():
        scale = (convolution.weight.std() / reference).sqrt()
        convolution.weight.div_(scale)
        if convolution.bias is not None:
            convolution.bias.div_(scale)

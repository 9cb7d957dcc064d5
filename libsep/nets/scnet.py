"""SCNet: sparse compression of three frequency bands around a dual-path network.

The network of Tong et al., "SCNet: sparse compression network for music source separation",
ICASSP 2024, arXiv 2401.13276, written from the paper. Its parameters have the names and shapes of
the public checkpoints, which therefore load key by key.
"""

import itertools
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Complex, Float
from torch import Tensor, nn

from libsep.dsp.centred_stft import centred_istft, centred_stft
from libsep.nets.banded import RowsOfBins
from libsep.nets.network import SeparationNetwork, others_of_spectra, with_last

EPSILON = 1e-5
"""Added to the deviation of the mixture's spectrogram, in units of an orthonormal transform."""


class ConvolutionModule(nn.Module):
    """Residual branches along time: pointwise-gated, depthwise and pointwise convolution.

    Parameters
    ----------
    n_channels
        Features in and out.
    depth
        Number of branches, one after the other.
    compress
        By how much the features inside a branch are fewer.
    kernel
        Odd length of the kernels, in frames.
    """

    def __init__(self, n_channels: int, depth: int, compress: int, kernel: int) -> None:
        super().__init__()
        n_hidden = n_channels // compress
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.GroupNorm(1, n_channels),
                nn.Conv1d(n_channels, 2 * n_hidden, kernel, padding=kernel // 2),
                nn.GLU(1),
                nn.Conv1d(n_hidden, n_hidden, kernel, padding=kernel // 2, groups=n_hidden),
                nn.GroupNorm(1, n_hidden),
                nn.SiLU(),
                nn.Conv1d(n_hidden, n_channels, 1),
            )
            for _ in range(depth)
        )

    def forward(self, x: Float[Tensor, "B D F N"]) -> Float[Tensor, "B D F N"]:
        """Return features of the same shape; each row of each item is on its own."""
        n_batch, n_channels, n_rows, n_frames = x.shape
        rows = x.transpose(1, 2).reshape(n_batch * n_rows, n_channels, n_frames)
        for layer in self.layers:
            rows = rows + layer(rows)
        return rows.view(n_batch, n_rows, n_channels, n_frames).transpose(1, 2)


class SparseDownsampling(nn.Module):
    """Convolutions over the rows of three bands: the higher the band, the larger the stride."""

    def __init__(
        self, n_in: int, n_out: int, strides: Sequence[int], kernels: Sequence[int]
    ) -> None:
        super().__init__()
        self.strides = tuple(strides)
        self.convs = nn.ModuleList(
            RowsOfBins(n_in, n_out, stride)
            if kernel == stride
            else nn.Conv2d(n_in, n_out, (kernel, 1), (stride, 1))
            for kernel, stride in zip(kernels, strides, strict=True)
        )

    def forward(self, bands: Sequence[Float[Tensor, "B D _ N"]]) -> list[Float[Tensor, "B E _ N"]]:
        """Return the compressed bands; rows are padded on both sides to a whole number."""
        return [
            conv(F.pad(band, (0, 0, *_padding(band.shape[2], conv))))
            for band, conv in zip(bands, self.convs, strict=True)
        ]


class EncoderBlock(nn.Module):
    """Sparse downsampling, convolution modules by band, and one convolution over all bands."""

    def __init__(
        self,
        n_in: int,
        n_out: int,
        *,
        strides: Sequence[int],
        kernels: Sequence[int],
        depths: Sequence[int],
        compress: int,
        conv_kernel: int,
    ) -> None:
        super().__init__()
        self.SDlayer = SparseDownsampling(n_in, n_out, strides, kernels)
        self.conv_modules = nn.ModuleList(
            ConvolutionModule(n_out, depth, compress, conv_kernel) for depth in depths
        )
        self.globalconv = nn.Conv2d(n_out, n_out, 3, padding=1)

    def forward(
        self, bands: Sequence[Float[Tensor, "B D _ N"]]
    ) -> tuple[Float[Tensor, "B E F N"], Float[Tensor, "B E F N"], list[int]]:
        """Return the features, what skips to the decoder, and the rows of each band in them."""
        compressed = [
            F.gelu(module(band))
            for band, module in zip(self.SDlayer(bands), self.conv_modules, strict=True)
        ]
        skip = torch.cat(compressed, dim=2)
        return self.globalconv(skip), skip, [band.shape[2] for band in compressed]


class Fusion(nn.Module):
    """Adds the encoder's features, then a gated convolution.

    The paper feeds the sum twice, side by side, to the convolution; the same comes out of half
    the kernel, which is the sum of the two halves.
    """

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2 * n_channels, 2 * n_channels, 3, padding=1)

    def forward(
        self, x: Float[Tensor, "B D F N"], skip: Float[Tensor, "B D F N"]
    ) -> Float[Tensor, "B D F N"]:
        """Return features of the same shape."""
        first, second = self.conv.weight.chunk(2, dim=1)
        return F.glu(F.conv2d(x + skip, first + second, self.conv.bias, padding=1), dim=1)


class SparseUpsampling(nn.Module):
    """Transposed convolutions that give each band its rows back."""

    def __init__(
        self, n_in: int, n_out: int, strides: Sequence[int], kernels: Sequence[int]
    ) -> None:
        super().__init__()
        self.convtrs = nn.ModuleList(
            nn.ConvTranspose2d(n_in, n_out, (kernel, 1), (stride, 1))
            for kernel, stride in zip(kernels, strides, strict=True)
        )

    def forward(
        self, bands: Sequence[Float[Tensor, "B D _ N"]], n_rows: Sequence[int]
    ) -> Float[Tensor, "B E F N"]:
        """Return all bands, with ``n_rows`` rows each: the middle of what the convolution gives."""
        expanded = []
        for band, conv, count in zip(bands, self.convtrs, n_rows, strict=True):
            rows = conv(band)
            start = (rows.shape[2] - count) // 2
            expanded.append(rows[:, :, start : start + count])
        return torch.cat(expanded, dim=2)


class DualPath(nn.Module):
    """A recurrent layer over the rows of every frame, then one over the frames of every row."""

    def __init__(self, n_channels: int, hidden: int) -> None:
        super().__init__()
        self.lstm_layers = nn.ModuleList(
            nn.LSTM(n_channels, hidden, bidirectional=True) for _ in range(2)
        )
        self.linear_layers = nn.ModuleList(nn.Linear(2 * hidden, n_channels) for _ in range(2))
        self.norm_layers = nn.ModuleList(nn.GroupNorm(1, n_channels) for _ in range(2))

    def forward(self, x: Float[Tensor, "B D F N"]) -> Float[Tensor, "B D F N"]:
        """Return features of the same shape."""
        x = x + self._along(x, 2, 0)
        return x + self._along(x, 3, 1)

    def _along(self, x: Float[Tensor, "B D F N"], axis: int, index: int) -> Tensor:
        """Return what layer ``index`` makes of all sequences along ``axis``."""
        other = 5 - axis  # of rows and frames the one that is not walked along
        order = (axis, 0, other, 1)
        sequences = self.norm_layers[index](x).permute(order)  # (steps, B, other, D)
        shape = sequences.shape
        context, _ = self.lstm_layers[index](sequences.flatten(1, 2))
        residual: Tensor = self.linear_layers[index](context).view(shape)
        back = (1, 3, 0, 2) if axis == 2 else (1, 3, 2, 0)
        return residual.permute(back)


class SeparationNet(nn.Module):
    """Dual-path blocks, every other one on the spectrum of the features along time."""

    def __init__(self, n_channels: int, n_blocks: int, expand: int) -> None:
        super().__init__()
        widths = [n_channels * (1 + index % 2) for index in range(n_blocks)]
        self.dp_modules = nn.ModuleList(DualPath(width, width * expand) for width in widths)

    def forward(self, x: Float[Tensor, "B D F N"]) -> Float[Tensor, "B D F N"]:
        """Return features of the same shape; the number of frames must be even."""
        for index, block in enumerate(self.dp_modules):
            x = block(x).float()
            if index % 2:
                real, imaginary = x.chunk(2, dim=1)
                x = torch.fft.irfft(torch.complex(real, imaginary), dim=3, norm="ortho")
            else:
                spectrum = torch.fft.rfft(x, dim=3, norm="ortho")
                x = torch.cat([spectrum.real, spectrum.imag], dim=1)
        return x


class SCNet(SeparationNetwork):
    """Maps the complex spectrogram of the mixture to those of all targets.

    The estimates add up to the mixture: what they leave over is shared equally. Silence gives
    silence. Not causal.

    Parameters
    ----------
    targets
        Names of the targets, in the order of the axis ``S``.
    dims
        Features at each level; the first is two for each channel of the mixture.
    n_fft, hop_length
        Length and distance of the frames, in samples; the window is rectangular.
    band_ratios
        Share of the rows that the low, the middle and the high band have.
    band_strides, band_kernels
        How many rows of each band become one at each level, and how many it sees.
    conv_depths
        Residual branches in the convolution module of each band.
    compress, conv_kernel
        Of the convolution modules.
    n_dual_path, expand
        Dual-path blocks, an even number, and hidden units per feature in them.

    Raises
    ------
    ValueError
        ``n_dual_path`` is odd, or ``dims`` starts with an odd number.

    References
    ----------
    Tong et al., "SCNet: sparse compression network for music source separation", ICASSP 2024.
    """

    def __init__(
        self,
        *,
        targets: Sequence[str] = ("drums", "bass", "other", "vocals"),
        dims: Sequence[int] = (4, 32, 64, 128),
        n_fft: int = 4096,
        hop_length: int = 1024,
        band_ratios: Sequence[float] = (0.175, 0.392, 0.433),
        band_strides: Sequence[int] = (1, 4, 16),
        band_kernels: Sequence[int] = (3, 4, 16),
        conv_depths: Sequence[int] = (3, 2, 1),
        compress: int = 4,
        conv_kernel: int = 3,
        n_dual_path: int = 6,
        expand: int = 1,
    ) -> None:
        super().__init__()
        if n_dual_path % 2 or dims[0] % 2:
            raise ValueError(f"{n_dual_path} blocks and {dims[0]} channels, expected even numbers")
        self.targets = tuple(targets)
        self.n_fft = n_fft
        self.hop_length = hop_length
        self.band_ratios = tuple(band_ratios)
        self.encoder = nn.ModuleList(
            EncoderBlock(
                n_in,
                n_out,
                strides=band_strides,
                kernels=band_kernels,
                depths=conv_depths,
                compress=compress,
                conv_kernel=conv_kernel,
            )
            for n_in, n_out in itertools.pairwise(dims)
        )
        self.separation_net = SeparationNet(dims[-1], n_dual_path, expand)
        widths = [dims[0] * len(self.targets), *dims[1:]]
        self.decoder = nn.ModuleList(
            nn.ModuleList([Fusion(n_in), SparseUpsampling(n_in, n_out, band_strides, band_kernels)])
            for n_out, n_in in reversed(list(itertools.pairwise(widths)))
        )
        self.register_buffer("window", torch.ones(n_fft), persistent=False)
        self.window: Tensor

    def forward(self, spectrum: Complex[Tensor, "B C F N"]) -> Complex[Tensor, "B S C F N"]:
        """Return the spectrograms of the estimates; the number of frames must be even."""
        n_batch, n_channels, n_bins, n_frames = spectrum.shape
        parts = torch.view_as_real(spectrum).permute(0, 1, 4, 2, 3)
        x = parts.reshape(n_batch, 2 * n_channels, n_bins, n_frames)
        mean = x.mean(dim=(1, 2, 3), keepdim=True)
        deviation = x.std(dim=(1, 2, 3), keepdim=True)
        x = (x - mean) / (EPSILON * math.sqrt(self.n_fft) + deviation)
        skips = []
        for block in self.encoder:
            bands = self._split(x)
            x, skip, n_rows = block(bands)
            skips.append((skip, n_rows, [band.shape[2] for band in bands]))
        x = self.separation_net(x)
        for stage in self.decoder:
            assert isinstance(stage, nn.ModuleList)
            fuse, expand = stage
            skip, n_rows, n_expanded = skips.pop()
            x = expand(torch.split(fuse(x, skip), n_rows, dim=2), n_expanded)
        x = x.float() * deviation + mean
        parts = x.view(n_batch, len(self.targets), n_channels, 2, n_bins, n_frames)
        return torch.view_as_complex(parts.permute(0, 1, 2, 4, 5, 3).contiguous())

    def separate(self, mixture: Float[Tensor, "B C T"]) -> Float[Tensor, "B S C T"]:
        """Return the estimates of a mixture: same scale and length, and they add up to it."""
        n_samples = mixture.shape[-1]
        if n_samples == 0:
            return mixture[:, None].repeat(1, len(self.targets), 1, 1)
        # The spectrum of the features along time needs an even number of frames, the reflected
        # ends at least half a window: zeros follow.
        n_hops = max(n_samples // self.hop_length + 1, self.n_fft // self.hop_length // 2 + 1)
        n_padded = (n_hops + 1 - n_hops % 2) * self.hop_length
        padded = F.pad(mixture, (0, n_padded - n_samples))
        spectrum = centred_stft(padded, self.window, self.hop_length)
        others = others_of_spectra(self(spectrum), spectrum)
        return with_last(centred_istft(others, self.window, self.hop_length, n_samples), mixture)

    def _split(self, x: Float[Tensor, "B D F N"]) -> list[Float[Tensor, "B D _ N"]]:
        """Return the low, the middle and the high band."""
        low, middle, _ = self.band_ratios
        n_rows = x.shape[2]
        first, second = math.ceil(n_rows * low), math.ceil(n_rows * (low + middle))
        return [x[:, :, :first], x[:, :, first:second], x[:, :, second:]]


def _padding(n_rows: int, conv: nn.Module) -> tuple[int, int]:
    """Return how many rows a band lacks before and after it, so that no row is left out."""
    assert isinstance(conv, nn.Conv2d)
    kernel, stride = conv.kernel_size[0], conv.stride[0]
    n_missing = kernel - 1 if stride == 1 else -n_rows % stride
    return n_missing // 2, n_missing - n_missing // 2

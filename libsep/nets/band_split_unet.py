"""A U-Net over split frequency bands with a recurrent bottleneck: one network, all targets."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Complex, Float
from torch import Tensor, nn

from libsep.dsp.hpss import harmonic_share_by_means
from libsep.nets.banded import RowsOfBins, bins_of_rows
from libsep.nets.masking import MaskingNetwork

SIZES: dict[str, dict[str, Any]] = {
    "XS": {"channels": (24, 32, 48), "hidden": 32, "n_dual_path": 2, "n_convs": 1},
    "S": {"channels": (32, 48, 64), "hidden": 48, "n_dual_path": 3, "n_convs": 2},
    "M": {"channels": (48, 64, 96), "hidden": 64, "n_dual_path": 4, "n_convs": 2},
    "L": {"channels": (64, 96, 128), "hidden": 128, "n_dual_path": 5, "n_convs": 2},
}
"""Arguments of `BandSplitUNet` by name of the size: 0.2, 0.5, 1 and 3.5 million parameters."""


class ConvBlock(nn.Module):
    """Convolution 3 × 3, batch normalisation and SiLU; as many channels out as in."""

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n_channels, n_channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(n_channels)

    def forward(self, x: Float[Tensor, "B D F N"]) -> Float[Tensor, "B D F N"]:
        """Return the activated features."""
        return F.silu(self.norm(self.conv(x)))


class FrequencyBottleneck(nn.Module):
    """Two linear layers over the rows of a band-split spectrogram (a "TDF" block), as a residual.

    References
    ----------
    Choi et al., "Investigating U-Nets with various intermediate blocks for
    spectrogram-based singing voice separation", ISMIR 2020.
    """

    def __init__(self, n_rows: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(n_rows, n_rows // 8)
        self.expand = nn.Linear(n_rows // 8, n_rows)

    def forward(self, x: Float[Tensor, "B D F N"]) -> Float[Tensor, "B D F N"]:
        """Return ``x`` plus what its whole column of rows says about each row."""
        # In channels_last the rows are the slowest axis: a product from the left needs no copy.
        rows = x.permute(0, 2, 3, 1).flatten(2)  # (B, F, N * D)
        rows = F.silu(self.squeeze.weight @ rows + self.squeeze.bias[:, None])
        rows = F.silu(self.expand.weight @ rows + self.expand.bias[:, None])
        n_batch, n_channels, n_rows, n_frames = x.shape
        return x + rows.view(n_batch, n_rows, n_frames, n_channels).permute(0, 3, 1, 2)


class EncoderBlock(nn.Module):
    """Residual convolutions, then a `FrequencyBottleneck`."""

    def __init__(self, n_channels: int, n_rows: int, n_convs: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(*(ConvBlock(n_channels) for _ in range(n_convs)))
        self.frequency = FrequencyBottleneck(n_rows)

    def forward(self, x: Float[Tensor, "B D F N"]) -> Float[Tensor, "B D F N"]:
        """Return features of the same shape."""
        features: Tensor = self.frequency(x + self.convs(x))
        return features


class RecurrentPath(nn.Module):
    """``x + linear(BiLSTM(norm(x)))`` along one axis."""

    def __init__(self, n_channels: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(n_channels)
        self.lstm = nn.LSTM(n_channels, hidden, bidirectional=True)
        self.project = nn.Linear(2 * hidden, n_channels)

    def forward(self, x: Float[Tensor, "steps items D"]) -> Float[Tensor, "steps items D"]:
        """Return ``x`` of ``steps`` positions in order, with the context of each added."""
        context, _ = self.lstm(self.norm(x))
        residual: Tensor = self.project(context)
        return x + residual


class DualPath(nn.Module):
    """A recurrent path over the rows of every frame, then one over the frames of every row.

    References
    ----------
    Luo and Yu, "Music source separation with band-split RNN", IEEE/ACM TASLP 31, 2023.
    """

    def __init__(self, n_channels: int, hidden: int) -> None:
        super().__init__()
        self.over_rows = RecurrentPath(n_channels, hidden)
        self.over_frames = RecurrentPath(n_channels, hidden)

    def forward(self, x: Float[Tensor, "B D F N"]) -> Float[Tensor, "B D F N"]:
        """Return features of the same shape."""
        n_batch, n_channels, n_rows, n_frames = x.shape
        rows = x.permute(2, 0, 3, 1).reshape(n_rows, n_batch * n_frames, n_channels)
        rows = self.over_rows(rows).view(n_rows, n_batch, n_frames, n_channels)
        frames = rows.permute(2, 1, 0, 3).reshape(n_frames, n_batch * n_rows, n_channels)
        frames = self.over_frames(frames).view(n_frames, n_batch, n_rows, n_channels)
        features: Tensor = frames.permute(1, 3, 2, 0)
        return features


class BandSplitUNet(MaskingNetwork):
    """Estimates complex masks for all targets from the complex spectrogram of the mixture.

    Low bins keep a fine resolution, high bins are merged by strided convolutions; a two-level
    U-Net with residual blocks surrounds bidirectional LSTMs over rows and frames. The estimates
    always add up to the mixture: what the masks leave over is shared equally, and so is the
    Nyquist bin, which the network does not see. Silence gives exact silence. Not causal.

    Parameters
    ----------
    targets
        Names of the targets, in the order of the axis ``S``.
    n_fft, hop_length
        Window and hop of the spectrogram, in samples.
    n_channels
        Channels of the mixture.
    channels
        Features at the three levels, finest first.
    hidden
        Units of each LSTM and direction.
    n_dual_path
        Blocks at the bottleneck.
    n_convs
        Convolutions in each encoder block.
    band_bins, band_strides
        Number of bins of each band, lowest first, and how many of them become one row. The bins
        must add up to ``n_fft / 2``, the rows to a multiple of four.
    compression
        Exponent of the magnitudes that the network sees; 1 is the plain spectrogram.
    hpss
        Whether it sees what is harmonic and what is percussive of the mixture, which add up to it,
        in place of the mixture; see `libsep.dsp.hpss`.

    Raises
    ------
    ValueError
        The bands do not fit ``n_fft``.

    References
    ----------
    After Tong et al., "SCNet: sparse compression network for music source
    separation", ICASSP 2024, with masks, plain bands and a light decoder.
    """

    def __init__(
        self,
        *,
        targets: Sequence[str] = ("drums", "bass", "other", "vocals"),
        n_fft: int = 4096,
        hop_length: int = 1024,
        n_channels: int = 2,
        channels: Sequence[int] = (48, 64, 96),
        hidden: int = 64,
        n_dual_path: int = 4,
        n_convs: int = 2,
        band_bins: Sequence[int] = (352, 672, 1024),
        band_strides: Sequence[int] = (2, 8, 32),
        compression: float = 0.5,
        hpss: bool = False,
    ) -> None:
        super().__init__()
        n_rows = sum(_rows_of_bands(band_bins, band_strides, n_fft))
        self.targets = tuple(targets)
        self.n_fft = n_fft
        self.hop_length = hop_length
        self.n_channels = n_channels
        self.band_bins = tuple(band_bins)
        self.band_rows = _rows_of_bands(band_bins, band_strides, n_fft)
        self.compression = compression
        self.hpss = hpss
        fine, middle, coarse = channels
        n_masks = 2 * n_channels * len(self.targets)
        self.split = nn.ModuleList(
            RowsOfBins((4 if hpss else 2) * n_channels, fine, stride) for stride in band_strides
        )
        self.encode_fine = EncoderBlock(fine, n_rows, n_convs)
        self.down_middle = nn.Conv2d(fine, middle, 2, 2)
        self.encode_middle = EncoderBlock(middle, n_rows // 2, n_convs)
        self.down_coarse = nn.Conv2d(middle, coarse, (2, 1), (2, 1))
        self.dual_path = nn.Sequential(*(DualPath(coarse, hidden) for _ in range(n_dual_path)))
        self.up_middle = nn.ConvTranspose2d(coarse, middle, (2, 1), (2, 1))
        self.decode_middle = ConvBlock(middle)
        self.up_fine = nn.ConvTranspose2d(middle, fine, 2, 2)
        self.decode_fine = ConvBlock(fine)
        self.merge = nn.ModuleList(
            nn.ConvTranspose2d(fine, n_masks, (stride, 1), (stride, 1)) for stride in band_strides
        )
        # What projects all masks of a cell onto those that add up to one, without the last.
        n_targets, n_parts = len(self.targets), 2 * n_channels
        mean = torch.ones(n_targets, n_targets).kron(torch.eye(n_parts)) / n_targets
        self.to_unit_sum: Tensor
        self.share: Tensor
        projection = (torch.eye(n_masks) - mean)[:-n_parts]
        self.register_buffer("to_unit_sum", projection, persistent=False)
        share = torch.tensor((1.0, 0.0)).repeat((n_targets - 1) * n_channels) / n_targets
        self.register_buffer("share", share, persistent=False)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch's stub lacks it

    def forward(self, spectrum: Complex[Tensor, "B C F N"]) -> Complex[Tensor, "B S C F N"]:
        """Return the spectrograms of the estimates, which add up to ``spectrum``."""
        estimates = self.masked(spectrum)
        last = spectrum - estimates.sum(1)
        return torch.cat([estimates, last[:, None]], dim=1)

    def masked(self, spectrum: Complex[Tensor, "B C F N"]) -> Complex[Tensor, "B others C F N"]:
        """Return the spectrograms of all targets but the last, which gets the rest."""
        return self.masks(spectrum) * spectrum[:, None]

    def masks(self, spectrum: Complex[Tensor, "B C F N"]) -> Complex[Tensor, "B others C F N"]:
        """Return one complex factor for each cell and target but the last, which gets the rest.

        What the network's own masks, one for each target, leave over or have too much is shared
        equally. The Nyquist bin, which the network does not see, is shared equally too.
        """
        n_batch, n_channels, _, n_frames = spectrum.shape
        n_others = len(self.targets) - 1
        x = self._features(spectrum[:, :, :-1])
        bands = zip(torch.split(x, list(self.band_bins), dim=2), self.split, strict=True)
        fine = self.encode_fine(torch.cat([conv(band) for band, conv in bands], dim=2))
        middle = self.encode_middle(self.down_middle(fine))
        x = self.decode(self.dual_path(self.down_coarse(middle)), middle, fine)
        bands = zip(torch.split(x, list(self.band_rows), dim=2), self.merge, strict=True)
        masks = [self._merge(band, conv)[..., :n_frames] for band, conv in bands]
        shape = (n_batch, n_others, n_channels, 1, n_frames)
        masks.append(spectrum.new_full((), 1 / len(self.targets)).expand(shape))  # Nyquist
        # Bins last in memory, as the spectrum has them and the inverse transform wants them.
        return torch.cat([mask.transpose(-1, -2) for mask in masks], dim=-1).transpose(-1, -2)

    def _merge(
        self, band: Float[Tensor, "B fine rows N"], conv: nn.Module
    ) -> Complex[Tensor, "B others C bins N"]:
        """Turn rows into bins, and project: two linear steps, so the projection is free."""
        assert isinstance(conv, nn.ConvTranspose2d)
        assert conv.bias is not None
        weight = torch.einsum("iokl,po->ipkl", conv.weight, self.to_unit_sum)
        bias = torch.mv(self.to_unit_sum, conv.bias) + self.share
        parts = bins_of_rows(band, weight, bias).float()
        parts = parts.view(*parts.shape[:3], len(self.targets) - 1, self.n_channels, 2)
        return torch.view_as_complex(parts).permute(0, 3, 4, 1, 2)

    def decode(
        self,
        x: Float[Tensor, "B coarse F4 N2"],
        middle: Float[Tensor, "B middle F2 N2"],
        fine: Float[Tensor, "B fine F N"],
    ) -> Float[Tensor, "B fine F N"]:
        """Bring the bottleneck back to full resolution, with the encoder's features added."""
        x = self.up_middle(x) + middle
        x = x + self.decode_middle(x)
        x = self.up_fine(x) + fine
        features: Tensor = x + self.decode_fine(x)
        return features

    def _features(self, seen: Complex[Tensor, "B C bins N"]) -> Float[Tensor, "B D bins N2"]:
        """Real and imaginary parts as channels: unit deviation, compressed, frames even."""
        n_batch, _, n_bins, n_frames = seen.shape
        power = seen.real.square() + seen.imag.square()
        variance = power.mean(dim=(1, 2, 3), keepdim=True).clamp(min=1e-20)  # silence stays zero
        gain = (power / variance + 1e-8) ** ((self.compression - 1) / 2) / variance.sqrt()
        seen = seen * gain
        if self.hpss:
            harmonic = seen * harmonic_share_by_means(power.sqrt())
            seen = torch.cat([harmonic, seen - harmonic], dim=1)
        parts = torch.view_as_real(seen).permute(0, 1, 4, 2, 3)
        x = parts.reshape(n_batch, -1, n_bins, n_frames)
        return F.pad(x, (0, n_frames % 2)).contiguous(memory_format=torch.channels_last)


def _rows_of_bands(
    band_bins: Sequence[int], band_strides: Sequence[int], n_fft: int
) -> tuple[int, ...]:
    if len(band_bins) != len(band_strides) or sum(band_bins) != n_fft // 2:
        raise ValueError(f"bands of {band_bins} bins: expected {n_fft // 2} in all")
    if any(n_bins % stride for n_bins, stride in zip(band_bins, band_strides, strict=True)):
        raise ValueError(f"bands of {band_bins} bins cannot be divided by {band_strides}")
    rows = tuple(n_bins // stride for n_bins, stride in zip(band_bins, band_strides, strict=True))
    if sum(rows) % 4:
        raise ValueError(f"bands of {rows} rows: their sum must be a multiple of 4")
    return rows

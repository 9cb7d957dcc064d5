"""A `BandSplitUNet` for inference: the same numbers, laid out and computed for speed.

Features are ``(B, N, F, D)``, frames slowest and all of a cell together. So what concerns frames
one by one (rows from bins, rows mixed with each other, bins from rows, samples from bins) is done
for a few frames at a time, which stay in the processor's cache and need little memory; and a
convolution that neither overlaps nor goes beyond its frame is a plain product.
"""

import copy
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Complex, Float
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from libsep.dsp.hpss import harmonic_share_by_means
from libsep.nets import band_split_unet as plain
from libsep.nets.folded import FoldedNetwork
from libsep.nets.inference import in_parts, kept, kept_kernel


class FoldedBandSplitUNet(FoldedNetwork):
    """The estimates of a `BandSplitUNet` in evaluation; its weights are copies.

    Parameters
    ----------
    network
        Is not changed.
    dtype
        Arithmetic of the network; transforms and masks are float32.
    """

    def __init__(self, network: plain.BandSplitUNet, dtype: torch.dtype) -> None:
        super().__init__(
            network.targets,
            n_fft=network.n_fft,
            hop_length=network.hop_length,
            n_channels=network.n_channels,
            wiener=network.wiener,
        )
        self.band_bins, self.band_rows = network.band_bins, network.band_rows
        self.compression, self.hpss = network.compression, network.hpss
        self.dtype = dtype
        self.split = nn.ModuleList(_Product.of_strided(conv) for conv in network.split)
        self.encode_fine = _Encoder(network.encode_fine)
        self.down_middle = _Kernel(network.down_middle)
        self.encode_middle = _Encoder(network.encode_middle)
        self.down_coarse = _Product.of_strided(network.down_coarse)
        self.dual_path = nn.Sequential(*(_DualPath(block) for block in network.dual_path))
        self.up_middle = _Product.of_transposed(network.up_middle)
        self.decode_middle = _Conv(network.decode_middle)
        self.up_fine = _Kernel(network.up_fine)
        self.decode_fine = _Conv(network.decode_fine)
        self.merge = nn.ModuleList(
            _Product.of_transposed(conv, network.to_unit_sum, network.share)
            for conv in network.merge
        )
        self.to(dtype).requires_grad_(requires_grad=False)

    def masked(
        self, spectrum: Complex[Tensor, "B C N bins"]
    ) -> Iterator[Complex[Tensor, "B others C _ bins"]]:
        """Yield the spectra of all targets but the last, in the parts of `in_parts`."""
        features = self._decoded(self._bands(spectrum[..., :-1]))
        for part, seen in in_parts(1, features[:, : spectrum.shape[2]], spectrum.movedim(2, 1)):
            yield self._masked(part, seen.movedim(1, 2))

    def _bands(self, spectrum: Complex[Tensor, "B C N bins"]) -> list[Float[Tensor, "B N2 _ D"]]:
        """Return what the network sees of each band; see `BandSplitUNet`. Frames are even."""
        power = spectrum.real.square().addcmul_(spectrum.imag, spectrum.imag)
        variance = power.mean(dim=(1, 2, 3), keepdim=True).clamp(min=1e-20)  # silence stays zero
        shares: list[Tensor | None] = [None]
        if self.hpss:
            harmonic = harmonic_share_by_means(power.sqrt().mT).mT
            shares = [harmonic, 1 - harmonic]
        gain = power.div_(variance).add_(1e-8)
        exponent = (self.compression - 1) / 2
        # The usual compression, 0.5, has a faster way than the power.
        gain = gain.sqrt_().rsqrt_() if exponent == -0.25 else gain.pow_(exponent)
        gain /= variance.sqrt()
        gains = [gain if share is None else gain * share for share in shares]
        n_batch, n_channels, n_frames, _ = spectrum.shape
        shape = (n_batch, n_frames + n_frames % 2)
        bands = []
        for band, *of_band in zip(
            torch.split(spectrum, list(self.band_bins), dim=-1),
            *(torch.split(gain, list(self.band_bins), dim=-1) for gain in gains),
            strict=True,
        ):
            n_features = 2 * n_channels * len(gains)
            seen = band.real.new_empty((*shape, band.shape[-1], n_features), dtype=self.dtype)
            seen[:, n_frames:] = 0
            factors = [(band[:, c], gain[:, c]) for gain in of_band for c in range(n_channels)]
            for place, (values, factor) in enumerate(factors):
                torch.mul(values.real, factor, out=seen[:, :n_frames, :, 2 * place])
                torch.mul(values.imag, factor, out=seen[:, :n_frames, :, 2 * place + 1])
            bands.append(seen)
        return bands

    def _decoded(self, bands: list[Float[Tensor, "B N _ D"]]) -> Float[Tensor, "B N F fine"]:
        """Return the features of all rows that the masks are made of."""
        rows = zip(self.band_rows, bands, self.split, strict=True)
        fine: Tensor = torch.cat(
            [split(band.reshape(*band.shape[:2], n_rows, -1)) for n_rows, band, split in rows],
            dim=2,
        )
        fine = self.encode_fine(fine)
        middle = self.encode_middle(self.down_middle(fine))
        n_batch, n_frames, n_rows, _ = middle.shape
        x = self.down_coarse(middle.reshape(n_batch, n_frames, n_rows // 2, -1))
        middle += self.up_middle(self.dual_path(x)).view(middle.shape)
        middle += self.decode_middle(middle)
        fine += self.up_fine(middle)
        fine += self.decode_fine(fine)
        return fine

    def _masked(
        self, features: Float[Tensor, "B N F fine"], spectrum: Complex[Tensor, "B C N bins"]
    ) -> Complex[Tensor, "B others C N bins"]:
        """Return the spectra of all targets but the last, for some frames."""
        n_batch, n_channels, n_frames, n_bins = spectrum.shape
        n_others = len(self.targets) - 1
        shape = (n_batch, n_others, n_channels, n_frames, n_bins)
        masked = spectrum.new_empty(shape)
        masked[..., -1] = spectrum[:, None, ..., -1] / len(self.targets)  # the Nyquist bin
        first = 0
        for band, merge, n_band in zip(
            torch.split(features, list(self.band_rows), dim=2),
            self.merge,
            self.band_bins,
            strict=True,
        ):
            parts = merge(band.contiguous()).float()
            parts = parts.view(n_batch, n_frames, n_band, n_others, n_channels, 2)
            masks = torch.view_as_complex(parts).permute(0, 3, 4, 1, 2)
            here = slice(first, first + n_band)
            torch.mul(masks, spectrum[:, None, ..., here], out=masked[..., here])
            first += n_band
        return masked


class _Product(nn.Module):
    """A product with the features of each cell."""

    def __init__(self, weight: Float[Tensor, "E D"], bias: Float[Tensor, " E"]) -> None:
        super().__init__()
        self.weight, self.bias = kept(weight), kept(bias)

    @classmethod
    def of_strided(cls, conv: nn.Module) -> "_Product":
        """Return the convolution that makes one row of each ``stride`` of them."""
        assert isinstance(conv, nn.Conv2d)
        assert conv.bias is not None
        return cls(conv.weight[..., 0].transpose(1, 2).flatten(1), conv.bias)

    @classmethod
    def of_transposed(
        cls,
        conv: nn.Module,
        projection: Float[Tensor, "P E"] | None = None,
        offset: Float[Tensor, " P"] | None = None,
    ) -> "_Product":
        """Return the convolution that makes ``stride`` rows of each; and a projection of these."""
        assert isinstance(conv, nn.ConvTranspose2d)
        assert conv.bias is not None
        weight, bias = conv.weight[..., 0].permute(2, 1, 0), conv.bias
        if projection is not None:
            weight, bias = projection @ weight, projection @ bias
        if offset is not None:
            bias = bias + offset
        return cls(weight.flatten(0, 1), bias.repeat(len(weight)))

    def forward(self, x: Float[Tensor, "*lead D"]) -> Float[Tensor, "*lead E"]:
        """Return the features of each cell; ``x`` should be contiguous."""
        return F.linear(x, self.weight, self.bias)


class _Kernel(nn.Module):
    """A convolution over frames and rows, or a transposed one."""

    def __init__(self, conv: nn.Module) -> None:
        super().__init__()
        assert isinstance(conv, nn.Conv2d | nn.ConvTranspose2d)
        assert isinstance(conv.padding, tuple)
        assert conv.bias is not None
        weight = conv.weight.transpose(2, 3)
        self.weight = kept_kernel(weight)
        self.bias = kept(conv.bias)
        self._convolve = F.conv2d if isinstance(conv, nn.Conv2d) else F.conv_transpose2d
        self._stride, self._padding = conv.stride[::-1], conv.padding[::-1]

    def forward(self, x: Float[Tensor, "B N F D"]) -> Float[Tensor, "B N2 F2 E"]:
        """Return the features of the next level."""
        x = x.permute(0, 3, 1, 2)
        x = self._convolve(x, self.weight, self.bias, self._stride, self._padding)
        return x.permute(0, 2, 3, 1)


class _Conv(nn.Module):
    """A `ConvBlock` whose normalisation is part of the convolution."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        assert isinstance(block, plain.ConvBlock)
        self.kernel = _Kernel(fuse_conv_bn_eval(block.conv, block.norm))

    def forward(self, x: Float[Tensor, "B N F D"]) -> Float[Tensor, "B N F D"]:
        """Return the activated features."""
        return F.silu(self.kernel(x), inplace=True)


class _Encoder(nn.Module):
    """An `EncoderBlock`; it changes its input."""

    def __init__(self, block: plain.EncoderBlock) -> None:
        super().__init__()
        self.convs = nn.Sequential(*(_Conv(conv) for conv in block.convs))
        squeeze, expand = block.frequency.squeeze, block.frequency.expand
        self.squeeze, self.squeeze_bias = kept(squeeze.weight), kept(squeeze.bias[:, None])
        self.expand, self.expand_bias = kept(expand.weight), kept(expand.bias[:, None])

    def forward(self, x: Float[Tensor, "B N F D"]) -> Float[Tensor, "B N F D"]:
        """Return ``x`` with what the convolutions and then its whole column of rows add."""
        x += self.convs(x)
        for (part,) in in_parts(1, x):
            rows = part.flatten(0, 1)
            # Copies, because a product of many with one matrix would make them each time.
            squeeze = self.squeeze.repeat(len(rows), 1, 1)
            expand = self.expand.repeat(len(rows), 1, 1)
            few = F.silu(torch.baddbmm(self.squeeze_bias, squeeze, rows), inplace=True)
            more = F.silu(torch.baddbmm(self.expand_bias, expand, few), inplace=True)
            part += more.view(part.shape)
        return x


class _RecurrentPath(nn.Module):
    """A `RecurrentPath`; scale and shift of its normalisation are part of the LSTM's weights."""

    def __init__(self, path: plain.RecurrentPath) -> None:
        super().__init__()
        self._eps = path.norm.eps
        self.lstm = copy.deepcopy(path.lstm)
        state = self.lstm.state_dict()
        for way in ("", "_reverse"):
            weight, bias = state[f"weight_ih_l0{way}"], state[f"bias_ih_l0{way}"]
            bias += weight @ path.norm.bias
            weight *= path.norm.weight
        self.project = _Product(path.project.weight, path.project.bias)

    def forward(self, x: Float[Tensor, "steps items D"]) -> Float[Tensor, "steps items D"]:
        """Return ``x`` of ``steps`` positions in order, with the context of each added."""
        context, _ = self.lstm(F.layer_norm(x, x.shape[-1:], eps=self._eps))
        residual: Tensor = self.project(context)
        return residual.add_(x)


class _DualPath(nn.Module):
    """A `DualPath`."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        assert isinstance(block, plain.DualPath)
        self.over_rows = _RecurrentPath(block.over_rows)
        self.over_frames = _RecurrentPath(block.over_frames)

    def forward(self, x: Float[Tensor, "B N F D"]) -> Float[Tensor, "B N F D"]:
        """Return features of the same shape."""
        n_batch, n_frames, n_rows, n_features = x.shape
        rows = x.permute(2, 0, 1, 3).reshape(n_rows, n_batch * n_frames, n_features)
        rows = self.over_rows(rows).view(n_rows, n_batch, n_frames, n_features)
        frames = rows.permute(2, 1, 0, 3).reshape(n_frames, n_batch * n_rows, n_features)
        frames = self.over_frames(frames).view(n_frames, n_batch, n_rows, n_features)
        features: Tensor = frames.transpose(0, 1)
        return features

"""A `UNet` of magnitudes for inference: the same numbers, computed for speed.

Features are ``(B, D, N, F)`` in the memory format channels_last. What is written once is written
into its place: normalised features into a tensor that has the padding of the next convolution, and
both halves of a level into the tensor that joins them.
"""

import copy
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Complex, Float
from torch import Tensor, nn

from libsep.dsp.hpss import harmonic_share_by_means
from libsep.nets.folded import FoldedNetwork
from libsep.nets.inference import in_parts, kept, kept_kernel
from libsep.nets.level import gain_to_level
from libsep.nets.subpixel import parity_kernels, subpixel_kernel
from libsep.nets.unet import DownBlock, SourceUNet, UNet, UpBlock, activation

LEAST_CHANNELS = 4
"""Outputs below which one convolution for all parities is faster than one for each."""


class FoldedUNet(FoldedNetwork):
    """The estimates of a `UNet` in evaluation; its weights are copies.

    Parameters
    ----------
    network
        Is not changed.
    dtype
        Arithmetic of the networks; transforms and masks are float32.
    """

    def __init__(self, network: UNet, dtype: torch.dtype) -> None:
        super().__init__(
            network.targets,
            n_fft=network.n_fft,
            hop_length=network.hop_length,
            n_channels=network.n_channels,
            wiener=network.wiener,
        )
        self.n_seen_bins, self.multiple = network.n_seen_bins, network.multiple
        self.hpss, self.level_db, self.dtype = network.hpss, network.level_db, dtype
        sources = network.networks.values()
        self.networks = nn.ModuleList(_Source(source, dtype) for source in sources)
        self._masks = network.masking

    def masked(
        self, spectrum: Complex[Tensor, "B C N bins"]
    ) -> Iterator[Complex[Tensor, "B others C _ bins"]]:
        """Yield the spectra of all targets but the last, in the parts of `in_parts`."""
        seen = spectrum[..., : self.n_seen_bins]
        magnitude = seen.real.square().addcmul_(seen.imag, seen.imag).sqrt_()
        if self.level_db is not None:
            magnitude *= gain_to_level(magnitude, self.n_fft, self.level_db)
        padded = self._padded(magnitude)
        logits = [network(padded)[..., : spectrum.shape[2], :] for network in self.networks]
        for *parts, heard, mixture in in_parts(-2, *logits, magnitude, spectrum):
            gains = torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]
            yield _under(self._masks.seen(gains, heard)[:, :-1], mixture[:, None])

    def _padded(self, magnitude: Float[Tensor, "B C N F"]) -> Float[Tensor, "B inputs N2 F2"]:
        """Return what the networks see, in as many frames as they take, and padded."""
        seen = [magnitude]
        if self.hpss:
            harmonic = magnitude * harmonic_share_by_means(magnitude.mT).mT
            seen = [harmonic, magnitude - harmonic]
        n_batch, n_channels, n_frames, n_bins = magnitude.shape
        n_padded = n_frames + -n_frames % self.multiple
        shape = (n_batch, n_channels * len(seen), n_padded, n_bins)
        padded = _with_room(shape, magnitude, self.dtype)
        padded[..., n_frames:, :] = 0
        for first, part in enumerate(seen):
            here = slice(first * n_channels, (first + 1) * n_channels)
            padded[:, here, :n_frames, :n_bins] = part
        return padded


class _Source(nn.Module):
    """A `SourceUNet` whose input is padded."""

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        assert isinstance(network, SourceUNet)
        self.down = nn.ModuleList(_Down(block, dtype) for block in network.down)
        self.norms = nn.ModuleList(_Norm(norm) for norm in network.norms)
        self.up = nn.ModuleList(_Up(block, dtype) for block in network.up)
        assert network.last.bias is not None
        # So few channels take a CPU three times as long in bfloat16.
        self.last = kept_kernel(network.last.weight, torch.float32)
        self.last_bias = kept(network.last.bias, torch.float32)
        self._n_sources = network.last.groups
        self._activation = activation(network.activations, "down", in_place=True)

    def forward(self, padded: Float[Tensor, "B inputs N2 F2"]) -> Float[Tensor, "B sources C N F"]:
        """Return the logits of the gains."""
        skips: list[Tensor | None] = [None]
        x = self.down[0](padded)
        for norm, down in zip(self.norms, self.down[1:], strict=True):
            skips.append(x)
            padded = _with_room(x.shape, x, x.dtype)
            padded[..., :-1, :-1] = self._activation(norm(x))
            x = down(padded)
        for up in self.up:
            x = up(x, skips.pop())
        n_sources = self._n_sources
        logits = F.conv2d(
            x.float(), self.last, self.last_bias, dilation=2, padding=3, groups=n_sources
        )
        return logits.view(len(logits), n_sources, -1, *logits.shape[2:])


class _Down(nn.Module):
    """A `DownBlock` whose input has one more row and column of zeros at the end."""

    def __init__(self, block: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        assert isinstance(block, DownBlock)
        assert block.conv.bias is not None
        self.kernel = kept_kernel(block.conv.weight, dtype)
        self.bias = kept(block.conv.bias, dtype)

    def forward(self, padded: Float[Tensor, "B D N2 F2"]) -> Float[Tensor, "B E N F"]:
        """Return half as many frames and bins."""
        return F.conv2d(padded, self.kernel, self.bias, stride=2, padding=1)


class _Norm(nn.Module):
    """A batch normalisation with fixed statistics, which stay float32: rounded, they are heard."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        assert isinstance(norm, nn.BatchNorm2d)
        self.norm = copy.deepcopy(norm).eval().requires_grad_(requires_grad=False)

    def forward(self, x: Float[Tensor, "B D N F"]) -> Float[Tensor, "B D N F"]:
        """Return the normalised features."""
        norm = self.norm
        return F.batch_norm(
            x, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps
        )


class _Up(nn.Module):
    """An `UpBlock` as plain convolutions, see `libsep.nets.subpixel`."""

    def __init__(self, block: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        assert isinstance(block, UpBlock)
        # In its precision first: the kernels are permuted several times.
        weight, bias = block.conv.weight.detach().to(dtype), block.conv.bias
        assert bias is not None
        self._n_out = len(bias)
        self._is_joint = self._n_out < LEAST_CHANNELS
        kernels = (subpixel_kernel(weight),) if self._is_joint else parity_kernels(weight)
        self._names = [f"kernel_{place}" for place in range(len(kernels))]
        for name, kernel in zip(self._names, kernels, strict=True):
            self.register_buffer(name, kept_kernel(kernel, dtype))
        self.bias = kept(bias.repeat(4 if self._is_joint else 1), dtype)
        self.norm = _Norm(block.norm)
        self._activation = activation(block.activations, "up", in_place=True)

    def forward(
        self, x: Float[Tensor, "B D N F"], skip: Float[Tensor, "B E N2 F2"] | None
    ) -> Float[Tensor, "B _ N2 F2"]:
        """Return twice as many frames and bins, after the encoder's features ``skip``."""
        n_batch, _, n_frames, n_bins = x.shape
        n_skipped = 0 if skip is None else skip.shape[1]
        shape = (n_batch, n_skipped + self._n_out, 2 * n_frames, 2 * n_bins)
        joined = _channels_last(shape, x, x.dtype)
        if skip is not None:
            joined[:, :n_skipped] = skip
        for parity, features in enumerate(self._parities(x)):
            features = self.norm(self._activation(features[..., :n_frames, :n_bins]))
            joined[:, n_skipped:, parity // 2 :: 2, parity % 2 :: 2] = features
        return joined

    def _parities(self, x: Float[Tensor, "B D N F"]) -> Iterator[Float[Tensor, "B E _ _"]]:
        """Yield the features for rows and columns that are even even, even odd and so on."""
        for name in self._names:
            features = F.conv2d(x, self.get_buffer(name), self.bias, padding=1)
            yield from torch.split(features, self._n_out, dim=1)


def _under(
    masks: Float[Tensor, "B others C N F"], mixture: Complex[Tensor, "B 1 C N bins"]
) -> Complex[Tensor, "B others C N bins"]:
    """Return what masks leave of a mixture; above their bins their mean is the mask."""
    n_bins = masks.shape[-1]
    above = masks.mean(-1, keepdim=True)
    found = mixture.new_empty((*masks.shape[:-1], mixture.shape[-1]))
    torch.mul(mixture[..., :n_bins], masks, out=found[..., :n_bins])
    # As numbers: a complex product with a number for each frame takes longer.
    torch.mul(
        torch.view_as_real(mixture[..., n_bins:]),
        above[..., None],
        out=torch.view_as_real(found[..., n_bins:]),
    )
    return found


def _with_room(shape: Sequence[int], like: Tensor, dtype: torch.dtype) -> Float[Tensor, "B D N F"]:
    """Return a tensor with one more row and column of zeros at the end; the rest is not set."""
    *lead, n_frames, n_bins = shape
    room = _channels_last((*lead, n_frames + 1, n_bins + 1), like, dtype)
    room[..., -1, :] = 0
    room[..., -1] = 0
    return room


def _channels_last(
    shape: Sequence[int], like: Tensor, dtype: torch.dtype
) -> Float[Tensor, "B D N F"]:
    """Return a tensor whose values are not set, on the device of ``like``."""
    memory_format = torch.channels_last
    return torch.empty(shape, dtype=dtype, device=like.device, memory_format=memory_format)

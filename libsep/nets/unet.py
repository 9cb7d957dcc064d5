"""U-Nets of magnitudes, one for each source, as Spleeter has them: masks with the mixture's phase.

The network of Jansson et al., "Singing voice separation with deep U-Net convolutional networks",
ISMIR 2017, with the changes of Hennequin et al., "Spleeter: a fast and efficient music source
separation tool with pre-trained models", Journal of Open Source Software 5(50), 2020. Axes inside
are ``(B, channel, N, F)``: frames before bins, as the public weights have them.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Complex, Float
from torch import Tensor, nn

from libsep.dsp.hpss import harmonic_share_by_means
from libsep.nets.level import gain_to_level
from libsep.nets.masking import MaskingNetwork

EPSILON = 1e-10
"""Added to the sum of the squared magnitudes where it divides, as in Spleeter."""

NORM_EPSILON = 1e-3
DROPOUT = 0.5
N_DROPOUTS = 3
"""The deepest blocks of the decoder drop half of their features in training."""

JOINT = "joint"
"""Name of the network of all sources."""

Activations = Literal["relu", "elu"]
"""``relu``: leaky (0.2) on the way down, plain on the way up; ``elu``: ELU both ways."""


def activation(
    activations: Activations, way: Literal["down", "up"], *, in_place: bool = False
) -> Callable[[Tensor], Tensor]:
    """Return the function that follows the convolutions on the way down or up."""
    if activations == "elu":
        return functools.partial(F.elu, inplace=in_place)
    if way == "up":
        return functools.partial(F.relu, inplace=in_place)
    return functools.partial(F.leaky_relu, negative_slope=0.2, inplace=in_place)


class DownBlock(nn.Module):
    """Convolution 5 × 5 of stride 2, whose padding is one at the start and two at the end."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, 5, 2, padding=1)

    def forward(self, x: Float[Tensor, "B D N F"]) -> Float[Tensor, "B E N2 F2"]:
        """Return half as many frames and bins, before normalisation and activation."""
        features: Tensor = self.conv(F.pad(x, (0, 1, 0, 1)))
        return features


class UpBlock(nn.Module):
    """Transposed convolution 5 × 5 of stride 2, activation, *then* batch normalisation.

    The full output loses one row at the start and two at the end, so that its size doubles.
    """

    def __init__(self, n_in: int, n_out: int, activations: Activations, dropout: float) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(n_in, n_out, 5, 2, padding=1)
        self.norm = nn.BatchNorm2d(n_out, eps=NORM_EPSILON, momentum=0.01)
        self.dropout = nn.Dropout(dropout)
        self.activations = activations
        self.activation = activation(activations, "up")

    def forward(
        self, x: Float[Tensor, "B D N2 F2"], skip: Float[Tensor, "B E N F"] | None
    ) -> Float[Tensor, "B _ N F"]:
        """Return twice as many frames and bins, after the encoder's features ``skip``."""
        x = self.dropout(self.norm(self.activation(self.conv(x)[..., :-1, :-1])))
        return x if skip is None else torch.cat([skip.to(x.dtype), x], dim=1)


class SourceUNet(nn.Module):
    """The U-Net of a source, or of several: logits of the gain of each cell of a spectrogram.

    Parameters
    ----------
    n_inputs, n_channels
        Channels of what it sees, and of the mixture.
    channels
        Features of each level, finest first. Frames and bins must be multiples of
        ``2 ** len(channels)``.
    activations
        See `Activations`.
    n_sources
        Sources whose gains it finds; they share all features but the finest.
    """

    def __init__(
        self,
        n_inputs: int,
        n_channels: int,
        channels: Sequence[int],
        activations: Activations,
        n_sources: int = 1,
    ) -> None:
        super().__init__()
        self.activations = activations
        widths = [n_inputs, *channels]
        self.down = nn.ModuleList(DownBlock(*pair) for pair in itertools.pairwise(widths))
        # The deepest level is not normalised: Spleeter's file has such values, its graph no use.
        self.norms = nn.ModuleList(
            nn.BatchNorm2d(width, eps=NORM_EPSILON, momentum=0.01) for width in channels[:-1]
        )
        outputs = [n_sources, *channels[:-1]]
        inputs = [2 * width for width in channels[:-1]] + [channels[-1]]
        self.up = nn.ModuleList(
            UpBlock(n_in, n_out, activations, DROPOUT if depth < N_DROPOUTS else 0.0)
            for depth, (n_in, n_out) in enumerate(zip(inputs[::-1], outputs[::-1], strict=True))
        )
        n_last = n_sources * n_channels
        self.last = nn.Conv2d(n_sources, n_last, 4, dilation=2, padding=3, groups=n_sources)
        self.activation = activation(activations, "down")

    def forward(self, magnitude: Float[Tensor, "B inputs N F"]) -> Float[Tensor, "B sources C N F"]:
        """Return the logits of the gains."""
        skips: list[Tensor | None] = [None]
        x = self.down[0](magnitude)
        for norm, down in zip(self.norms, self.down[1:], strict=True):
            skips.append(x)
            x = down(self.activation(norm(x)))
        for up in self.up:
            x = up(x, skips.pop())
        # In bfloat16 the gradient of a grouped convolution is no number (torch 2.11 on a CPU).
        with torch.autocast(x.device.type, enabled=False):
            logits: Tensor = self.last(x.float())
        return logits.view(len(logits), self.last.groups, -1, *logits.shape[2:])


@dataclasses.dataclass(frozen=True)
class Masking:
    """How the networks' logits become the masks of the targets; see `UNet`."""

    targets: tuple[str, ...]
    joined: Mapping[str, str]
    gains: Literal["sigmoid", "softmax"]
    masks: Literal["ratio", "shared"]
    rest: str | None = None

    def __call__(
        self,
        logits: Float[Tensor, "B sources C N F"],
        magnitude: Float[Tensor, "B C N F"],
        n_bins: int,
    ) -> Float[Tensor, "B S C N bins"]:
        """Return the masks of all ``n_bins`` bins, frames before bins; they sum to one."""
        masks = self.seen(logits, magnitude)
        above = masks.mean(-1, keepdim=True)
        return torch.cat([masks, above.expand(*masks.shape[:-1], n_bins - masks.shape[-1])], dim=-1)

    def seen(
        self, logits: Float[Tensor, "B sources C N F"], magnitude: Float[Tensor, "B C N F"]
    ) -> Float[Tensor, "B S C N F"]:
        """Return the masks of the bins that the networks see."""
        gains = logits.softmax(1) if self.gains == "softmax" else logits.sigmoid()
        if self.rest is not None:
            place = self.targets.index(self.rest)
            left = (1 - gains.sum(1, keepdim=True)).clamp(min=0)
            gains = torch.cat([gains[:, :place], left, gains[:, place:]], dim=1)
        return self._joined(self._masks_of_gains(gains, magnitude))

    def _masks_of_gains(
        self, gains: Float[Tensor, "B sources C N F"], magnitude: Float[Tensor, "B C N F"]
    ) -> Float[Tensor, "B sources C N F"]:
        n_sources = gains.shape[1]
        if self.masks == "shared" and self.gains == "softmax":
            return gains  # they sum to one
        if self.masks == "shared":
            return gains + (1 - gains.sum(1, keepdim=True)) / n_sources
        power = (gains * magnitude[:, None]).square() + EPSILON / n_sources
        return power / power.sum(1, keepdim=True)

    def _joined(self, masks: Float[Tensor, "B sources C N F"]) -> Float[Tensor, "B S C N F"]:
        """Add the masks of further sources to those of their targets."""
        if not self.joined:
            return masks
        of_targets = list(masks.unbind(1))
        for target, mask in zip(self.joined.values(), of_targets[len(self.targets) :], strict=True):
            place = self.targets.index(target)
            of_targets[place] = of_targets[place] + mask
        return torch.stack(of_targets[: len(self.targets)], dim=1)


class UNet(MaskingNetwork):
    """A `SourceUNet` for each source, or for all; masks of their estimates on the mixture.

    The estimates add up to the mixture. Above the bins that the networks see, a frame's mask is the
    mean of its mask below. What the networks find depends on the level at which they hear the
    mixture; those that learnt from released music expect its level.

    Parameters
    ----------
    targets
        Names of the targets, in the order of the axis ``S``.
    rest
        A target without a network, whose gain is what the gains of the others lack of one. One
        network of the vocals then also gives the accompaniment.
    joint
        Whether one network finds the gains of all sources, so that they share features.
    joined
        Sources beside the targets that have a network too, each with the target that it goes into.
    n_fft, hop_length
        Window and hop of the spectrogram, in samples.
    n_channels
        Channels of the mixture.
    n_seen_bins
        The lowest bins, which the networks see; a multiple of ``2 ** len(channels)``.
    channels, activations
        Of each `SourceUNet`.
    gains
        ``sigmoid``: each network's own; ``softmax``: those of all networks sum to one.
    masks
        ``ratio``: a source's share of the squared magnitudes. ``shared``: its gain, and an equal
        share of what all gains lack of one or have too much; so a cell is decided by what one
        network finds in it and by what the others leave.
    fixed_norms
        Whether normalisations keep their statistics in training, which then were learnt before.
    hpss
        Whether the networks see the magnitudes of what is harmonic and of what is percussive, which
        add up to those of the mixture, in place of these; see `libsep.dsp.hpss`.
    level_db
        RMS level at which the networks hear each mixture, in dB relative to full scale; None: its
        own.

    Raises
    ------
    ValueError
        There are no levels, ``n_seen_bins`` does not fit them, a source is joined to no target, or
        ``rest`` is none, or stands beside gains that leave nothing.

    References
    ----------
    Jansson et al., ISMIR 2017; Hennequin et al., JOSS 5(50), 2020, 2154.
    """

    def __init__(
        self,
        *,
        targets: Sequence[str] = ("drums", "bass", "other", "vocals"),
        rest: str | None = None,
        joint: bool = False,
        joined: Mapping[str, str] | None = None,
        n_fft: int = 4096,
        hop_length: int = 1024,
        n_channels: int = 2,
        n_seen_bins: int = 1024,
        channels: Sequence[int] = (16, 32, 64, 128, 256, 512),
        activations: Activations = "relu",
        gains: Literal["sigmoid", "softmax"] = "sigmoid",
        masks: Literal["ratio", "shared"] = "ratio",
        fixed_norms: bool = False,
        hpss: bool = False,
        level_db: float | None = None,
    ) -> None:
        super().__init__()
        self.targets = tuple(targets)
        self.joined = dict(joined or {})
        self.n_fft = n_fft
        self.hop_length = hop_length
        self.n_channels = n_channels
        self.n_seen_bins = n_seen_bins
        self.n_levels = len(channels)
        self.multiple = 2**self.n_levels
        self.hpss, self.fixed_norms, self.level_db = hpss, fixed_norms, level_db
        self.masking = Masking(self.targets, self.joined, gains, masks, rest)
        if not channels:
            raise ValueError("channels: none, expected those of one level at least")
        if n_seen_bins % self.multiple or n_seen_bins > n_fft // 2:
            raise ValueError(f"{n_seen_bins} bins, expected a multiple of {self.multiple}")
        if not set(self.joined.values()) <= set(self.targets):
            raise ValueError(f"sources joined as {self.joined}, expected targets of {self.targets}")
        if rest is not None and (rest not in self.targets or gains == "softmax"):
            raise ValueError(f"rest {rest}, expected one of {self.targets}, with gains sigmoid")
        sources = [source for source in (*self.targets, *self.joined) if source != rest]
        networks = {JOINT: len(sources)} if joint else dict.fromkeys(sources, 1)
        n_inputs = (1 + hpss) * n_channels
        self.networks = nn.ModuleDict(
            {
                name: SourceUNet(n_inputs, n_channels, channels, activations, n_sources)
                for name, n_sources in networks.items()
            }
        )
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch's stub lacks it

    def train(self, mode: bool = True) -> "UNet":  # noqa: FBT001, FBT002 # torch's signature
        """Turn training on or off, for the normalisations only if they learn."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d) and self.fixed_norms:
                module.eval()
        return self

    def forward(self, spectrum: Complex[Tensor, "B C F N"]) -> Complex[Tensor, "B S C F N"]:
        """Return the spectrograms of the estimates, which add up to ``spectrum``."""
        return self.masks(spectrum) * spectrum[:, None]

    def masks(self, spectrum: Complex[Tensor, "B C F N"]) -> Float[Tensor, "B S C F N"]:
        """Return the factor of each cell and target, from zero to one; they sum to one."""
        n_frames = spectrum.shape[-1]
        magnitude = spectrum.abs()[:, :, : self.n_seen_bins].transpose(-1, -2)  # (B, C, N, F)
        if self.level_db is not None:
            magnitude = magnitude * gain_to_level(magnitude, self.n_fft, self.level_db)
        seen = magnitude
        if self.hpss:
            harmonic = magnitude * harmonic_share_by_means(magnitude.mT).mT
            seen = torch.cat([harmonic, magnitude - harmonic], dim=1)
        padded = F.pad(seen, (0, 0, 0, -n_frames % self.multiple))
        padded = padded.contiguous(memory_format=torch.channels_last)
        logits = torch.cat([network(padded).float() for network in self.networks.values()], dim=1)
        logits = logits[..., :n_frames, :]
        n_bins = spectrum.shape[2]
        return self.masking(logits, magnitude, n_bins).transpose(-1, -2)

    def masked(self, spectrum: Complex[Tensor, "B C F N"]) -> Complex[Tensor, "B others C F N"]:
        """Return the spectrograms of all targets but the last, which gets the rest."""
        return self.masks(spectrum)[:, :-1] * spectrum[:, None]

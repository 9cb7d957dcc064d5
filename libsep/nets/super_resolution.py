"""A network that gives the missing upper band of a spectrogram its amplitudes and phases."""

import torch
import torch.nn.functional as F
from jaxtyping import Complex, Float, Int
from torch import Tensor, nn

from libsep.dsp.replication import replicate

QUIETEST = 1e-5
"""Amplitude, as a share of the item's level, below which the network hears nothing."""

LOUDEST = 3.0
"""Most that a cell is above the level of its frame's known band, as a natural logarithm."""

SMOOTH_BINS = 33
"""Bins over which the envelope of the copied band is taken."""


class ConvNeXtBlock(nn.Module):
    """Depth-wise convolution over frames, then two layers over features, added to the input.

    Parameters
    ----------
    n_features
        Of the input and of the output.
    expansion
        Size of the hidden layer, as a multiple of it.

    References
    ----------
    Liu et al., "A ConvNet for the 2020s", CVPR 2022; in one dimension as in Siuzdak, "Vocos",
    ICLR 2024.
    """

    def __init__(self, n_features: int, expansion: int) -> None:
        super().__init__()
        self.over_frames = nn.Conv1d(n_features, n_features, 7, padding=3, groups=n_features)
        self.norm = nn.LayerNorm(n_features)
        self.widen = nn.Linear(n_features, expansion * n_features)
        self.narrow = nn.Linear(expansion * n_features, n_features)

    def forward(self, x: Float[Tensor, "B N D"]) -> Float[Tensor, "B N D"]:
        """Return ``x`` plus what this block makes of it."""
        hidden = self.over_frames(x.transpose(1, 2)).transpose(1, 2)
        change: Tensor = self.narrow(F.gelu(self.widen(self.norm(hidden))))
        return x + change


class AmplitudePhaseNet(nn.Module):
    """Two streams, of amplitudes and of phases, that see each other after every block.

    It starts from a spectrogram whose missing bins are copies of the octave below
    (`libsep.dsp.replication`). The amplitude stream says for each missing cell how much louder it
    should be, and how much of the copy's fine structure should stay; the phase stream turns the
    phase of the copy. So the network begins as the copying, keeps the phase relations that make a
    signal out of cells, and needs few parameters. One network serves every cut-off: it is told
    which bins are missing.

    Amplitudes are relative to the level of the frame's known band: output scales with the input,
    and where that is silent so is the output. Items do not influence each other.

    Parameters
    ----------
    n_fft, hop_length
        Of the spectrogram, in samples; the hop must be a quarter.
    n_features
        Of each stream.
    n_blocks
        ConvNeXt blocks of each stream.
    expansion
        Of the blocks.

    References
    ----------
    Lu et al., "Towards high-quality and efficient speech bandwidth extension with parallel
    amplitude and phase prediction", 2024 (AP-BWE): the streams and their exchange. There both are
    predicted from nothing and the network is seven times as large.
    """

    def __init__(
        self,
        *,
        n_fft: int = 2048,
        hop_length: int = 512,
        n_features: int = 160,
        n_blocks: int = 4,
        expansion: int = 3,
    ) -> None:
        super().__init__()
        if n_fft != 4 * hop_length:
            raise ValueError(f"hop_length {hop_length} must be a quarter of n_fft {n_fft}")
        self.n_fft = n_fft
        self.hop_length = hop_length
        n_bins = n_fft // 2 + 1
        self.amplitude_in = nn.Conv1d(n_bins, n_features, 3, padding=1)
        self.phase_in = nn.Linear(2 * n_bins, n_features)
        self.place = nn.Linear(n_bins, 2 * n_features, bias=False)
        self.amplitude_blocks = nn.ModuleList(
            ConvNeXtBlock(n_features, expansion) for _ in range(n_blocks)
        )
        self.phase_blocks = nn.ModuleList(
            ConvNeXtBlock(n_features, expansion) for _ in range(n_blocks)
        )
        self.amplitude_norm = nn.LayerNorm(n_features)
        self.phase_norm = nn.LayerNorm(n_features)
        self.gain_out = nn.Linear(n_features, n_bins)
        self.structure_out = nn.Linear(n_features, n_bins)
        self.turn_out = nn.Linear(n_features, 2 * n_bins)
        self._begin_as_copy()

    def forward(
        self, spectrum: Complex[Tensor, "B F N"], first_bins: Int[Tensor, " B"]
    ) -> Complex[Tensor, "B F N"]:
        """Return spectrograms whose bins from ``first_bins`` on are made; those below are copied.

        ``spectrum`` may have any scale, and anything in the missing bins: it is not looked at.
        """
        is_missing = torch.arange(spectrum.shape[1], device=spectrum.device) >= first_bins[:, None]
        known = spectrum.masked_fill(is_missing[:, :, None], 0)
        copied = replicate(known, first_bins)
        power = known.real.square() + known.imag.square()
        n_known = first_bins[:, None, None]
        frame_level = (power.sum(1, keepdim=True) / n_known).sqrt()  # (B, 1, N)
        level = (power.sum(1, keepdim=True) / n_known).mean(2, keepdim=True).sqrt()  # (B, 1, 1)

        size = copied.abs()
        unit = copied / size.clamp(min=1e-20)
        gain, kept, turn = self._judge(size / level.clamp(min=1e-12), unit, is_missing)
        relative = (size / frame_level.clamp(min=1e-12)).clamp(min=QUIETEST).log()
        envelope = _smooth(relative)
        logs = (envelope + gain + kept * (relative - envelope)).clamp(max=LOUDEST)
        made = frame_level * logs.exp() * unit * turn
        return torch.where(is_missing[:, :, None], made, spectrum)

    def _judge(
        self,
        size: Float[Tensor, "B F N"],
        unit: Complex[Tensor, "B F N"],
        is_missing: Tensor,
    ) -> tuple[Float[Tensor, "B F N"], Float[Tensor, "B F N"], Complex[Tensor, "B F N"]]:
        """Return gain, share of the fine structure that is kept, and turn of the phase."""
        sizes = (size + QUIETEST).log() / 4
        parts = torch.cat([unit.real, unit.imag], dim=1).transpose(1, 2)  # (B, N, 2 F)
        places = self.place(is_missing.to(sizes.dtype))[:, None]  # (B, 1, 2 D)
        amplitude_place, phase_place = places.chunk(2, dim=-1)
        amplitude = self.amplitude_in(sizes).transpose(1, 2) + amplitude_place
        phase = self.phase_in(parts) + phase_place
        blocks = zip(self.amplitude_blocks, self.phase_blocks, strict=True)
        for amplitude_block, phase_block in blocks:
            both = amplitude + phase
            amplitude, phase = amplitude_block(both), phase_block(both)
        amplitude, phase = self.amplitude_norm(amplitude), self.phase_norm(phase)
        gain = self.gain_out(amplitude).float().transpose(1, 2)
        kept = self.structure_out(amplitude).float().sigmoid().transpose(1, 2)
        turn = self.turn_out(phase).float().transpose(1, 2)
        real, imaginary = turn.chunk(2, dim=1)
        length = (real.square() + imaginary.square() + 1e-8).sqrt()
        return gain, kept, torch.complex(real / length, imaginary / length)

    def _begin_as_copy(self) -> None:
        """Set the last layers so that the copied band is changed little at first."""
        for layer in (self.gain_out, self.structure_out, self.turn_out):
            nn.init.normal_(layer.weight, std=1e-3)
            nn.init.zeros_(layer.bias)
        nn.init.constant_(self.structure_out.bias, 3.0)
        nn.init.constant_(self.turn_out.bias[: self.n_fft // 2 + 1], 1.0)


def _smooth(values: Float[Tensor, "B F N"]) -> Float[Tensor, "B F N"]:
    """Return the mean over neighbouring bins; at the ends over those that exist."""
    rows = values.transpose(1, 2)
    half = SMOOTH_BINS // 2
    pooled = F.avg_pool1d(rows, SMOOTH_BINS, stride=1, padding=half, count_include_pad=False)
    return pooled.transpose(1, 2)

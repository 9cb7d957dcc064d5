"""Two encoders, one along the bins and one along the frames, and a decoder for each target.

After Pepino and Bender, "Separación de fuentes musicales mediante redes neuronales convolucionales
con múltiples decodificadores", 2019: a vertical encoder whose kernels cover many bins of one frame
(timbre) and a horizontal one whose kernels cover many frames of one bin (what lasts, what beats),
both with batch normalisation; a fully connected latent layer that joins them; a fully connected
layer for each target, behind which all targets share the transposed convolutions; soft masks. It
descends from the single encoder of Chandna et al., "Monoaural audio source separation using deep
convolutional neural networks", LVA/ICA 2017 (DeepConvSep: vocals 3.05, drums 3.92, bass 2.12 dB of
SDR in the comparison of Lluís et al. 2019). Sizes that the text leaves open are ours.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from libsep.nets.banded import BinsOfRows, RowsOfBins
from libsep.nets.magnitude import MagnitudeNetwork, Reconstruction


class TwoEncoder(MagnitudeNetwork):
    """Patches of a spectrogram, through two encoders and a latent layer, to masks.

    Patches lie side by side and do not know of each other; the last one is filled with silence.

    Parameters
    ----------
    targets
        Names of the targets, in the order of the axis ``S``.
    n_fft, hop_length
        Length and distance of the Hann windows, in samples.
    n_channels
        Channels of the mixture.
    n_seen_bins
        The lowest bins, which the encoders see; the mask of the highest of them is used above.
    n_frames
        Length of a patch.
    n_features
        Kernels of each encoder.
    n_latent
        Features of the latent layer.
    tall, wide
        Bins that a vertical kernel covers, and frames that a horizontal one does.
    reconstruction
        Where the phase comes from; see `MagnitudeNetwork`.
    """

    def __init__(
        self,
        *,
        targets: Sequence[str] = ("drums", "bass", "other", "vocals"),
        n_fft: int = 2048,
        hop_length: int = 512,
        n_channels: int = 2,
        n_seen_bins: int = 768,
        n_frames: int = 32,
        n_features: int = 16,
        n_latent: int = 256,
        tall: int = 32,
        wide: int = 8,
        reconstruction: Reconstruction = "mixture-phase",
    ) -> None:
        super().__init__(
            targets=targets, n_fft=n_fft, hop_length=hop_length, reconstruction=reconstruction
        )
        if n_seen_bins % tall or n_frames % wide or n_seen_bins > n_fft // 2 + 1:
            message = f"{n_seen_bins} bins by {tall}, {n_frames} frames by {wide}, of {n_fft // 2}"
            raise ValueError(f"patches do not fit the kernels: {message}")
        self.n_seen_bins, self.n_frames = n_seen_bins, n_frames
        self._vertical_shape = (n_features, n_seen_bins // tall, n_frames)
        self._horizontal_shape = (n_features, n_seen_bins // tall, n_frames // wide)
        self.vertical = _encoder(RowsOfBins(n_channels, n_features, tall, bias=False))
        # The horizontal kernels see every bin; afterwards neighbouring bins are averaged.
        kernel = (1, wide)
        self.horizontal = _encoder(nn.Conv2d(n_channels, n_features, kernel, kernel, bias=False))
        self.coarse = nn.AvgPool2d((tall, 1))
        n_vertical = n_features * (n_seen_bins // tall) * n_frames
        n_horizontal = n_vertical // wide
        self.latent = nn.Linear(n_vertical + n_horizontal, n_latent)
        self.decoders = nn.ModuleDict(
            {target: nn.Linear(n_latent, n_vertical + n_horizontal) for target in self.targets}
        )
        self.up_vertical = BinsOfRows(n_features, n_channels, tall)
        self.up_horizontal = nn.ConvTranspose2d(n_features, n_channels, (tall, wide), (tall, wide))

    def magnitudes(self, magnitude: Float[Tensor, "B C F N"]) -> Float[Tensor, "B S C F N"]:
        """Return the magnitudes of all targets from those of the mixture."""
        n_batch, _, n_bins, n_frames = magnitude.shape
        seen = F.pad(magnitude[:, :, : self.n_seen_bins], (0, -n_frames % self.n_frames))
        patches = seen.reshape(*seen.shape[:3], -1, self.n_frames).permute(0, 3, 1, 2, 4)
        found = self._of_patches(patches.flatten(0, 1).log1p())  # (B P, S, C, seen, frames)
        found = found.view(n_batch, -1, *found.shape[1:]).permute(0, 2, 3, 4, 1, 5).flatten(4)
        found = found[..., :n_frames]
        above = found[..., -1:, :].expand(-1, -1, -1, n_bins - self.n_seen_bins, -1)
        return torch.cat([found, above], dim=3)

    def _of_patches(
        self, patches: Float[Tensor, "P C seen frames"]
    ) -> Float[Tensor, "P S C seen frames"]:
        vertical = self.vertical(patches).flatten(1)
        horizontal = self.coarse(self.horizontal(patches)).flatten(1)
        latent = F.relu(self.latent(torch.cat([vertical, horizontal], dim=1)))
        estimates = []
        for target in self.targets:
            decoded = F.relu(self.decoders[target](latent))
            tall, wide = decoded.tensor_split([vertical.shape[1]], dim=1)
            image = self.up_vertical(tall.view(-1, *self._vertical_shape))
            image = image + self.up_horizontal(wide.view(-1, *self._horizontal_shape))
            estimates.append(F.softplus(image))
        return torch.stack(estimates, dim=1)


def _encoder(convolution: nn.Conv2d) -> nn.Sequential:
    """Return a convolution whose kernels lie side by side, normalised, with a rectifier."""
    return nn.Sequential(convolution, nn.BatchNorm2d(convolution.out_channels), nn.ReLU())

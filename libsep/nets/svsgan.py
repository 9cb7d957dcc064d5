"""SVSGAN: layers over single frames, and a discriminator of frames that sees the mixture too.

Fan, Lai and Jang, "SVSGAN: singing voice separation via generative adversarial network", ICASSP
2018 (arXiv 1710.11428): a generator of fully connected layers whose outputs pass a mask, trained on
sources first and then against a discriminator that is conditioned on the mixture (equation 3).
Here it has an encoder and a decoder, with or without an LSTM between them, on frames of 2048
samples every 1024, and starts with the generalised Kullback-Leibler divergence.

The paper's gain of the adversarial stage over its start is a few tenths of a dB of SDR and SIR on
MIR-1K, iKala and DSD100; it gives no figure for four targets or for MUSDB18.
"""

import itertools
from collections.abc import Sequence

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from libsep.nets.magnitude import MagnitudeNetwork, Reconstruction

SLOPE = 0.2
"""Of the leaky rectifiers of the discriminator, below zero."""


class Svsgan(MagnitudeNetwork):
    """An encoder and a decoder over the frames of each channel; an LSTM between them if asked for.

    Each channel of the mixture is treated alone, by the same weights: the paper's recordings are
    mono.

    Parameters
    ----------
    targets
        Names of the targets, in the order of the axis ``S``.
    n_fft, hop_length
        Length and distance of the Hann windows, in samples.
    hidden
        Features after each layer of the encoder; the decoder has them in the opposite order.
    is_recurrent
        Whether an LSTM over the frames lies between encoder and decoder.
    reconstruction
        Where the phase comes from; see `MagnitudeNetwork`.
    """

    def __init__(
        self,
        *,
        targets: Sequence[str] = ("drums", "bass", "other", "vocals"),
        n_fft: int = 2048,
        hop_length: int = 1024,
        hidden: Sequence[int] = (1024, 512, 256),
        is_recurrent: bool = False,
        reconstruction: Reconstruction = "mixture-phase",
    ) -> None:
        super().__init__(
            targets=targets, n_fft=n_fft, hop_length=hop_length, reconstruction=reconstruction
        )
        n_bins = n_fft // 2 + 1
        self.encoder = _layers([n_bins, *hidden])
        self.lstm = nn.LSTM(hidden[-1], hidden[-1], batch_first=True) if is_recurrent else None
        self.decoder = _layers([*hidden[::-1]])
        self.head = nn.Linear(hidden[0], len(self.targets) * n_bins)

    def magnitudes(self, magnitude: Float[Tensor, "B C F N"]) -> Float[Tensor, "B S C F N"]:
        """Return the magnitudes of all targets from those of the mixture."""
        n_batch, n_channels, n_bins, n_frames = magnitude.shape
        x = self.encoder(magnitude.flatten(0, 1).transpose(1, 2).log1p())  # (B C, N, hidden)
        if self.lstm is not None:
            x = x + self.lstm(x)[0]
        found = F.softplus(self.head(self.decoder(x)))  # (B C, N, S F)
        found = found.view(n_batch, n_channels, n_frames, len(self.targets), n_bins)
        return found.permute(0, 3, 1, 4, 2)


class FrameDiscriminator(nn.Module):
    """Tells frames of sources from frames of estimates, beside the frame of their mixture.

    Parameters
    ----------
    n_bins
        Bins of a frame.
    n_targets
        Targets that lie side by side in a frame.
    hidden
        Features of each of its three layers.
    """

    def __init__(self, n_bins: int, n_targets: int, hidden: int = 512) -> None:
        super().__init__()
        sizes = [(n_targets + 1) * n_bins, hidden, hidden, hidden]
        self.layers = nn.ModuleList(
            nn.Linear(before, after) for before, after in itertools.pairwise(sizes)
        )
        self.head = nn.Linear(hidden, 1)

    def forward(
        self, seen: Float[Tensor, "B all C F N"]
    ) -> tuple[list[Float[Tensor, "B C N"]], list[Float[Tensor, "B C N hidden"]]]:
        """Return one logit for each frame, above zero where it looks like sources, and features.

        Both are lists, as those of discriminators with several resolutions. What is seen are the
        magnitudes of the targets and, behind them, of their mixture.
        """
        x = seen.log1p().permute(0, 2, 4, 1, 3).flatten(3)  # (B, C, N, (S + 1) F)
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), SLOPE)
            features.append(x)
        return [self.head(x)[..., 0]], features


def _layers(sizes: Sequence[int]) -> nn.Sequential:
    pairs = itertools.pairwise(sizes)
    return nn.Sequential(*(m for a, b in pairs for m in (nn.Linear(a, b), nn.ReLU())))

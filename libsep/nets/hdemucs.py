"""Hybrid Demucs: torchaudio's network, with stems that add up to the mixture."""

from collections.abc import Sequence

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from libsep.nets.network import SeparationNetwork, with_last

SILENCE = 1e-8
"""Smallest deviation, of full scale, by which a mixture is divided."""


class HybridDemucs(SeparationNetwork):
    """`torchaudio.models.HDemucs` behind the interface of all networks.

    The mixture is normalised as torchaudio's tutorial does, by mean and deviation of its mono
    sum; here by those of the segment, not of the track, so that a segment's estimates depend on
    nothing else. (The network normalises both of its branches again, so this changes little.)
    What the estimates lack of the mixture is shared equally. Silence gives silence.

    Parameters
    ----------
    targets
        Names of the targets, in the order of the axis ``S``.
    n_channels
        Channels of the mixture.
    n_fft, depth, channels
        Length of the window in samples, levels, and features at the first one.

    References
    ----------
    Défossez, "Hybrid spectrogram and waveform source separation", ISMIR 2021
    MDX workshop, arXiv 2111.03600.
    """

    def __init__(
        self,
        *,
        targets: Sequence[str] = ("drums", "bass", "other", "vocals"),
        n_channels: int = 2,
        n_fft: int = 4096,
        depth: int = 6,
        channels: int = 48,
    ) -> None:
        super().__init__()
        # Here, because it takes a sixth of a second to import, and few networks need it.
        from torchaudio.models import HDemucs

        self.targets = tuple(targets)
        self.network = HDemucs(
            list(targets), n_channels, channels=channels, nfft=n_fft, depth=depth
        )

    def separate(self, mixture: Float[Tensor, "B C T"]) -> Float[Tensor, "B S C T"]:
        """Return the estimates of a mixture: same scale and length, and they add up to it."""
        if mixture.shape[-1] == 0:
            return mixture[:, None].repeat(1, len(self.targets), 1, 1)
        mono = mixture.mean(1, keepdim=True)
        mean = mono.mean(-1, keepdim=True)
        deviation = mono.std(-1, keepdim=True, correction=0).clamp(min=SILENCE)
        n_samples = mixture.shape[-1]  # shorter than a window the network cannot take
        padded = F.pad((mixture - mean) / deviation, (0, max(0, self.network.nfft - n_samples)))
        estimates = self.network(padded).float()[..., :n_samples]
        estimates = estimates * deviation[:, None] + mean[:, None]
        share = (mixture - estimates.sum(1)) / len(self.targets)
        others = estimates[:, :-1] + share[:, None]
        return with_last(others, mixture)

"""Open-Unmix: one recurrent magnitude network for each target, masks with the mixture's phase.

The network of Stöter, Uhlich, Liutkus and Mitsufuji, "Open-Unmix – a reference implementation for
music source separation", Journal of Open Source Software 4(41), 2019, written from the paper. Its
parameters have the names and shapes of the public checkpoints, which therefore load key by key.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Complex, Float
from torch import Tensor, nn

from libsep.dsp.centred_stft import centred_istft, centred_stft
from libsep.nets.network import SeparationNetwork, others_of_spectra, with_last

EPSILON = 1e-10
"""Added to the sum of the magnitudes where it divides."""


class TargetNetwork(nn.Module):
    """Estimates the magnitudes of one target from those of the mixture.

    Parameters
    ----------
    n_bins
        Bins of the spectrogram, all of which are estimated.
    n_seen_bins
        The lowest bins, which the network sees.
    n_channels
        Channels of the mixture.
    hidden
        Features between the layers; each direction of the LSTM has half of them.
    n_layers
        Of the LSTM.
    """

    def __init__(
        self, n_bins: int, n_seen_bins: int, n_channels: int, hidden: int, n_layers: int
    ) -> None:
        super().__init__()
        self.fc1 = nn.Linear(n_seen_bins * n_channels, hidden, bias=False)
        self.bn1 = nn.BatchNorm1d(hidden)
        self.lstm = nn.LSTM(hidden, hidden // 2, n_layers, bidirectional=True)
        self.fc2 = nn.Linear(2 * hidden, hidden, bias=False)
        self.bn2 = nn.BatchNorm1d(hidden)
        self.fc3 = nn.Linear(hidden, n_bins * n_channels, bias=False)
        self.bn3 = nn.BatchNorm1d(n_bins * n_channels)
        # The checkpoints hold the mean negative and the scale inverted: added, then multiplied.
        self.input_mean = nn.Parameter(torch.zeros(n_seen_bins))
        self.input_scale = nn.Parameter(torch.ones(n_seen_bins))
        self.output_mean = nn.Parameter(torch.ones(n_bins))
        self.output_scale = nn.Parameter(torch.ones(n_bins))

    def forward(self, magnitude: Float[Tensor, "B C F N"]) -> Float[Tensor, "B C F N"]:
        """Return the target's magnitudes, not negative."""
        n_batch, n_channels, n_bins, n_frames = magnitude.shape
        frames = magnitude.permute(3, 0, 1, 2)  # (N, B, C, F)
        seen = frames[..., : len(self.input_mean)]
        x = ((seen + self.input_mean) * self.input_scale).flatten(0, 1).flatten(1)
        x = torch.tanh(self.bn1(self.fc1(x))).view(n_frames, n_batch, -1)
        context, _ = self.lstm(x)
        x = F.relu(self.bn2(self.fc2(torch.cat([x, context], dim=-1).flatten(0, 1))))
        gain = self.bn3(self.fc3(x)).view(n_frames, n_batch, n_channels, n_bins)
        gain = F.relu(gain * self.output_scale + self.output_mean)
        return (gain * frames).permute(1, 2, 3, 0)


class OpenUnmix(SeparationNetwork):
    """One `TargetNetwork` for each target; ratio masks of their magnitudes on the mixture.

    The estimates add up to the mixture; where no network finds anything it is shared equally.
    There is no multichannel Wiener filter after the masks: it costs three times the networks. The
    networks hear the level of the mixture, which they expect near that of released music.

    Parameters
    ----------
    targets
        Names of the targets, in the order of the axis ``S``.
    n_fft, hop_length
        Length and distance of the Hann windows, in samples.
    n_channels
        Channels of the mixture.
    n_seen_bins
        The lowest bins, which the networks see; 1487 are those up to 16 kHz at 44.1 kHz.
    hidden, n_layers
        Size of each network.

    References
    ----------
    Stöter et al., "Open-Unmix – a reference implementation for music source
    separation", Journal of Open Source Software 4(41), 2019.
    """

    def __init__(
        self,
        *,
        targets: Sequence[str] = ("drums", "bass", "other", "vocals"),
        n_fft: int = 4096,
        hop_length: int = 1024,
        n_channels: int = 2,
        n_seen_bins: int = 1487,
        hidden: int = 512,
        n_layers: int = 3,
    ) -> None:
        super().__init__()
        self.targets = tuple(targets)
        self.hop_length = hop_length
        n_bins = n_fft // 2 + 1
        self.networks = nn.ModuleDict(
            {
                target: TargetNetwork(n_bins, n_seen_bins, n_channels, hidden, n_layers)
                for target in self.targets
            }
        )
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        self.window: Tensor

    def forward(self, spectrum: Complex[Tensor, "B C F N"]) -> Complex[Tensor, "B S C F N"]:
        """Return the spectrograms of the estimates."""
        magnitude = spectrum.abs()
        magnitudes = torch.stack(
            [self.networks[target](magnitude).float() for target in self.targets], dim=1
        )
        masks = magnitudes / (magnitudes.sum(1, keepdim=True) + EPSILON)
        return masks * spectrum[:, None]

    def separate(self, mixture: Float[Tensor, "B C T"]) -> Float[Tensor, "B S C T"]:
        """Return the estimates of a mixture: same scale and length, and they add up to it."""
        n_samples = mixture.shape[-1]
        if n_samples == 0:
            return mixture[:, None].repeat(1, len(self.targets), 1, 1)
        # The reflected ends need at least half a window: zeros follow.
        padded = F.pad(mixture, (0, max(0, len(self.window) // 2 + 1 - n_samples)))
        spectrum = centred_stft(padded, self.window, self.hop_length)
        others = others_of_spectra(self(spectrum), spectrum)
        return with_last(centred_istft(others, self.window, self.hop_length, n_samples), mixture)

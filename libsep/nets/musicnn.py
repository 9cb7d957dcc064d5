"""musicnn: a convolutional network that hears which tags people would give to music.

Pons and Serra, "musicnn: pre-trained convolutional neural networks for music audio tagging",
late-breaking of ISMIR 2019; the front end is that of Pons et al., "End-to-end learning for music
audio tagging at scale", ISMIR 2018.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from libsep.dsp.centred_stft import centred_stft
from libsep.dsp.mel import slaney_filters

N_BANDS = 96
N_FFT = 512
HOP_LENGTH = 256

PATCH_FRAMES = 187
"""Frames of the spectrograms that the public weights learned from: three seconds at 16 kHz."""

TIMBRAL_BANDS = (38, 67)
"""How many bands the two convolutions over bands and frames see at once."""

TEMPORAL_FRAMES = (128, 64, 32)
"""How many frames the three convolutions over frames only see at once."""

REACH_FRAMES = 7
"""How many frames all other convolutions see at once."""

N_TIMBRAL, N_TEMPORAL, N_MIDDLE, N_DENSE = 204, 51, 64, 200

EPSILON = 1e-3
"""What is added to the variances of all normalisations."""


class LogMel(nn.Module):
    """Log-mel spectrograms of stereo audio, as musicnn learned from them.

    Parameters
    ----------
    sample_rate
        Of the audio, in Hz.
    """

    filters: Tensor
    window: Tensor

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        filters = slaney_filters(N_BANDS, N_FFT, sample_rate)
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)

    def forward(self, audio: Float[Tensor, "B 2 T"]) -> Float[Tensor, "B N bands"]:
        """Return log10(1 + 10000 power) of the mean of the channels, by frame and band."""
        spectrum = centred_stft(audio.mean(dim=1), self.window, HOP_LENGTH)
        power = spectrum.real.square() + spectrum.imag.square()
        return torch.log10(1 + 10_000 * (self.filters @ power)).transpose(1, 2)


class MusiCNN(nn.Module):
    """Convolutions over timbre and time side by side, pooled over time, and two dense layers.

    Parameters
    ----------
    n_tags
        Number of tags.
    n_genres
        Number of outputs of a second head that judges the same features; 0 for none.
    sample_rate
        Of the audio, in Hz.
    """

    def __init__(self, *, n_tags: int = 50, n_genres: int = 0, sample_rate: int = 16000) -> None:
        super().__init__()
        self.features = LogMel(sample_rate)
        self.normalise = nn.BatchNorm2d(1, eps=EPSILON)
        self.timbral = nn.ModuleList(
            _Bands(N_TIMBRAL, (REACH_FRAMES, n_bands)) for n_bands in TIMBRAL_BANDS
        )
        self.temporal = nn.ModuleList(
            _Bands(N_TEMPORAL, (n_frames, 1)) for n_frames in TEMPORAL_FRAMES
        )
        n_front = len(TIMBRAL_BANDS) * N_TIMBRAL + len(TEMPORAL_FRAMES) * N_TEMPORAL
        self.middle = nn.ModuleList(_Frames(n_in) for n_in in (n_front, N_MIDDLE, N_MIDDLE))
        n_pooled = 2 * (n_front + len(self.middle) * N_MIDDLE)
        self.pooled = nn.BatchNorm1d(n_pooled, eps=EPSILON)
        self.dense = nn.Linear(n_pooled, N_DENSE)
        self.embedded = nn.BatchNorm1d(N_DENSE, eps=EPSILON)
        self.tags = nn.Linear(N_DENSE, n_tags)
        self.genres = nn.Linear(N_DENSE, n_genres) if n_genres else None

    def forward(self, audio: Float[Tensor, "B 2 T"]) -> Float[Tensor, "B tags"]:
        """Return the logits of each tag, of the whole of each piece of audio."""
        logits: Tensor = self.tags(self.embed(self.features(audio)))
        return logits

    def embed(self, features: Float[Tensor, "B N bands"]) -> Float[Tensor, "B 200"]:
        """Return what the last layer judges, from spectrograms of any number of frames."""
        bands = self.normalise(features[:, None])
        front = torch.cat([layer(bands) for layer in (*self.timbral, *self.temporal)], dim=1)
        parts, hidden = [front], self.middle[0](front)
        parts.append(hidden)
        for layer in self.middle[1:]:
            hidden = hidden + layer(hidden)
            parts.append(hidden)
        frames = torch.cat(parts, dim=1)  # (B, 753, N)
        # Maximum and mean of a feature stand side by side, as the public weights expect it.
        pooled = torch.stack([frames.amax(dim=2), frames.mean(dim=2)], dim=2).flatten(1)
        embedded: Tensor = self.embedded(torch.relu(self.dense(self.pooled(pooled))))
        return embedded


class _Bands(nn.Module):
    """A convolution over frames and bands, of which the largest value over the bands is kept."""

    def __init__(self, n_out: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, n_out, size)
        self.normalise = nn.BatchNorm2d(n_out, eps=EPSILON)
        n_missing = size[0] - 1
        self.padding = (0, 0, n_missing // 2, n_missing - n_missing // 2)

    def forward(self, bands: Float[Tensor, "B 1 N bands"]) -> Float[Tensor, "B out N"]:
        hidden: Tensor = self.convolution(F.pad(bands, self.padding))
        if self.training:
            largest: Tensor = self.normalise(torch.relu(hidden)).amax(dim=3)
            return largest
        # What follows a convolution rises or falls with it: its extremes are enough, and a third
        # of the time is saved.
        slope = self._slope()[:, None]
        extreme = torch.where(slope > 0, hidden.amax(dim=3), hidden.amin(dim=3))
        zero = self.normalise(torch.zeros_like(hidden[:1, :, :1, :1]))[:, :, :, 0]
        made: Tensor = torch.relu(extreme) * slope + zero
        return made

    def _slope(self) -> Float[Tensor, " out"]:
        """Return how much each output of the normalisation rises with its input."""
        ends = torch.tensor([[0.0], [1.0]]).expand(2, self.convolution.out_channels)
        slope: Tensor = self.normalise(ends[:, :, None, None])[:, :, 0, 0].diff(dim=0)[0]
        return slope


class _Frames(nn.Module):
    """A convolution over frames."""

    def __init__(self, n_in: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(n_in, N_MIDDLE, REACH_FRAMES, padding=REACH_FRAMES // 2)
        self.normalise = nn.BatchNorm1d(N_MIDDLE, eps=EPSILON)

    def forward(self, hidden: Float[Tensor, "B in N"]) -> Float[Tensor, "B 64 N"]:
        made: Tensor = self.normalise(torch.relu(self.convolution(hidden)))
        return made

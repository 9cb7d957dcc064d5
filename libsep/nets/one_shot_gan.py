"""A small generative network for the attacks of drums, and the critic that it is trained against.

Donahue, McAuley and Puckette, "Adversarial audio synthesis", ICLR 2019 (WaveGAN): transposed
convolutions of stride 4 from a code to samples, and a critic that is their mirror. Drysdale,
Tomczak and Hockman, "Adversarial synthesis of drum sounds", DAFx 2020, add the class of the drum.
WaveGAN has 19 million parameters for a second of sound at 16 kHz; these are 0.4 million for 70 ms
at 44.1 kHz. The critic also looks at a spectrogram, and takes the class as an inner product with
its features (Miyato and Koyama, "cGANs with projection discriminator", ICLR 2018).
"""

import itertools

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from libsep.dsp.stft import stft
from libsep.nets.drum_hits import DRUMS

CHANNELS = (256, 128, 64, 32, 16)
"""Features from the coarsest layer to the finest."""

N_COARSE = 12
"""Samples of the coarsest layer."""

STRIDE, KERNEL = 4, 8

N_SAMPLES = N_COARSE * STRIDE ** (len(CHANNELS) - 1)
"""Samples of a sound: 70 ms at 44.1 kHz."""

LEAD = 64
"""Samples of a sound before its attack."""

SLOPE = 0.2
"""Of the leaky ReLU, for negative values."""

FLOOR = 1e-6
"""Mean square of a sound below which it is not made louder."""

N_FFT = 256
"""Window of the spectrogram, in samples."""

QUIET_CELL = 1e-4
"""Power of a cell of it that counts as none; sounds have a mean square of one."""

Sounds = Float[Tensor, "B T"]
Drums = Int64[Tensor, " B"]
"""Index of each sound's drum in `DRUMS`."""


class OneShotGenerator(nn.Module):
    """From a code and a drum to the first 70 ms of a stroke of it, in one channel.

    A linear layer makes 12 samples of 256 features; each of four transposed convolutions makes
    four times as many samples; the last convolution has one channel.

    Parameters
    ----------
    n_code
        Numbers of a code; they are drawn from the normal distribution.
    """

    def __init__(self, *, n_code: int = 16) -> None:
        super().__init__()
        self.n_code = n_code
        self.coarse = nn.Linear(n_code + len(DRUMS), CHANNELS[0] * N_COARSE)
        self.layers = nn.ModuleList(
            nn.ConvTranspose1d(before, after, KERNEL, STRIDE, padding=(KERNEL - STRIDE) // 2)
            for before, after in itertools.pairwise(CHANNELS)
        )
        self.head = nn.Conv1d(CHANNELS[-1], 1, KERNEL + 1, padding=KERNEL // 2)

    def forward(self, codes: Float[Tensor, "B code"], drums: Drums) -> Sounds:
        """Return sounds of `N_SAMPLES`, of mean square one."""
        x = torch.cat([codes, F.one_hot(drums, len(DRUMS)).to(codes.dtype)], dim=1)
        x = self.coarse(x).unflatten(1, (CHANNELS[0], N_COARSE))
        for layer in self.layers:
            x = layer(F.leaky_relu(x, SLOPE))
        sounds = self.head(F.leaky_relu(x, SLOPE))[:, 0]
        level: Tensor = sounds.square().mean(dim=1, keepdim=True).clamp(min=FLOOR).sqrt()
        levelled: Tensor = sounds / level
        return levelled


class _Trunk(nn.Module):
    """The mirror of the generator: 12 samples of 128 features, from convolutions of stride 4."""

    N_FEATURES = CHANNELS[1] * N_COARSE

    def __init__(self) -> None:
        super().__init__()
        widths = (1, *CHANNELS[:0:-1])
        self.layers = nn.ModuleList(
            nn.Conv1d(before, after, KERNEL + 1, STRIDE, padding=KERNEL // 2)
            for before, after in itertools.pairwise(widths)
        )

    def forward(self, sounds: Sounds) -> Float[Tensor, "B features"]:
        x = sounds[:, None]
        for layer in self.layers:
            x = F.leaky_relu(layer(x), SLOPE)
        features: Tensor = x.flatten(1)
        return features


class OneShotEncoder(nn.Module):
    """From a sound to the code of it, as a normal distribution; only the training needs it.

    Larsen et al., "Autoencoding beyond pixels using a learned similarity metric", ICML 2016: with
    an encoder beside the critic, the generator cannot leave out the sounds that are hard to make.
    """

    def __init__(self, *, n_code: int = 16) -> None:
        super().__init__()
        self.trunk = _Trunk()
        self.head = nn.Linear(_Trunk.N_FEATURES, 2 * n_code)

    def forward(self, sounds: Sounds) -> tuple[Float[Tensor, "B code"], Float[Tensor, "B code"]]:
        """Return means, and logarithms of variances."""
        means, log_variances = self.head(self.trunk(sounds)).chunk(2, dim=1)
        return means, log_variances


class _Projection(nn.Module):
    """A logit of features, and of how well they fit a drum."""

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.real = spectral_norm(nn.Linear(n_features, 1))
        self.fitting = spectral_norm(nn.Embedding(len(DRUMS), n_features))

    def forward(self, features: Float[Tensor, "B features"], drums: Drums) -> Float[Tensor, "B 1"]:
        logits: Tensor = self.real(features)
        fit: Tensor = (self.fitting(drums) * features).sum(dim=1, keepdim=True)
        return logits + fit


class OneShotCritic(nn.Module):
    """Judges whether a sound is a stroke of a drum; only the training needs it.

    There is one logit for its samples, and one for its spectrogram.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trunk = _Trunk()
        for layer in self.trunk.layers:
            spectral_norm(layer)
        spread = (1, 16, 32, 64)
        self.spectra = nn.ModuleList(
            spectral_norm(nn.Conv2d(before, after, (5, 3), 2, padding=(2, 1)))
            for before, after in itertools.pairwise(spread)
        )
        self.of_samples = _Projection(_Trunk.N_FEATURES)
        self.of_spectrum = _Projection(2 * spread[-1])

    def forward(self, sounds: Sounds, drums: Drums) -> list[Float[Tensor, "B 1"]]:
        """Return both logits of sounds of mean square one; higher is more real."""
        x = log_spectrogram(sounds)[:, None]
        for layer in self.spectra:
            x = F.leaky_relu(layer(x), SLOPE)
        pooled = torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3))], dim=1)
        return [self.of_samples(self.trunk(sounds), drums), self.of_spectrum(pooled, drums)]


def log_spectrogram(sounds: Sounds) -> Float[Tensor, "B F N"]:
    """Return logarithms of magnitudes, in nepers, in windows of `N_FFT` samples."""
    cells = stft(sounds, N_FFT, N_FFT // 4)
    return 0.5 * (cells.real.square() + cells.imag.square() + QUIET_CELL).log()

"""A small convolutional network that hears which drums a hit consists of."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from libsep.nets.genre_cnn import LogMel

DRUMS = ("kick", "snare", "hat", "tom", "cymbal")
"""What is told apart. Claps and rim shots count as snares; crash and ride are cymbals."""

CHANNELS = (16, 24, 32, 48)

BEFORE_S = 0.03
AFTER_S = 0.12
"""What a window shows before and after the onset, in seconds."""


class DrumHitNet(nn.Module):
    """Four convolutions over a log-mel spectrogram of a hit, pooled by mean and maximum.

    Several drums may be hit at once, so each has an output of its own. 25 thousand parameters.

    Parameters
    ----------
    sample_rate
        Of the audio, in Hz.
    n_bands, n_fft, hop_length
        Of the spectrogram; lengths in samples.
    """

    def __init__(
        self,
        *,
        sample_rate: int = 44100,
        n_bands: int = 48,
        n_fft: int = 1024,
        hop_length: int = 256,
    ) -> None:
        super().__init__()
        self.before_samples = int(BEFORE_S * sample_rate)
        self.window_samples = self.before_samples + int(AFTER_S * sample_rate)
        self.features = LogMel(
            sample_rate=sample_rate, n_bands=n_bands, n_fft=n_fft, hop_length=hop_length
        )
        self.normalise = nn.BatchNorm1d(n_bands)
        ins, strides = (1, *CHANNELS[:-1]), ((2, 1), (2, 2), (2, 2), (2, 1))
        self.blocks = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False),
                    nn.BatchNorm2d(n_out),
                    nn.ReLU(inplace=True),
                )
                for n_in, n_out, stride in zip(ins, CHANNELS, strides, strict=True)
            )
        )
        self.head = nn.Linear(2 * CHANNELS[-1], len(DRUMS))

    def forward(self, windows: Float[Tensor, "B 2 T"]) -> Float[Tensor, "B D"]:
        """Return a logit for each drum of `DRUMS`, from windows of ``window_samples``."""
        logits: Tensor = self.judge(self.features(windows))
        return logits

    def judge(self, features: Float[Tensor, "B bands N"]) -> Float[Tensor, "B D"]:
        """Return the logits of spectrograms that `LogMel` made."""
        hidden = self.blocks(self.normalise(features)[:, None])  # (B, 48, bands / 16, N / 4)
        pooled = torch.cat([hidden.mean(dim=(2, 3)), hidden.amax(dim=(2, 3))], dim=1)
        logits: Tensor = self.head(pooled)
        return logits

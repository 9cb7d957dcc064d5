"""A discriminator that looks at complex spectrograms of several resolutions."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from libsep.dsp.stft import stft

SLOPE = 0.1
"""Of the leaky ReLU, for negative values."""

FLOOR = 1e-6
"""Power below which a cell is no longer made louder by the compression."""

Logits = Float[Tensor, "B 1 _ _"]
Fmaps = Float[Tensor, "B _ _ _"]


class SpectrogramDiscriminator(nn.Module):
    """Judges signals by their spectrogram of one resolution.

    Five convolutions, the first four with a leaky ReLU and followed from the second on by half
    the rows and columns. There is one logit for each eighth row and column, not one in all.

    Parameters
    ----------
    n_channels
        Channels of the signals: 2 for a stereo estimate, 4 with its mixture beside it.
    n_fft
        Window of the spectrogram, in samples; the hop is a quarter of it.
    channels
        Features of the first four convolutions.
    """

    def __init__(
        self, n_channels: int, n_fft: int, channels: Sequence[int] = (16, 32, 32, 48)
    ) -> None:
        super().__init__()
        self.n_fft = n_fft
        inputs = (2 * n_channels, *channels)
        self.convs = nn.ModuleList(
            weight_norm(nn.Conv2d(before, after, (9, 3), 1 if index == 0 else 2, padding=(4, 1)))
            for index, (before, after) in enumerate(zip(inputs, channels, strict=False))
        )
        self.head = weight_norm(nn.Conv2d(channels[-1], 1, 3, padding=1))

    def forward(self, signals: Float[Tensor, "B C T"]) -> tuple[Logits, list[Fmaps]]:
        """Return the logits, and the features after each of the first four convolutions."""
        x = self.spectrogram(signals)
        fmaps = []
        for conv in self.convs:
            x = F.leaky_relu(conv(x), SLOPE)
            fmaps.append(x)
        return self.head(x), fmaps

    def spectrogram(self, signals: Float[Tensor, "B C T"]) -> Float[Tensor, "B D F N"]:
        """Real and imaginary parts as channels; magnitudes are compressed to their square root.

        It is computed in float32 even where the convolutions are not. White noise of unit power
        has cells of unit power.
        """
        with torch.autocast(signals.device.type, enabled=False):
            spectrum = stft(signals.float(), self.n_fft, self.n_fft // 4)
            spectrum = spectrum / (self.n_fft * 3 / 8) ** 0.5
            power = spectrum.real.square() + spectrum.imag.square()
            parts = torch.view_as_real(spectrum * (power + FLOOR) ** -0.25)
        parts = parts.permute(0, 1, 4, 2, 3).flatten(1, 2)
        return parts.contiguous(memory_format=torch.channels_last)


class StftDiscriminator(nn.Module):
    """Several `SpectrogramDiscriminator` of different resolutions.

    What they judge depends on what lies beside the estimate: with the mixture (4 channels) they
    judge whether it is this mixture's source, alone (2 channels) whether it sounds like a source
    at all, and all stems at once (8 channels) whether they belong together.

    Parameters
    ----------
    n_channels
        Channels of the signals.
    sizes
        Window of each resolution, in samples.
    channels
        Features of the convolutions of each.

    References
    ----------
    The conditioning is that of Fan et al., "SVSGAN: singing voice separation via generative
    adversarial network", ICASSP 2018; several resolutions of a complex spectrogram as in Kumar
    et al., "High-fidelity audio compression with improved RVQGAN", NeurIPS 2023. Ours are
    smaller, take both channels at once, and see compressed magnitudes, so that quiet treble
    counts.
    """

    def __init__(
        self,
        n_channels: int,
        sizes: Sequence[int] = (512, 1024, 2048),
        channels: Sequence[int] = (16, 32, 32, 48),
    ) -> None:
        super().__init__()
        self.resolutions = nn.ModuleList(
            SpectrogramDiscriminator(n_channels, n_fft, channels) for n_fft in sizes
        )
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch's stub lacks it

    def forward(self, signals: Float[Tensor, "B C T"]) -> tuple[list[Logits], list[Fmaps]]:
        """Return the logits of each resolution, and the features of all of them.

        The signals should have a level about 1 (RMS): the compression is not a logarithm, and
        its floor is at -60 dB of a cell of white noise of that level.
        """
        logits, fmaps = [], []
        for resolution in self.resolutions:
            logit, features = resolution(signals)
            logits.append(logit)
            fmaps += features
        return logits, fmaps

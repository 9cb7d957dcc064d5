"""Networks that estimate magnitudes: their masks, and the ways back to samples."""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Complex, Float
from torch import Tensor

from libsep.dsp.centred_stft import centred_istft, centred_stft
from libsep.nets.level import add_up, at_unit_level, zeros_for
from libsep.nets.network import SeparationNetwork, others_of_spectra, with_last

EPSILON = 1e-10
"""Added to the sum of the magnitudes where it divides."""

N_GRIFFIN_LIM = 32
"""Iterations of Griffin and Lim."""

Reconstruction = Literal["mixture-phase", "griffin-lim"]
"""Where the phase comes from: the mixture's own, or one that fits the masked magnitudes."""


class MagnitudeNetwork(SeparationNetwork):
    """A network that sees the magnitudes of the mixture and masks it by those that it finds.

    The masks are ratios of the found magnitudes, so that they add up to one. The mixture is
    brought to an RMS of 1 before, and the estimates back to its level. Subclasses say in
    `magnitudes` what they find.

    Parameters
    ----------
    targets
        Names of the targets, in the order of the axis ``S``.
    n_fft, hop_length
        Length and distance of the Hann windows, in samples.
    reconstruction
        With ``griffin-lim`` each estimate gets a phase of its own, by 32 iterations from noise
        that is the same each time; what the estimates then lack of the mixture is shared equally.

    References
    ----------
    Griffin and Lim, "Signal estimation from modified short-time Fourier
    transform", IEEE Trans. ASSP 32(2), 1984.
    """

    def __init__(
        self,
        *,
        targets: Sequence[str],
        n_fft: int,
        hop_length: int,
        reconstruction: Reconstruction = "mixture-phase",
    ) -> None:
        super().__init__()
        self.targets = tuple(targets)
        self.hop_length = hop_length
        self.reconstruction = reconstruction
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        self.window: Tensor

    @property
    def n_fft(self) -> int:
        """Length of the transform in samples."""
        return len(self.window)

    def magnitudes(self, magnitude: Float[Tensor, "B C F N"]) -> Float[Tensor, "B S C F N"]:
        """Return the magnitudes of all targets, not negative, from those of the mixture."""
        raise NotImplementedError

    def masks(self, magnitude: Float[Tensor, "B C F N"]) -> Float[Tensor, "B S C F N"]:
        """Return the share of each target, from 0 to 1; they add up to 1 where any is found."""
        found = self.magnitudes(magnitude).float()
        return found / (found.sum(1, keepdim=True) + EPSILON)

    def spectrogram(self, signal: Float[Tensor, "*lead T"]) -> Complex[Tensor, "*lead F N"]:
        """Return the transform that the network works on; short signals are followed by zeros."""
        n_missing = max(0, self.n_fft // 2 + 1 - signal.shape[-1])
        return centred_stft(F.pad(signal, (0, n_missing)), self.window, self.hop_length)

    def forward(self, spectrum: Complex[Tensor, "B C F N"]) -> Complex[Tensor, "B S C F N"]:
        """Return the masked spectrograms."""
        return self.masks(spectrum.abs()) * spectrum[:, None]

    def separate(self, mixture: Float[Tensor, "B C T"]) -> Float[Tensor, "B S C T"]:
        """Return the estimates of a mixture: same scale and length, and they add up to it."""
        n_samples = mixture.shape[-1]
        if n_samples == 0:
            return zeros_for(mixture, len(self.targets))
        scaled, level = at_unit_level(mixture)
        spectrum = self.spectrogram(scaled)
        if self.reconstruction == "griffin-lim":
            found = self.masks(spectrum.abs()) * spectrum.abs()[:, None]
            # Item by item: the noise must not depend on what else is in a batch.
            signals = torch.stack([self._with_own_phase(item, n_samples) for item in found])
            return add_up(signals * level[:, None], mixture)
        others = others_of_spectra(self(spectrum), spectrum)
        signals = centred_istft(others, self.window, self.hop_length, n_samples)
        return with_last(signals * level[:, None], mixture)

    def _with_own_phase(
        self, magnitudes: Float[Tensor, "S C F N"], n_samples: int
    ) -> Float[Tensor, "S C T"]:
        # Here, because it takes a sixth of a second to import, and few networks need it.
        import torchaudio.functional

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            signals: Tensor = torchaudio.functional.griffinlim(
                magnitudes,
                window=self.window,
                n_fft=self.n_fft,
                hop_length=self.hop_length,
                win_length=self.n_fft,
                power=1.0,
                n_iter=N_GRIFFIN_LIM,
                momentum=0.99,
                length=max(n_samples, self.n_fft // 2 + 1),  # what can be reflected
                rand_init=True,
            )
        return signals[..., :n_samples]

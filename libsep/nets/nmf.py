"""Non-negative matrix factorisation: spectra of each target, learnt from that target alone.

A spectrogram is taken for a sum of few spectra that come and go. The spectra (bases) of each target
are learnt from recordings of single sources, without any song; of a mixture only their levels
(activations) are sought, and each target gets the share of what its own spectra explain.

Smaragdis, Raj and Shashanka, "Supervised and semi-supervised separation of sounds from
single-channel mixtures", ICA 2007; the multiplicative updates for the generalised Kullback-Leibler
divergence are those of Lee and Seung, "Algorithms for non-negative matrix factorization", NIPS
2000, equation 5. Such baselines reach 2 to 3 dB of SDR on MUSDB18 at most.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from libsep.nets.magnitude import EPSILON, MagnitudeNetwork, Reconstruction


class Nmf(MagnitudeNetwork):
    """Explains the magnitudes of each channel by the bases of all targets.

    Nothing here is trained by gradients: `learn` fills the bases, or ``libsep train`` does
    (`libsep.training.factorisation`). Before that they are flat, and each target gets the same
    share.

    Parameters
    ----------
    targets
        Names of the targets, in the order of the axis ``S``.
    n_fft, hop_length
        Length and distance of the Hann windows, in samples.
    n_bases
        Spectra of each target.
    n_iterations
        Updates of the activations of a mixture.
    reconstruction
        Where the phase comes from; see `MagnitudeNetwork`.
    """

    def __init__(
        self,
        *,
        targets: Sequence[str] = ("drums", "bass", "other", "vocals"),
        n_fft: int = 2048,
        hop_length: int = 512,
        n_bases: int = 40,
        n_iterations: int = 30,
        reconstruction: Reconstruction = "mixture-phase",
    ) -> None:
        super().__init__(
            targets=targets, n_fft=n_fft, hop_length=hop_length, reconstruction=reconstruction
        )
        self.n_iterations = n_iterations
        n_bins = n_fft // 2 + 1
        flat = torch.full((len(targets), n_bins, n_bases), 1 / n_bins)
        self.bases = nn.Parameter(flat, requires_grad=False)

    def learn(
        self, magnitudes: Mapping[str, Float[Tensor, "F _"]], n_iterations: int, seed: int
    ) -> dict[str, Float[Tensor, " rounds"]]:
        """Replace the bases of the named targets by those that explain their spectrograms best.

        Parameters
        ----------
        magnitudes
            Of recordings of each target alone, end to end.
        n_iterations
            Updates of bases and activations.
        seed
            Of the random numbers that both start from.

        Returns
        -------
        The divergence after each update, per cell of the spectrogram; it never rises.
        """
        generator = torch.Generator().manual_seed(seed)
        curves = {}
        for target, magnitude in magnitudes.items():
            n_bases = self.bases.shape[2]
            bases = torch.rand((len(magnitude), n_bases), generator=generator) + EPSILON
            levels = torch.rand((n_bases, magnitude.shape[1]), generator=generator) + EPSILON
            divergences = []
            for _ in range(n_iterations):
                bases, levels = improved(bases, levels, magnitude)
                divergences.append(divergence(magnitude, bases @ levels) / magnitude.numel())
            self.bases[self.targets.index(target)] = bases
            curves[target] = torch.stack(divergences)
        return curves

    def magnitudes(self, magnitude: Float[Tensor, "B C F N"]) -> Float[Tensor, "B S C F N"]:
        """Return what the bases of each target explain of the magnitudes of the mixture."""
        n_targets, n_bins, n_bases = self.bases.shape
        bases = self.bases.permute(1, 0, 2).reshape(n_bins, n_targets * n_bases)
        frames = magnitude.permute(2, 0, 1, 3).flatten(1).float()  # (F, B C N)
        levels = frames.mean(0).expand(n_targets * n_bases, -1) / bases.shape[1] + EPSILON
        with torch.autocast(frames.device.type, enabled=False):
            for _ in range(self.n_iterations):
                levels = updated(levels, bases, frames)
            parts = levels.view(n_targets, n_bases, -1)
            found = torch.einsum("sfk,skn->sfn", self.bases, parts)
        n_batch, n_channels, _, n_frames = magnitude.shape
        found = found.view(n_targets, n_bins, n_batch, n_channels, n_frames)
        return found.permute(2, 0, 3, 1, 4)


def improved(
    bases: Float[Tensor, "F K"], levels: Float[Tensor, "K N"], magnitude: Float[Tensor, "F N"]
) -> tuple[Float[Tensor, "F K"], Float[Tensor, "K N"]]:
    """Return bases and levels that explain a spectrogram no worse; the bases add up to one."""
    bases = updated(bases.T, levels.T, magnitude.T).T
    total = bases.sum(0).clamp(min=EPSILON)
    bases = bases / total
    return bases, updated(levels * total[:, None], bases, magnitude)


def updated(
    levels: Float[Tensor, "K N"], bases: Float[Tensor, "F K"], magnitude: Float[Tensor, "F N"]
) -> Float[Tensor, "K N"]:
    """Return levels that explain a spectrogram by these bases no worse than before.

    One multiplicative update for the generalised Kullback-Leibler divergence.
    """
    ratio = magnitude / (bases @ levels + EPSILON)
    return levels * (bases.T @ ratio) / (bases.sum(0)[:, None] + EPSILON)


def divergence(
    magnitude: Float[Tensor, "*lead"], model: Float[Tensor, "*lead"]
) -> Float[Tensor, ""]:
    """Return the generalised Kullback-Leibler divergence of a spectrogram from its model.

    It is ``sum(x log(x / y) - x + y)``: zero where both are equal, and never negative.
    """
    model = model + EPSILON
    # Not the logarithm of the quotient: its gradient is undefined where the magnitude is 0.
    logarithms = torch.xlogy(magnitude, magnitude) - magnitude * model.log()
    total: Tensor = (logarithms - magnitude + model).sum()
    return total

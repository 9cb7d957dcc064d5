"""Networks that mask the spectrogram of the mixture, and a Wiener filter of what they find."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Complex, Float
from torch import Tensor

from libsep.dsp.stft import istft, stft
from libsep.nets.network import SeparationNetwork, with_last

LEAST_POWER = 1e-20
"""What a cell's power counts as at least where it divides."""


@dataclass(frozen=True)
class WienerShare:
    """Brings estimates nearer to what a Wiener filter of their own powers makes of their sum.

    An estimate that is the mean of what a source may be, as the squared error asks for, spreads
    what is doubtful over all targets: cymbals are heard in the bass. The filter gives each target
    the share of a cell that its estimate has of the powers of all, so that faint leaks get fainter.
    The estimates still add up to the mixture.

    Powers may be averaged before: over time for targets that last, over bins for those that
    strike. Then a cell goes to the one that it fits: a kick that leaks into a bass is short there.

    References
    ----------
    Nugraha, Liutkus and Vincent, "Multichannel audio source separation with deep neural
    networks", IEEE/ACM TASLP 24(9), 2016: a Wiener filter from the estimates of networks.
    Liutkus et al., "Kernel additive models for source separation", IEEE TSP 62(16), 2014: powers
    that are averaged over cells where a source is alike.
    """

    share: float
    """How much of the filtered estimates counts, from 0 (nothing) to 1 (they alone)."""

    bins: slice
    """Which bins are filtered; the others stay as they are."""

    places: tuple[int, ...]
    """Places of the targets that share anew what they have together; the others stay."""

    over_frames: tuple[int, ...] = ()
    """Of each of them: how many frames before and after are averaged; empty: none."""

    over_bins: tuple[int, ...] = ()
    """The same for bins, within the filtered ones."""

    @property
    def needs_all_frames(self) -> bool:
        """Whether a cell's filter depends on other frames."""
        return any(self.over_frames)

    def filter(
        self,
        others: Complex[Tensor, "B others C N bins"],
        spectrum: Complex[Tensor, "B C N bins"],
    ) -> Complex[Tensor, "B others C N bins"]:
        """Return the spectra of all targets but the last, which are changed in place.

        Parameters
        ----------
        others
            As found; the last target is what they leave of the mixture.
        spectrum
            Of the mixture.
        """
        n_others = others.shape[1]
        found = [others[:, place, ..., self.bins] for place in range(n_others)]
        mixture = spectrum[..., self.bins]
        if n_others in self.places:
            found.append(_less(mixture, found))
        sharing = [found[place] for place in self.places]
        total = mixture if len(sharing) == n_others + 1 else _sum(sharing)
        none = (0,) * len(sharing)
        widths = zip(sharing, self.over_frames or none, self.over_bins or none, strict=True)
        powers = [_averaged(_power(each), frames, bins) for each, frames, bins in widths]
        scale = _sum(powers).clamp_(min=LEAST_POWER).reciprocal_().mul_(self.share)
        for place, estimate, gain in zip(self.places, sharing, powers, strict=True):
            if place < n_others:
                gain = gain.mul_(scale)[:, None].to(total.dtype)
                estimate.mul_(1 - self.share).addcmul_(total, gain)
        return others


class MaskingNetwork(SeparationNetwork):
    """A network that sees the spectrogram of `libsep.dsp.stft` and masks it.

    Subclasses say in `masked` what they find.
    """

    n_fft: int
    """Length of the windows, in samples."""

    hop_length: int
    """Their distance, in samples."""

    wiener: tuple[WienerShare, ...] = ()
    """What is done with the estimates, in this order; gradients do not go through it."""

    def masked(self, spectrum: Complex[Tensor, "B C F N"]) -> Complex[Tensor, "B others C F N"]:
        """Return the spectrograms of all targets but the last, which gets the rest."""
        raise NotImplementedError

    def others(self, spectrum: Complex[Tensor, "B C F N"]) -> Complex[Tensor, "B others C F N"]:
        """Return what was masked, filtered."""
        return filtered(self.masked(spectrum), spectrum, self.wiener)

    def separate(self, mixture: Float[Tensor, "B C T"]) -> Float[Tensor, "B S C T"]:
        """Return the estimates of a mixture: same scale and length, and they add up to it."""
        return of_spectra(self.others, mixture, len(self.targets), self.n_fft, self.hop_length)


def filtered(
    others: Complex[Tensor, "B others C F N"],
    spectrum: Complex[Tensor, "B C F N"],
    wiener: Sequence[WienerShare],
) -> Complex[Tensor, "B others C F N"]:
    """Return spectrograms, whose bins stand before the frames here, after all of the filters."""
    others = others.mT.clone() if wiener else others.mT
    for each in wiener:
        others = each.filter(others, spectrum.mT)
    return others.mT


def of_spectra(
    others: Callable[[Tensor], Tensor],
    mixture: Float[Tensor, "B C T"],
    n_targets: int,
    n_fft: int,
    hop_length: int,
) -> Float[Tensor, "B S C T"]:
    """Return the estimates of a mixture by their spectrograms; they add up to it exactly.

    Parameters
    ----------
    others
        Gives the spectrograms of all targets but the last from that of the mixture.
    mixture
        Samples of any number.
    n_targets
        ``S``.
    n_fft, hop_length
        See `libsep.dsp.stft`.
    """
    n_samples = mixture.shape[-1]
    if n_samples == 0:
        return mixture[:, None].repeat(1, n_targets, 1, 1)
    found = others(stft(mixture, n_fft, hop_length))
    return with_last(istft(found, n_fft, hop_length, n_samples), mixture)


def _sum(tensors: Sequence[Tensor]) -> Tensor:
    total = tensors[0] + tensors[1]
    for tensor in tensors[2:]:
        total += tensor
    return total


def _less(whole: Tensor, parts: Sequence[Tensor]) -> Tensor:
    """Return what some parts leave of a whole."""
    rest = whole - parts[0]
    for part in parts[1:]:
        rest -= part
    return rest


def _power(spectrum: Complex[Tensor, "B C N bins"]) -> Float[Tensor, "B N bins"]:
    """Return the power of all channels, so that a source's place between them stays."""
    first, *others = torch.view_as_real(spectrum).unbind(1)
    squares = first.square()
    for channel in others:
        squares.addcmul_(channel, channel)
    return squares[..., 0] + squares[..., 1]


def _averaged(
    power: Float[Tensor, "B N bins"], n_frames: int, n_bins: int
) -> Float[Tensor, "B N bins"]:
    """Return the means over so many frames and bins on both sides, fewer at the ends."""
    if n_frames == n_bins == 0 or power.numel() == 0:
        return power
    kernel, padding = (2 * n_frames + 1, 2 * n_bins + 1), (n_frames, n_bins)
    return F.avg_pool2d(power, kernel, 1, padding, count_include_pad=False)

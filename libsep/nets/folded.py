"""What networks that mask a spectrogram share for inference: the ways there and back."""

import dataclasses
from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn

from libsep.dsp.stft import InverseStft, stft
from libsep.nets.masking import WienerShare
from libsep.nets.network import SeparationNetwork, with_last


class FoldedNetwork(SeparationNetwork):
    """A network that masks the frames of a spectrogram, and yields a few of them at a time.

    Autocast does not concern it. Subclasses say in `masked` what they find.

    Parameters
    ----------
    targets
        Names of the targets, in the order of the axis ``S``.
    n_fft, hop_length
        Length and distance of the windows, in samples; see `libsep.dsp.stft`.
    n_channels
        Of the mixtures.
    wiener
        What is done with the estimates, in this order.
    """

    def __init__(
        self,
        targets: Sequence[str],
        *,
        n_fft: int,
        hop_length: int,
        n_channels: int,
        wiener: Sequence[WienerShare],
    ) -> None:
        super().__init__()
        self.targets = tuple(targets)
        self.n_fft, self.hop_length, self.n_channels = n_fft, hop_length, n_channels
        self.wiener = wiener

    def masked(
        self, spectrum: Complex[Tensor, "B C N bins"]
    ) -> Iterator[Complex[Tensor, "B others C _ bins"]]:
        """Yield the spectra of all targets but the last, in the parts of `in_parts`."""
        raise NotImplementedError

    def others(
        self, spectrum: Complex[Tensor, "B C N bins"]
    ) -> Iterator[Complex[Tensor, "B others C _ bins"]]:
        """Yield what was masked, filtered."""
        n_first = next(
            (n for n, each in enumerate(self.wiener) if each.needs_all_frames), len(self.wiener)
        )
        parts = self._filtered(spectrum, self.wiener[:n_first])
        if n_first < len(self.wiener):
            whole = list(parts)
            for each in self.wiener[n_first:]:
                _filter_bands(each, whole, spectrum)
            parts = iter(whole)
        yield from parts

    def _filtered(
        self, spectrum: Complex[Tensor, "B C N bins"], wiener: Sequence[WienerShare]
    ) -> Iterator[Complex[Tensor, "B others C _ bins"]]:
        """Yield what was masked, after those filters that do without other frames."""
        first = 0
        for part in self.masked(spectrum):
            last = first + part.shape[-2]
            for each in wiener:
                each.filter(part, spectrum[..., first:last, :])
            yield part
            first = last

    def separate(self, mixture: Float[Tensor, "B C T"]) -> Float[Tensor, "B S C T"]:
        """Return the estimates of a mixture: same scale and length, and they add up to it."""
        n_samples = mixture.shape[-1]
        if n_samples == 0:
            return mixture[:, None].repeat(1, len(self.targets), 1, 1)
        with torch.autocast(mixture.device.type, enabled=False):
            lead = (len(mixture), len(self.targets) - 1, self.n_channels)
            inverse = InverseStft(lead, self.n_fft, self.hop_length, n_samples, mixture)
            for part in self.others(stft(mixture, self.n_fft, self.hop_length).mT):
                inverse.add(part)
        return with_last(inverse.signal(), mixture)


class FoldedBlend(FoldedNetwork):
    """A `Blend` of networks that see one transform: there and back once, not for each.

    Parameters
    ----------
    members
        Have the same targets, transform and channels.
    shares
        Of each; they add up to one.
    wiener
        What is done with their mean.
    """

    def __init__(
        self,
        members: Sequence[FoldedNetwork],
        shares: Sequence[float],
        wiener: Sequence[WienerShare] = (),
    ) -> None:
        first = members[0]
        super().__init__(
            first.targets,
            n_fft=first.n_fft,
            hop_length=first.hop_length,
            n_channels=first.n_channels,
            wiener=wiener,
        )
        self.members = nn.ModuleList(members)
        self.shares = list(shares)

    @classmethod
    def of(
        cls,
        members: Sequence[SeparationNetwork],
        shares: Sequence[float],
        wiener: Sequence[WienerShare],
    ) -> "FoldedBlend | None":
        """Return the blend of some networks, or None if they do not see one transform."""
        folded = [member for member in members if isinstance(member, FoldedNetwork)]
        transforms = {(each.n_fft, each.hop_length, each.n_channels) for each in folded}
        is_one = len(folded) == len(members) and len(transforms) == 1
        return cls(folded, shares, wiener) if is_one else None

    def masked(
        self, spectrum: Complex[Tensor, "B C N bins"]
    ) -> Iterator[Complex[Tensor, "B others C _ bins"]]:
        """Yield the weighted means of what the members find."""
        members = [member for member in self.members if isinstance(member, FoldedNetwork)]
        for parts in zip(*(member.others(spectrum) for member in members), strict=True):
            mean = parts[0].mul_(self.shares[0])
            for part, share in zip(parts[1:], self.shares[1:], strict=True):
                mean.add_(part, alpha=share)
            yield mean


def _filter_bands(
    wiener: WienerShare, parts: Sequence[Tensor], spectrum: Complex[Tensor, "B C N bins"]
) -> None:
    """Filter all frames at once, of the bins that are concerned."""
    bands = [part[..., wiener.bins] for part in parts]
    inner = dataclasses.replace(wiener, bins=slice(None))
    found = inner.filter(torch.cat(bands, dim=-2), spectrum[..., wiener.bins])
    values = torch.split(found, [band.shape[-2] for band in bands], dim=-2)
    for band, filtered in zip(bands, values, strict=True):
        band.copy_(filtered)

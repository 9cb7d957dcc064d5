"""What a network hears of the channels: music as it learnt it, whatever the recording.

Networks learn from music whose channels have much in common and are about equally loud. A channel
that is silent, quiet or inverted, instruments left and voices right, or an offset cost them up to
half of what they find. All of this can be undone before, and done again to what they found.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from libsep.nets.network import SeparationNetwork

LEAST_COMMON = 0.47
"""Share of their amplitudes that two channels have in common, below which each is heard alone.

Songs of which each part was put to one side have 0.3 at most, with some parts in the middle 0.38 to
0.53; heard alone they gain 0.7 to 10 dB. Of 66 recordings three have such stretches. Of those with
true stems, one with 0.5 to 0.7 would gain 0.3 dB, two with 0.6 to 0.8 would lose 0.5 to 0.8. Two
channels of independent noise have 0.55.
"""

LARGEST_RATIO = 1.2
"""How many times as loud as the other one a channel may be heard."""

LEAST_CORRELATION = -0.35
"""Correlation below which one channel counts as inverted. Recordings: -0.3 at least."""

LEAST_OFFSET = 0.03
"""Mean of a channel that counts as an offset, as a share of its RMS."""

PIECE_SAMPLES = 4096
"""Length of the pieces whose spectra are compared."""

EVERY = 8
"""One piece in so many is compared."""


def separate_channels(
    network: SeparationNetwork, mixture: Float[Tensor, "B 2 T"], rest: int
) -> Float[Tensor, "B S 2 T"]:
    """Return what a network finds in a mixture, whatever its channels are.

    Most music reaches the network as it is. Else, for each segment by itself:

    * Channels with little in common are heard one after the other, each on both sides, which takes
      twice the time; a silent one is not heard.
    * Other channels are heard equally loud, if one is more than `LARGEST_RATIO` times as loud, and
      one of them inverted, if they are out of phase.
    * An offset is taken off before.

    The estimates have balance, phase and offset of the mixture, and add up to it as those of the
    network do.

    Parameters
    ----------
    network
        In evaluation.
    mixture
        Samples of any number, on the device of the network.
    rest
        Place of the target that gets the offset.
    """
    n_batch, _, n_samples = mixture.shape
    if n_samples == 0:
        return network.separate(mixture)
    offset = _offsets(mixture)
    heard = mixture - offset if offset.any() else mixture
    is_apart, gains = _compared(heard)
    if not is_apart.any():
        return _with_offset(_balanced(network, heard, gains), offset, rest)
    segments, channels = (is_apart[:, None] & heard.any(-1)).nonzero(as_tuple=True)
    alone = heard[segments, channels][:, None].expand(-1, 2, -1)
    together = (~is_apart).nonzero()[:, 0]
    rows = torch.cat([(heard * gains)[together], alone])
    # No more at once than there were segments: memory was found to have room for these.
    found = torch.cat([network.separate(part) for part in torch.split(rows, n_batch)])
    estimates = found.new_zeros((n_batch, *found.shape[1:]))
    estimates[together] = found[: len(together)] / gains[together, None]
    estimates[segments, :, channels] = found[len(together) :].mean(2)
    return _with_offset(estimates, offset, rest)


def _balanced(
    network: SeparationNetwork, heard: Float[Tensor, "B 2 T"], gains: Float[Tensor, "B 2 1"]
) -> Float[Tensor, "B S 2 T"]:
    """Return the estimates of channels that are heard with gains; mostly these are one."""
    if (gains == 1).all():
        return network.separate(heard)
    return network.separate(heard * gains) / gains[:, None]


def _with_offset(
    estimates: Float[Tensor, "B S 2 T"], offset: Float[Tensor, "B 2 1"], rest: int
) -> Float[Tensor, "B S 2 T"]:
    if offset.any():
        estimates[:, rest] += offset
    return estimates


def _offsets(mixture: Float[Tensor, "B 2 T"]) -> Float[Tensor, "B 2 1"]:
    """Return the means of channels, zero where they are small beside the music."""
    mean = mixture.mean(-1, keepdim=True)
    rms = torch.linalg.vector_norm(mixture, dim=-1, keepdim=True) / mixture.shape[-1] ** 0.5
    return torch.where(mean.abs() > LEAST_OFFSET * rms, mean, 0)


def _compared(
    heard: Float[Tensor, "B 2 T"],
) -> tuple[Bool[Tensor, " B"], Float[Tensor, "B 2 1"]]:
    """Return which segments have channels with little in common, and the others' gains."""
    n_missing = PIECE_SAMPLES - heard.shape[-1]
    padded = F.pad(heard, (0, n_missing)) if n_missing > 0 else heard
    pieces = padded.unfold(-1, PIECE_SAMPLES, PIECE_SAMPLES * EVERY)
    window = torch.hann_window(PIECE_SAMPLES, device=heard.device)
    amplitude = torch.fft.rfft(pieces * window).abs()  # (B, 2, pieces, bins)
    level = amplitude.sum((2, 3)).clamp(min=torch.finfo(heard.dtype).tiny)
    first, second = (amplitude / level[..., None, None]).unbind(1)
    common = torch.minimum(first, second).sum((1, 2))
    is_apart = common < LEAST_COMMON * torch.maximum(first, second).sum((1, 2))
    ratio = level.amax(1, keepdim=True) / level
    gains = torch.where(ratio > LARGEST_RATIO, ratio, 1)
    power = pieces.square().sum((2, 3))
    product = (pieces[:, 0] * pieces[:, 1]).sum((1, 2))
    is_inverted = product < LEAST_CORRELATION * power.prod(1).sqrt()
    gains[:, 1] = torch.where(is_inverted, -gains[:, 1], gains[:, 1])
    return is_apart, torch.where(is_apart[:, None], 1, gains)[..., None]

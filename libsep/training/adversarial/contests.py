"""What discriminators are shown: reals and fakes of one length and at one level."""

import dataclasses

import torch
from jaxtyping import Bool, Float
from torch import Tensor

AUDIBLE_SHARE = 0.1
"""An estimate below this share of its mixture's RMS is not judged by how it sounds."""

N_PLACES = 8
"""Steps per crop in which the loudest crop is looked for."""

CUTOFF_SHARE = 0.7
"""Unpaired contests end at this share of the band (15 kHz): above it codecs leave their marks."""


@dataclasses.dataclass(frozen=True)
class Contest:
    """What one discriminator has to tell apart; the fakes have a gradient."""

    real: Float[Tensor, "K *seen"]
    fake: Float[Tensor, "K *seen"]


def target_contest(
    estimates: Float[Tensor, "K 2 T"],
    sources: Float[Tensor, "K 2 T"],
    mixtures: Float[Tensor, "K 2 T"],
) -> Contest:
    """Return source against estimate, each with the mixture beside it, whose RMS becomes 1."""
    gain = 1 / _rms(mixtures)
    return Contest(
        torch.cat([sources, mixtures], dim=1) * gain, torch.cat([estimates, mixtures], dim=1) * gain
    )


def context_contest(
    estimates: Float[Tensor, "K S 2 T"],
    sources: Float[Tensor, "K S 2 T"],
    is_replaced: Bool[Tensor, "K S"],
) -> Contest:
    """Return all sources against all estimates, of which some are replaced by their sources.

    References
    ----------
    Postolache et al., "Adversarial permutation invariant training for universal sound
    separation", ICASSP 2023: "I-replacement".
    """
    gain = 1 / _rms(sources.sum(1))
    fakes = torch.where(is_replaced[:, :, None, None], sources, estimates)
    return Contest(sources.flatten(1, 2) * gain, fakes.flatten(1, 2) * gain)


def unpaired_contest(
    estimates: Float[Tensor, "K 2 T"],
    mixtures: Float[Tensor, "K 2 T"],
    alone: Float[Tensor, "K 2 crop"],
) -> Contest:
    """Return recordings of a target alone against the loudest crop of each estimate.

    All have an RMS of 1 and no treble above `CUTOFF_SHARE` of the band. Where a mixture has
    (almost) nothing of the target, real and fake are silence: a discriminator would otherwise
    teach the generator to find in the mixture what is not there.

    References
    ----------
    Stoller, Ewert and Dixon, "Adversarial semi-supervised audio source separation applied to
    singing voice extraction", ICASSP 2018.
    """
    crops = loudest_crops(estimates, alone.shape[-1])
    is_audible = (_rms(crops) > AUDIBLE_SHARE * _rms(mixtures)).to(crops.dtype)
    return Contest(
        without_treble(alone) * (is_audible / _rms(alone)),
        without_treble(crops) * (is_audible / _rms(crops).detach()),
    )


def leak(estimates: Float[Tensor, "K 2 T"], mixtures: Float[Tensor, "K 2 T"]) -> Float[Tensor, ""]:
    """Return how much a target gets of mixes that do not have it, as a share of their samples."""
    share = estimates.abs().mean(dim=(1, 2)) / mixtures.abs().mean(dim=(1, 2)).clamp(min=1e-4)
    return share.mean()


def loudest_crops(signals: Float[Tensor, "K C T"], n_samples: int) -> Float[Tensor, "K C crop"]:
    """Return of each signal the crop with the most energy, on a grid of an eighth of a crop."""
    step = max(n_samples // N_PLACES, 1)
    energies = signals.detach().unfold(-1, n_samples, step).square().sum(dim=(1, 3))  # (K, places)
    starts = (energies.argmax(dim=1) * step).tolist()
    return torch.stack(
        [
            signal[:, start : start + n_samples]
            for signal, start in zip(signals, starts, strict=True)
        ]
    )


def without_treble(signals: Float[Tensor, "K C T"]) -> Float[Tensor, "K C T"]:
    """Return signals without the upper part of their band."""
    spectrum = torch.fft.rfft(signals)
    n_kept = int(CUTOFF_SHARE * spectrum.shape[-1])
    result: Tensor = torch.fft.irfft(spectrum[..., :n_kept], n=signals.shape[-1])
    return result


def _rms(signals: Float[Tensor, "K C T"]) -> Float[Tensor, "K 1 1"]:
    return signals.square().mean(dim=(1, 2), keepdim=True).sqrt().clamp(min=1e-4)

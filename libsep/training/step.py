"""One step of supervised training, from sources to moved weights."""

import dataclasses
from collections.abc import Sequence

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from libsep.config import LossConfig, OptimiserConfig
from libsep.dsp.stft import istft, stft
from libsep.errors import ConfigError
from libsep.losses.spectral import (
    balance_weights,
    resolutions_l1,
    spectrum_l1,
    waveform_l1,
    waveform_rmse,
)
from libsep.nets.band_split_unet import BandSplitUNet
from libsep.nets.level import SILENCE, at_unit_level
from libsep.nets.magnitude import MagnitudeNetwork
from libsep.nets.network import SeparationNetwork
from libsep.nets.nmf import divergence
from libsep.track import TARGETS
from libsep.training.distributed import average_gradients
from libsep.training.material.partitions import Partition, summed_up
from libsep.training.state import State

N_FFT, HOP_LENGTH = 2048, 512
"""Spectrogram in which networks that give samples are held against the sources."""


def train_step(
    state: State,
    sources: Float[Tensor, "B S C T"],
    loss_config: LossConfig,
    optimiser_config: OptimiserConfig,
    *,
    is_bfloat16: bool,
    partitions: Sequence[Partition] = (),
) -> dict[str, float]:
    """Change ``state`` by one step on these sources, together with the other workers.

    With ``partitions``, the sum of the estimates of the targets in a part is held against the sum
    of their sources, for each item.

    Returns
    -------
    ``loss`` and its parts (``loss/spectrum``, …) of this worker, the learning rate ``rate``, and
    the length of the gradient before clipping, ``gradient``.
    """
    state.network.train()
    losses = supervised_losses(
        state.network, sources, loss_config, is_bfloat16=is_bfloat16, partitions=partitions
    )
    metrics = update_network(state, losses, optimiser_config)
    state.n_examples += len(sources)
    return metrics


def merged(sources: Float[Tensor, "B all C T"], targets: Sequence[str]) -> Float[Tensor, "B S C T"]:
    """Return the sources of a network's targets from those of all `TARGETS`; the sum stays.

    What belongs to none of ``targets`` is added to ``other``.
    """
    if tuple(targets) == TARGETS:
        return sources
    kept = {name: source for name, source in zip(TARGETS, sources.unbind(1), strict=True)}
    left = [kept.pop(name) for name in TARGETS if name not in targets]
    kept["other"] = kept["other"] + torch.stack(left).sum(0)
    return torch.stack([kept[name] for name in targets], dim=1)


def update_network(
    state: State, losses: dict[str, Float[Tensor, ""]], config: OptimiserConfig
) -> dict[str, float]:
    """Lower the sum of these losses by one step of the optimiser; return it with its parts.

    Raises
    ------
    ConfigError
        The gradient is no number any more; the weights are as they were.
    """
    loss = torch.stack(list(losses.values())).sum()
    state.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call] # torch's own
    average_gradients(state.network)
    gradient = torch.nn.utils.clip_grad_norm_(state.network.parameters(), config.max_gradient_norm)
    if not gradient.isfinite():
        raise ConfigError(
            f"step {state.step + 1}: the gradient is no number any more, so nothing can be learned "
            "(did it diverge? expected a lower optimiser.learning_rate; the checkpoints are from "
            "before)"
        )
    rate = state.scheduler.get_last_lr()[0]
    state.optimiser.step()
    state.scheduler.step()
    state.step += 1
    state.update_average(config.ema_decay)
    metrics = {name: value.item() for name, value in losses.items()}
    return metrics | {"loss": loss.item(), "rate": float(rate), "gradient": gradient.item()}


def supervised_losses(
    network: torch.nn.Module,
    sources: Float[Tensor, "B S C T"],
    config: LossConfig,
    *,
    is_bfloat16: bool,
    partitions: Sequence[Partition] = (),
) -> dict[str, Float[Tensor, ""]]:
    """Return the weighted parts of the loss of a mixture of these sources, as in `train_step`."""
    targets = as_separation_network(network).targets
    sources = summed_up(sources, partitions, targets)
    if not isinstance(network, BandSplitUNet):
        network = as_separation_network(network)
        return separation_losses(
            network, sources, config, is_bfloat16=is_bfloat16, partitions=partitions
        )
    source_spectra = stft(sources, network.n_fft, network.hop_length)
    spectra = estimated_spectra(network, source_spectra.sum(1), is_bfloat16=is_bfloat16)
    spectra = summed_up(spectra, partitions, targets)
    return reconstruction_losses(network, spectra, source_spectra, sources, config)


def separation_losses(
    network: SeparationNetwork,
    sources: Float[Tensor, "B S C T"],
    config: LossConfig,
    *,
    is_bfloat16: bool,
    found: "Magnitudes | None" = None,
    partitions: Sequence[Partition] = (),
) -> dict[str, Float[Tensor, ""]]:
    """Return the weighted parts of the loss of a network that gives samples, in float32.

    The error of the spectrogram is that of `N_FFT` and `HOP_LENGTH`. ``found`` is what
    `magnitudes` returns of the same, where it is known already.
    """
    losses: dict[str, Tensor] = {}
    if config.divergence:
        found = found or magnitudes(
            network, sources, is_bfloat16=is_bfloat16, partitions=partitions
        )
        losses["loss/divergence"] = config.divergence * mean_divergence(found)
    if not (config.spectrum or looks_at_samples(config)):
        return losses
    with torch.autocast(sources.device.type, torch.bfloat16, enabled=is_bfloat16):
        estimates = network.separate(sources.sum(1)).float()
    estimates = summed_up(estimates, partitions, network.targets)
    weights = balance_weights(sources)
    if config.spectrum:
        spectra, source_spectra = (stft(x, N_FFT, HOP_LENGTH) for x in (estimates, sources))
        error = spectrum_l1(spectra, source_spectra, weights, N_FFT)
        losses["loss/spectrum"] = config.spectrum * error
    return losses | sample_losses(estimates, sources, weights, config)


@dataclasses.dataclass(frozen=True)
class Magnitudes:
    """Magnitudes of mixtures with an RMS of 1, of their sources, and of their estimates."""

    mixtures: Float[Tensor, "B C F N"]
    sources: Float[Tensor, "B S C F N"]
    estimates: Float[Tensor, "B S C F N"]


def magnitudes(
    network: SeparationNetwork,
    sources: Float[Tensor, "B S C T"],
    *,
    is_bfloat16: bool,
    partitions: Sequence[Partition] = (),
) -> Magnitudes:
    """Return what a network that estimates magnitudes gets, should find, and finds.

    Sources are added up by their ``partitions`` already, as `summed_up` does it.

    Raises
    ------
    ConfigError
        The network does not estimate magnitudes.
    """
    if not isinstance(network, MagnitudeNetwork):
        raise ConfigError(f"loss.divergence: {type(network).__name__} does not estimate magnitudes")
    mixtures, level = at_unit_level(sources.sum(1))
    spectra = network.spectrogram(mixtures)
    of_sources = network.spectrogram(sources / level.clamp(min=SILENCE)[:, None]).abs()
    with torch.autocast(sources.device.type, torch.bfloat16, enabled=is_bfloat16):
        # Not the magnitudes of the masked spectra, whose gradient is undefined at 0.
        masks = network.masks(spectra.abs())
    masks = summed_up(masks.float(), partitions, network.targets)
    return Magnitudes(spectra.abs(), of_sources, masks * spectra.abs()[:, None])


def mean_divergence(found: Magnitudes) -> Float[Tensor, ""]:
    """Return the divergence of the sources' magnitudes from the estimates', per cell."""
    return divergence(found.sources, found.estimates) / found.sources.numel()


def looks_at_samples(config: LossConfig) -> bool:
    """Return whether a part of the loss needs the samples of the estimates."""
    return any((config.waveform, config.rmse, config.resolutions))


def sample_losses(
    estimates: Float[Tensor, "B S C T"],
    sources: Float[Tensor, "B S C T"],
    weights: Float[Tensor, "B S 1 1"],
    config: LossConfig,
) -> dict[str, Float[Tensor, ""]]:
    """Return the weighted parts of the loss that look at samples and at several resolutions."""
    losses: dict[str, Tensor] = {}
    if config.waveform:
        losses["loss/waveform"] = config.waveform * waveform_l1(estimates, sources, weights)
    if config.rmse:
        losses["loss/rmse"] = config.rmse * waveform_rmse(estimates, sources, weights)
    if config.resolutions:
        error = resolutions_l1(estimates, sources, weights)
        losses["loss/resolutions"] = config.resolutions * error
    return losses


def as_separation_network(network: torch.nn.Module) -> SeparationNetwork:
    """Return the network, whose type a `State` does not tell."""
    if not isinstance(network, SeparationNetwork):
        raise TypeError(f"{type(network).__name__}, expected a SeparationNetwork")
    return network


def as_band_split_unet(network: torch.nn.Module) -> BandSplitUNet:
    """Return the network, whose type a `State` does not tell."""
    if not isinstance(network, BandSplitUNet):
        raise TypeError(f"{type(network).__name__} has no spectrogram, expected a BandSplitUNet")
    return network


def estimated_spectra(
    network: BandSplitUNet, mixtures: Complex[Tensor, "B C F N"], *, is_bfloat16: bool
) -> Complex[Tensor, "B S C F N"]:
    """Return the spectrograms of the estimates; only the network runs in bfloat16."""
    with torch.autocast(mixtures.device.type, torch.bfloat16, enabled=is_bfloat16):
        spectra: Tensor = network(mixtures)
    return spectra


def reconstruction_losses(
    network: BandSplitUNet,
    spectra: Complex[Tensor, "B S C F N"],
    source_spectra: Complex[Tensor, "B S C F N"],
    sources: Float[Tensor, "B S C T"],
    config: LossConfig,
) -> dict[str, Float[Tensor, ""]]:
    """Return the weighted parts of the loss whose weight is not 0, in float32."""
    n_fft, hop_length, n_samples = network.n_fft, network.hop_length, sources.shape[-1]
    weights = balance_weights(sources)
    losses: dict[str, Tensor] = {}
    if config.spectrum:
        error = spectrum_l1(spectra, source_spectra, weights, n_fft)
        losses["loss/spectrum"] = config.spectrum * error
    if looks_at_samples(config):
        estimates = istft(spectra, n_fft, hop_length, n_samples)
        losses |= sample_losses(estimates, sources, weights, config)
    return losses

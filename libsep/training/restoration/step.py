"""One step of training, from examples to moved weights."""

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from libsep.config import (
    RestorationAdversarialConfig,
    RestorationLossConfig,
    RestorationTrainingConfig,
)
from libsep.dsp.stft import istft, stft
from libsep.errors import ConfigError, ModelError
from libsep.losses.adversarial import discriminator_loss, feature_loss, generator_loss
from libsep.losses.missing_band import (
    Mask,
    distance,
    log_power,
    mean_error,
    mean_power,
    missing_cells,
    phase_error,
    resolution_error,
)
from libsep.nets.stft_discriminator import StftDiscriminator
from libsep.nets.super_resolution import AmplitudePhaseNet
from libsep.restoration.model import find_restoration_model
from libsep.restoration.weights import load_network
from libsep.training.restoration.examples import Batch
from libsep.training.state import Adversary, State, new_state
from libsep.training.step import update_network
from libsep.training.weights.checkpoint import load_average

OTHER_SIZES = (512, 1024)
"""Windows of the losses of other resolutions, in samples."""

DISCRIMINATOR = "high_band"
BETAS = (0.8, 0.99)


def begin(config: RestorationTrainingConfig, start: str | None = None) -> State:
    """Return the state before the first step; what is not trained yet follows from the seed.

    Parameters
    ----------
    config
        The training's.
    start
        Name of a super-resolution model, its folder, or a checkpoint (``.pt``); None: the weights
        are random.

    Raises
    ------
    ConfigError
        There is no such start, it is damaged, or its network has another size.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = AmplitudePhaseNet(**config.network.model_dump())
        if start is not None:
            _load_start(start, network)
        adversary = new_adversary(config.adversarial) if config.adversarial else None
    return new_state(network, config.optimiser, adversary)


def _load_start(origin: str, network: AmplitudePhaseNet) -> None:
    """Give ``network`` the weights of a model, or the averaged weights of a checkpoint."""
    if origin.endswith(".pt"):
        load_average(origin, network)
        return
    try:
        trained = load_network(find_restoration_model(origin))
    except ModelError as exc:
        raise ConfigError(f"{origin}: cannot be started from: {exc}") from exc
    try:
        network.load_state_dict(trained.state_dict())
    except RuntimeError as exc:
        raise ConfigError(f"{origin}: a network of another size: {exc}") from exc


def restoration_step(
    state: State, batch: Batch, config: RestorationTrainingConfig, *, is_bfloat16: bool
) -> dict[str, float]:
    """Change ``state`` by one step on these examples.

    From ``adversarial.from_step`` on the discriminators learn too, and after their warm-up the
    network hears them.

    Returns
    -------
    ``loss`` and its parts (``loss/distance``, ``adversarial/generator``, …), the learning rate
    ``rate`` and the length of the gradient before clipping, ``gradient``.
    """
    network = as_amplitude_phase_net(state.network)
    network.train()
    spectrum = stft(batch.degraded, network.n_fft, network.hop_length)
    source = stft(batch.sources, network.n_fft, network.hop_length)
    mask = missing_cells(source, batch.first_bins, batch.last_bins)
    with torch.autocast("cpu", torch.bfloat16, enabled=is_bfloat16):
        made = network(spectrum, batch.first_bins)
    losses, estimate = reconstruction_losses(network, made, source, mask, batch, config.loss)
    metrics: dict[str, float] = {}
    adversarial, adversary = config.adversarial, state.adversary
    if adversarial is not None and adversary is not None and state.step >= adversarial.from_step:
        bands = high_bands(network, stft(estimate, network.n_fft, network.hop_length), source, mask)
        n_items = adversarial.n_items
        fake, real = (band[:n_items, None] for band in bands)
        with torch.autocast("cpu", torch.bfloat16, enabled=is_bfloat16):
            metrics |= _update_discriminator(adversary, real, fake)
            if state.step >= adversarial.from_step + adversarial.n_warmup_steps:
                losses |= _adversarial_losses(adversary, real, fake, adversarial)
    metrics = update_network(state, losses, config.optimiser) | metrics
    state.n_examples += len(batch.sources)
    return metrics


def reconstruction_losses(
    network: AmplitudePhaseNet,
    made: Complex[Tensor, "B F N"],
    source: Complex[Tensor, "B F N"],
    mask: Mask,
    batch: Batch,
    config: RestorationLossConfig,
) -> tuple[dict[str, Float[Tensor, ""]], Float[Tensor, "B T"]]:
    """Return the weighted parts of the loss whose weight is not 0, and the signal."""
    reference = mean_power(source)
    target = log_power(source, reference)
    estimate = istft(made, network.n_fft, network.hop_length, batch.sources.shape[-1])
    losses: dict[str, Tensor] = {}
    if config.distance:
        # Not every set of cells is a signal's: what counts is the spectrogram of what comes out.
        heard = stft(estimate, network.n_fft, network.hop_length)
        losses["loss/distance"] = config.distance * distance(
            log_power(heard, reference), target, mask
        )
    if config.amplitude:
        error = mean_error(log_power(made, reference), target, mask)
        losses["loss/amplitude"] = config.amplitude * error
    if config.resolutions:
        edges = (batch.first_bins, batch.last_bins)
        errors = [
            resolution_error(estimate, batch.sources, edges, network.n_fft, size)
            for size in OTHER_SIZES
        ]
        losses["loss/resolutions"] = config.resolutions * torch.stack(errors).mean()
    if config.phase:
        losses["loss/phase"] = config.phase * phase_error(made, source, mask)
    return losses, estimate


def high_bands(
    network: AmplitudePhaseNet,
    made: Complex[Tensor, "B F N"],
    source: Complex[Tensor, "B F N"],
    mask: Mask,
) -> tuple[Float[Tensor, "B T"], Float[Tensor, "B T"]]:
    """Return the missing bands of what was made and of the source, at the source's level 1."""
    n_samples = (made.shape[-1] - 3) * network.hop_length
    is_missing = mask.any(dim=2, keepdim=True)
    fake, real = (
        istft(each * is_missing, network.n_fft, network.hop_length, n_samples)
        for each in (made, source)
    )
    level = real.square().mean(1, keepdim=True).sqrt().clamp(min=1e-5)
    return fake / level, real / level


def new_adversary(config: RestorationAdversarialConfig) -> Adversary:
    """Return the discriminators as they are before they learn."""
    discriminators = torch.nn.ModuleDict({DISCRIMINATOR: StftDiscriminator(n_channels=1)})
    optimiser = torch.optim.AdamW(discriminators.parameters(), lr=config.learning_rate, betas=BETAS)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1.0)
    return Adversary(discriminators, optimiser, scheduler)


def as_amplitude_phase_net(network: torch.nn.Module) -> AmplitudePhaseNet:
    """Return the network, whose type a `State` does not tell."""
    if not isinstance(network, AmplitudePhaseNet):
        raise TypeError(f"{type(network).__name__}, expected an AmplitudePhaseNet")
    return network


def _update_discriminator(
    adversary: Adversary, real: Float[Tensor, "B 1 T"], fake: Float[Tensor, "B 1 T"]
) -> dict[str, float]:
    """Move the discriminators, and return their loss."""
    adversary.discriminators.requires_grad_()
    logits, _ = adversary.discriminators[DISCRIMINATOR](torch.cat([real, fake.detach()]))
    reals, fakes = zip(*(logit.chunk(2) for logit in logits), strict=True)
    loss = discriminator_loss(reals, fakes, "lsgan")
    adversary.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call] # torch's own
    adversary.optimiser.step()
    adversary.scheduler.step()
    return {f"discriminator/{DISCRIMINATOR}": loss.item()}


def _adversarial_losses(
    adversary: Adversary,
    real: Float[Tensor, "B 1 T"],
    fake: Float[Tensor, "B 1 T"],
    config: RestorationAdversarialConfig,
) -> dict[str, Float[Tensor, ""]]:
    """Return what the discriminators say of the fakes, weighted; they get no gradient."""
    adversary.discriminators.requires_grad_(requires_grad=False)
    logits, fake_fmaps = adversary.discriminators[DISCRIMINATOR](fake)
    _, real_fmaps = adversary.discriminators[DISCRIMINATOR](real)
    return {
        "adversarial/generator": config.generator * generator_loss(logits, "lsgan"),
        "adversarial/features": config.features * feature_loss(real_fmaps, fake_fmaps),
    }

"""One step of adversarial training, from sources to moved discriminators and generator."""

import dataclasses

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from libsep.config import AdversarialConfig, TrainingConfig
from libsep.dsp.stft import istft, stft
from libsep.losses.adversarial import Kind, discriminator_loss, feature_loss, generator_loss
from libsep.media.decode import SAMPLE_RATE
from libsep.training.adversarial.contests import (
    Contest,
    context_contest,
    leak,
    target_contest,
    unpaired_contest,
)
from libsep.training.distributed import average_gradients
from libsep.training.material.unpaired_examples import UnpairedBatch
from libsep.training.state import Adversary, State
from libsep.training.step import (
    as_band_split_unet,
    estimated_spectra,
    reconstruction_losses,
    update_network,
)


def adversarial_step(
    state: State,
    sources: Float[Tensor, "B S 2 T"],
    unpaired: UnpairedBatch,
    config: TrainingConfig,
    *,
    rng: np.random.Generator,
    is_bfloat16: bool,
) -> dict[str, float]:
    """Change ``state`` by one step on these sources and unpaired mixes, with the other workers.

    Each step trains with one of the targets, in turn. In the first ``n_warmup_steps`` the
    generator stands still. Where the crops of this worker lie, and which fakes of the context are
    replaced by sources, follows from ``rng``.

    Returns
    -------
    The parts of the loss, named like their weights in the configuration (``loss/spectrum``,
    ``adversarial/generator``, …), their sum ``loss``, ``discriminator/…`` for each discriminator
    that took part, ``rate`` and ``gradient``; of the warm-up the discriminators' alone.
    """
    adversary, adversarial = state.adversary, config.adversarial
    if adversary is None or adversarial is None:
        raise ValueError("an adversarial step needs discriminators, and weights for them")
    target = current_target(adversarial, state.step)
    is_warmup = state.step < adversarial.n_warmup_steps
    train_with_frozen_statistics(state.network)

    with torch.set_grad_enabled(not is_warmup):
        generated = generate(state, sources, unpaired, config, is_bfloat16=is_bfloat16)
    contests = make_contests(generated, sources, unpaired, adversarial, target=target, rng=rng)
    with torch.autocast(sources.device.type, torch.bfloat16, enabled=is_bfloat16):
        metrics = update_discriminators(adversary, contests, adversarial.kind)
        if is_warmup:
            state.step += 1
            return metrics
        opinions = adversarial_losses(adversary, contests, adversarial)
    if adversarial.leak and len(unpaired.without):
        leaked = leak(generated.of_without[target], unpaired.without)
        opinions["adversarial/leak"] = adversarial.leak * leaked
    fade = faded(adversarial, state.step)
    losses = generated.losses | {name: fade * opinion for name, opinion in opinions.items()}
    state.n_examples += len(sources)
    return update_network(state, losses, config.optimiser) | metrics


def faded(config: AdversarialConfig, step: int) -> float:
    """Return the share of their weights that the adversarial losses have at a step, 0 to 1."""
    if not config.n_fade_steps:
        return 1.0
    return min((step - config.n_warmup_steps + 1) / config.n_fade_steps, 1.0)


def train_with_frozen_statistics(network: torch.nn.Module) -> None:
    """Put a network in training mode, except its normalisations.

    Their statistics are those of much more audio than a step has, and unpaired mixes would move
    them.
    """
    network.train()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()


def current_target(config: AdversarialConfig, step: int) -> str:
    """Return the target whose turn it is; the same in all workers."""
    return config.targets[step % len(config.targets)]


@dataclasses.dataclass(frozen=True)
class Generated:
    """Reconstruction losses, and the estimates that discriminators see, each by target."""

    losses: dict[str, Tensor]
    of_sources: dict[str, Tensor]
    of_mixtures: dict[str, Tensor]
    of_without: dict[str, Tensor]


def generate(
    state: State,
    sources: Float[Tensor, "B S 2 T"],
    unpaired: UnpairedBatch,
    config: TrainingConfig,
    *,
    is_bfloat16: bool,
) -> Generated:
    """Separate the mixtures of the sources and the unpaired ones, all in one pass."""
    assert config.adversarial is not None
    network = as_band_split_unet(state.network)
    source_spectra = stft(sources, network.n_fft, network.hop_length)
    others = torch.cat([unpaired.mixtures, unpaired.without])
    other_spectra = stft(others, network.n_fft, network.hop_length)
    mixtures = torch.cat([source_spectra.sum(1), *([other_spectra] if len(others) else [])])
    spectra = estimated_spectra(network, mixtures, is_bfloat16=is_bfloat16)
    n_sources, n_judged = len(sources), min(config.adversarial.n_items, len(sources))
    losses = reconstruction_losses(
        network, spectra[:n_sources], source_spectra, sources, config.loss
    )
    kept = torch.cat([spectra[:n_judged], spectra[n_sources:]])
    estimates = istft(kept, network.n_fft, network.hop_length, sources.shape[-1])
    parts = torch.split(estimates, [n_judged, len(unpaired.mixtures), len(unpaired.without)])
    by_target = [dict(zip(network.targets, part.unbind(1), strict=True)) for part in parts]
    return Generated(losses, *by_target)


def make_contests(
    generated: Generated,
    sources: Float[Tensor, "B S 2 T"],
    unpaired: UnpairedBatch,
    config: AdversarialConfig,
    *,
    target: str,
    rng: np.random.Generator,
) -> dict[str, Contest]:
    """Return what each discriminator that takes part in this step is shown, by its name."""
    estimates = torch.stack(list(generated.of_sources.values()), dim=1)
    n_items, n_targets = estimates.shape[:2]
    crop = min(int(config.crop_s * SAMPLE_RATE), sources.shape[-1])
    start = int(rng.integers(sources.shape[-1] - crop + 1))
    cut = slice(start, start + crop)
    sources, estimates = sources[:n_items, ..., cut], estimates[..., cut]
    contests = {}
    if config.generator or config.features:
        index = list(generated.of_sources).index(target)
        contests[f"target/{target}"] = target_contest(
            estimates[:, index], sources[:, index], sources.sum(1)
        )
    if config.context:
        is_replaced = rng.uniform(size=(n_items, n_targets)) < 0.5
        is_replaced[np.arange(n_items), rng.integers(n_targets, size=n_items)] = False
        replaced = torch.from_numpy(is_replaced).to(sources.device)
        contests["context"] = context_contest(estimates, sources, replaced)
    if len(unpaired.alone):
        contests[f"unpaired/{target}"] = unpaired_contest(
            generated.of_mixtures[target], unpaired.mixtures, unpaired.alone
        )
    return contests


def update_discriminators(
    adversary: Adversary, contests: dict[str, Contest], kind: Kind
) -> dict[str, float]:
    """Move the discriminators that have a contest, and return their losses."""
    adversary.discriminators.requires_grad_()
    losses = {}
    for name, contest in contests.items():
        both = torch.cat([contest.real, contest.fake.detach()])
        logits, _ = adversary.discriminators[name](both)
        reals, fakes = zip(*(logit.chunk(2) for logit in logits), strict=True)
        losses[f"discriminator/{name}"] = discriminator_loss(reals, fakes, kind)
    if losses:
        adversary.optimiser.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call] # torch's own
        average_gradients(adversary.discriminators)
        adversary.optimiser.step()
    adversary.scheduler.step()
    return {name: loss.item() for name, loss in losses.items()}


def adversarial_losses(
    adversary: Adversary, contests: dict[str, Contest], config: AdversarialConfig
) -> dict[str, Float[Tensor, ""]]:
    """Return what the discriminators say of the fakes, weighted; they get no gradient."""
    adversary.discriminators.requires_grad_(requires_grad=False)
    losses = {}
    for name, contest in contests.items():
        fakes, fake_fmaps = adversary.discriminators[name](contest.fake)
        family = name.split("/")[0]
        if family == "target" and config.features:
            _, real_fmaps = adversary.discriminators[name](contest.real)
            features = feature_loss(real_fmaps, fake_fmaps)
            losses["adversarial/features"] = config.features * features
        weight = {
            "target": config.generator,
            "context": config.context,
            "unpaired": config.unpaired,
        }[family]
        key = "generator" if family == "target" else family
        losses[f"adversarial/{key}"] = weight * generator_loss(fakes, config.kind)
    return losses

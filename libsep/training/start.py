"""How a training begins: the state and the stage that a job asks for."""

from collections.abc import Sequence

import torch

from libsep.config import TrainingConfig
from libsep.errors import ConfigError, reason_of
from libsep.media.decode import SAMPLE_RATE
from libsep.model_folder.tensors import UNFIT
from libsep.nets.magnitude import MagnitudeNetwork
from libsep.nets.network import SeparationNetwork
from libsep.training.adversarial.frames import FrameAdversarial
from libsep.training.adversarial.stage import Adversarial
from libsep.training.factorisation import Factorisation
from libsep.training.job import CHECKPOINT, Job
from libsep.training.material.inputs import open_examples, open_unpaired
from libsep.training.stage import Stage, Supervised
from libsep.training.state import State, new_adversary, new_frame_adversary, new_state
from libsep.training.weights.checkpoint import load_weights
from libsep.training.weights.growth import new_network

NMF = "nmf"
"""The network that is not trained by gradients."""

OWN = "band_split_unet"
"""The network that the discriminators are made for."""


def check_start(job: Job) -> None:
    """Refuse a job whose stage and start do not go together.

    Raises
    ------
    ConfigError
        The network does not separate stereo sound, or there is nothing to learn by; adversarial
        training of a network that its stage is not for, or of one that lacks targets, without
        trained weights, or without a validation that guards them; unpaired recordings without
        adversarial training of our own network; or several workers for NMF.
    """
    config = job.config
    if config.adversarial is None and job.unpaired:
        raise ConfigError(
            f"{job.unpaired[0]}: unpaired recordings are for adversarial training, "
            "but the configuration has no section adversarial"
        )
    if config.network.architecture == NMF and config.workers > 1:
        raise ConfigError(f"workers: {config.workers}, expected 1 where the network is {NMF}")
    if config.network.architecture == NMF and config.frame_adversarial is not None:
        raise ConfigError(f"frame_adversarial: {NMF} is not trained by gradients")
    _check_network(config)
    stages = {"adversarial": config.adversarial, "frame_adversarial": config.frame_adversarial}
    is_judged = any(section is not None for section in stages.values())
    if config.network.architecture != NMF and not (is_judged or any(dict(config.loss).values())):
        raise ConfigError("loss: all weights are 0, expected at least one above, to learn by")
    for stage in (name for name, section in stages.items() if section is not None):
        if job.start is None and not (job.out / CHECKPOINT).is_file():
            raise ConfigError(
                f"{stage}: needs a trained generator, expected --from MODEL (or a run to resume)"
            )
        if not job.validation:
            raise ConfigError(f"{stage}: needs songs to guard the SDR with, expected --validation")
    if config.adversarial is not None:
        _check_targets("targets", config.adversarial.targets, config.network.targets)
    if config.adversarial is not None and config.network.architecture != OWN:
        raise ConfigError(f"adversarial: needs the network {OWN}")
    if config.frame_adversarial is not None:
        with torch.device("meta"):
            as_magnitude_network(new_network(config.network))


def _check_network(config: TrainingConfig) -> None:
    """Refuse a network whose arguments do not fit what it is to separate."""
    network = new_network(config.network).eval()
    try:
        with torch.no_grad():
            network.separate(torch.zeros(1, 2, SAMPLE_RATE // 2))
    except UNFIT as exc:
        reason = reason_of(exc).partition("\n")[0]
        raise ConfigError(
            f"network.arguments of {config.network.architecture}: do not fit stereo sound: {reason}"
        ) from exc


def _check_targets(name: str, judged: Sequence[str], targets: Sequence[str]) -> None:
    """Refuse discriminators of what the network does not separate."""
    if missing := [target for target in judged if target not in targets]:
        raise ConfigError(
            f"adversarial.{name}: {', '.join(missing)}, but the network separates "
            f"{', '.join(targets)}"
        )


def as_magnitude_network(network: SeparationNetwork) -> MagnitudeNetwork:
    """Return a network that the discriminator of frames can judge.

    Raises
    ------
    ConfigError
        It does not estimate magnitudes.
    """
    if not isinstance(network, MagnitudeNetwork):
        name = type(network).__name__
        raise ConfigError(f"frame_adversarial: {name} does not estimate magnitudes")
    return network


def begin(job: Job) -> State:
    """Return the state before the first step; what is not trained yet follows from the seed.

    Raises
    ------
    ConfigError
        The job's start is missing or damaged, or of another architecture or size.
    """
    config = job.config
    torch.manual_seed(config.seed)
    network = new_network(config.network)
    if job.start is not None:
        load_weights(job.start, network)
    adversary = None
    network.to(config.device)
    if config.adversarial is not None:
        adversary = new_adversary(
            config.adversarial,
            len(config.network.targets),
            config.optimiser.n_steps,
            config.device,
        )
    if config.frame_adversarial is not None:
        adversary = new_frame_adversary(
            config.frame_adversarial,
            as_magnitude_network(network),
            config.optimiser.n_steps,
            config.device,
        )
    state = new_state(network, config.optimiser, adversary)
    if config.start_shares and job.start is not None:
        state.keep_origin()
    return state


def open_stage(job: Job, state: State) -> Stage:
    """Return the way of training that the job asks for, with its material.

    Raises
    ------
    ConfigError
        Material is missing or damaged, or a target has none.
    """
    config, examples = job.config, open_examples(job)
    validates_start = job.start is not None
    is_adversarial = config.adversarial is not None or config.frame_adversarial is not None
    is_factorised = config.network.architecture == NMF
    if examples.have_sums and (is_adversarial or is_factorised):
        raise ConfigError(
            "this training needs songs with each target alone, but some of --data have sums of them"
        )
    if is_factorised:
        return Factorisation(config, state, examples, validates_start=validates_start)
    if config.frame_adversarial is not None:
        return FrameAdversarial(config, config.frame_adversarial, state, examples)
    if config.adversarial is None:
        return Supervised(config, state, examples, validates_start=validates_start)
    unpaired = open_unpaired(job, config.adversarial, examples)
    return Adversarial(config, config.adversarial, state, examples, unpaired)

"""How a training begins: the state and the stage that a job asks for."""

import torch

from libsep.errors import ConfigError
from libsep.track import TARGETS
from libsep.training.adversarial.stage import Adversarial
from libsep.training.job import CHECKPOINT, Job
from libsep.training.material.inputs import open_examples, open_unpaired
from libsep.training.stage import Stage, Supervised
from libsep.training.state import State, new_adversary, new_state
from libsep.training.weights.checkpoint import load_weights
from libsep.training.weights.growth import new_network

OWN = "band_split_unet"
"""The network that the discriminators are made for."""


def check_start(job: Job) -> None:
    """Refuse a job whose stage and start do not go together.

    Raises
    ------
    ConfigError
        Adversarial training of another network, or of one that lacks targets, without trained
        weights, or without a validation that guards them; or unpaired recordings without
        adversarial training.
    """
    is_begun = job.start is not None or (job.out / CHECKPOINT).is_file()
    if job.config.adversarial is not None and not is_begun:
        raise ConfigError(
            "adversarial: needs a trained generator, expected --from MODEL (or a run to resume)"
        )
    if job.config.adversarial is not None and job.config.network.targets != TARGETS:
        raise ConfigError(f"adversarial: needs a network with all targets, {', '.join(TARGETS)}")
    if job.config.adversarial is not None and job.config.network.architecture != OWN:
        raise ConfigError(f"adversarial: needs the network {OWN}")
    if job.config.adversarial is not None and not job.validation:
        raise ConfigError("adversarial: needs songs to guard the SDR with, expected --validation")
    if job.config.adversarial is None and job.unpaired:
        raise ConfigError(
            f"{job.unpaired[0]}: unpaired recordings are for adversarial training, "
            "but the configuration has no section adversarial"
        )


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
        adversary = new_adversary(config.adversarial, config.optimiser.n_steps, config.device)
    return new_state(network, config.optimiser, adversary)


def open_stage(job: Job, state: State) -> Stage:
    """Return the way of training that the job asks for, with its material.

    Raises
    ------
    ConfigError
        Material is missing or damaged, or a target has none.
    """
    config, examples = job.config, open_examples(job)
    if config.adversarial is None:
        validates_start = job.start is not None
        return Supervised(config, state, examples, validates_start=validates_start)
    unpaired = open_unpaired(job, config.adversarial, examples)
    return Adversarial(config, config.adversarial, state, examples, unpaired)

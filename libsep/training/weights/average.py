"""One model from several trained weights of one network: their weighted mean.

References
----------
Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy
without increasing inference time", ICML 2022.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import torch

from libsep.config import TrainingConfig, load
from libsep.errors import ConfigError
from libsep.separation.registry import Model, check_place, find_model
from libsep.separation.weights import save_model
from libsep.training.job import CONFIG
from libsep.training.weights.checkpoint import load_weights
from libsep.training.weights.export import describe
from libsep.training.weights.growth import new_network


def average_weights(
    parts: Sequence[str], weights: Sequence[float], info_path: Path, folder: Path
) -> Model:
    """Write the weighted mean of the weights of models and checkpoints as a model.

    Parameters
    ----------
    parts
        Names or folders of models, and checkpoints (``.pt``) in the folders of their runs. A model
        that is smaller than the network is grown (`libsep.training.weights.growth`), with the
        chance of the run's seed, as the run that began with it did.
    weights
        Of each part; only their ratios count.
    info_path
        YAML file with what the run cannot know, as for `libsep.training.weights.export`.
    folder
        Of the model.

    Raises
    ------
    ConfigError
        No part is a checkpoint in the folder of its run, a part does not fit its network, or
        weights and parts are not equally many.
    ModelError
        A model does not exist, or the folder cannot be written or holds something else.
    """
    if len(weights) != len(parts) or not 0 < sum(weights) < math.inf:
        raise ConfigError(
            f"{len(weights)} weights for {len(parts)} parts, expected a number for each, and not "
            "all 0"
        )
    checkpoint = next((part for part in parts if part.endswith(".pt")), None)
    if checkpoint is None:
        raise ConfigError("no part is a checkpoint (.pt), whose run would say which network it is")
    described_in = Path(checkpoint).parent / CONFIG
    if not described_in.is_file():
        missing = described_in if Path(checkpoint).is_file() else checkpoint
        raise ConfigError(f"{missing}: not found, expected a checkpoint in the folder of its run")
    config = load(TrainingConfig, described_in)
    info = describe(config, info_path)
    models = [find_model(part) for part in parts if not part.endswith(".pt")]
    check_place(folder, models, info.architecture, shares=False)
    network = new_network(config.network)
    mean = {name: torch.zeros_like(value) for name, value in network.state_dict().items()}
    for part, weight in zip(parts, weights, strict=True):
        torch.manual_seed(config.seed)
        found = new_network(config.network)
        load_weights(part, found)
        for name, value in found.state_dict().items():
            if value.is_floating_point():
                mean[name] += value * (weight / sum(weights))
            else:
                mean[name] = value
    network.load_state_dict(mean)
    return save_model(folder, info, network.eval())

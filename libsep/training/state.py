"""Everything that a training step changes."""

import copy
import dataclasses
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from libsep.config import AdversarialConfig, FrameAdversarialConfig, JudgedConfig, OptimiserConfig
from libsep.nets.magnitude import MagnitudeNetwork
from libsep.nets.stft_discriminator import StftDiscriminator
from libsep.nets.svsgan import FrameDiscriminator

FRAMES = "frames"
"""Name of the discriminator of frames."""

FINAL_RATE = 0.01
"""Learning rate at the end, as a share of the largest."""


@dataclasses.dataclass
class Adversary:
    """The discriminators and what moves them.

    ``target/drums``, ``context``, ``unpaired/drums`` and so on; or ``frames`` alone.
    """

    discriminators: nn.ModuleDict
    optimiser: torch.optim.AdamW
    scheduler: torch.optim.lr_scheduler.LambdaLR

    def state_dict(self) -> dict[str, Any]:
        """Return all values as tensors, numbers and dictionaries."""
        return {
            "discriminators": self.discriminators.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scheduler": self.scheduler.state_dict(),
        }

    def load_state_dict(self, values: dict[str, Any]) -> None:
        """Take over what `state_dict` of another process returned."""
        self.discriminators.load_state_dict(values["discriminators"])
        self.optimiser.load_state_dict(values["optimiser"])
        self.scheduler.load_state_dict(values["scheduler"])


@dataclasses.dataclass
class State:
    """What a checkpoint saves. Random numbers need no state: they follow from seed and step.

    ``start_sdr_db`` is the mean SDR before the first step of an adversarial stage, and
    ``best_distance`` the criterion of its best checkpoint; see `libsep.training.gate`. ``origin``
    are the weights that such a stage, or a training with ``start_shares``, began with.
    """

    network: nn.Module
    average: nn.Module
    optimiser: torch.optim.AdamW
    scheduler: torch.optim.lr_scheduler.LambdaLR
    step: int = 0
    best_sdr_db: float = -math.inf
    n_examples: int = 0
    adversary: Adversary | None = None
    start_sdr_db: float | None = None
    best_distance: float = math.inf
    origin: dict[str, torch.Tensor] | None = None

    def state_dict(self) -> dict[str, Any]:
        """Return all values as tensors, numbers and dictionaries."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "step": self.step,
            "best_sdr_db": self.best_sdr_db,
            "n_examples": self.n_examples,
            "adversary": self.adversary.state_dict() if self.adversary else None,
            "start_sdr_db": self.start_sdr_db,
            "best_distance": self.best_distance,
            "origin": self.origin,
        }

    def load_state_dict(self, values: dict[str, Any]) -> None:
        """Take over what `state_dict` of another process returned.

        Discriminators that this state does not have are left out.

        Raises
        ------
        ValueError
            There are no discriminators in ``values``, but in this state.
        """
        self.network.load_state_dict(values["network"])
        self.average.load_state_dict(values["average"])
        self.optimiser.load_state_dict(values["optimiser"])
        self.scheduler.load_state_dict(values["scheduler"])
        self.step = values["step"]
        self.best_sdr_db = values["best_sdr_db"]
        self.n_examples = values["n_examples"]
        self.start_sdr_db = values.get("start_sdr_db")
        self.best_distance = values.get("best_distance", math.inf)
        self.origin = values.get("origin")
        if self.adversary is not None:
            if values.get("adversary") is None:
                raise ValueError("it holds no discriminators (is it from a supervised training?)")
            self.adversary.load_state_dict(values["adversary"])

    def keep_origin(self) -> None:
        """Remember the weights as those that the training began with."""
        self.origin = copy.deepcopy(self.average.state_dict())

    def between(self, start_share: float) -> "State":
        """Return the state with an average that is moved back by a share towards its origin.

        Raises
        ------
        ValueError
            There is a share, but no origin.
        """
        if not start_share:
            return self
        if self.origin is None:
            raise ValueError("no weights to go back to (is it a checkpoint of an older version?)")
        average = copy.deepcopy(self.average)
        for name, value in average.state_dict().items():
            if value.is_floating_point():
                value.lerp_(self.origin[name].to(value.device), start_share)
        return dataclasses.replace(self, average=average)

    def update_average(self, decay: float) -> None:
        """Move the average towards the network; quickly in the first steps."""
        decay = min(decay, (1 + self.step) / (10 + self.step))
        averaged = self.average.state_dict()
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                if value.is_floating_point():
                    averaged[name].lerp_(value, 1 - decay)
                else:
                    averaged[name].copy_(value)


def new_state(
    network: nn.Module, config: OptimiserConfig, adversary: Adversary | None = None
) -> State:
    """Return the state before the first step."""
    optimiser = torch.optim.AdamW(
        network.parameters(),
        lr=config.learning_rate,
        betas=(0.9, 0.99),
        weight_decay=config.weight_decay,
    )
    rate = _rate(config.n_warmup_steps, config.n_steps)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, rate)
    average = copy.deepcopy(network).eval().requires_grad_(requires_grad=False)
    state = State(network, average, optimiser, scheduler, adversary=adversary)
    if adversary is not None:
        state.keep_origin()
    return state


def new_adversary(
    config: AdversarialConfig, n_targets: int, n_steps: int, device: str
) -> Adversary:
    """Return the discriminators that have a weight, as they are before the first of ``n_steps``.

    ``n_targets`` is how many targets the generator has.
    """
    judges: dict[str, nn.Module] = {}
    for target in config.targets if config.generator or config.features else ():
        judges[f"target/{target}"] = StftDiscriminator(n_channels=4)
    if config.context:
        judges["context"] = StftDiscriminator(n_channels=2 * n_targets)
    unpaired_targets = [name for name in config.unpaired_targets if name in config.targets]
    for target in unpaired_targets if config.unpaired else ():
        judges[f"unpaired/{target}"] = StftDiscriminator(n_channels=2)
    return _adversary(judges, config, n_steps, device)


def new_frame_adversary(
    config: FrameAdversarialConfig, network: MagnitudeNetwork, n_steps: int, device: str
) -> Adversary:
    """Return a discriminator of a network's frames, as it is before the first of ``n_steps``."""
    judge = FrameDiscriminator(network.n_fft // 2 + 1, len(network.targets), config.hidden)
    return _adversary({FRAMES: judge}, config, n_steps, device)


def _adversary(
    judges: dict[str, nn.Module],
    config: JudgedConfig,
    n_steps: int,
    device: str,
) -> Adversary:
    discriminators = nn.ModuleDict(judges).to(device)
    optimiser = torch.optim.AdamW(
        discriminators.parameters(), lr=config.learning_rate, betas=config.betas
    )
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, _rate(0, n_steps))
    return Adversary(discriminators, optimiser, scheduler)


def _rate(n_warmup_steps: int, n_steps: int) -> Callable[[int], float]:
    """Return what rises over the warm-up and then falls along a cosine, by step."""

    def rate(step: int) -> float:
        rise = min((step + 1) / (n_warmup_steps + 1), 1.0)
        progress = min(step / n_steps, 1.0)
        return rise * (FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * progress)))

    return rate

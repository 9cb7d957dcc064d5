"""What the loop repeats: one way of training, with its state, its step and its validation."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch

from libsep.config import TrainingConfig
from libsep.datasets.songs import Song
from libsep.separation.cpu import has_native_bfloat16
from libsep.training import distributed
from libsep.training.gate import Means, Verdict, judge_sdr
from libsep.training.interpolation import validate_between
from libsep.training.material.examples import Examples
from libsep.training.state import State
from libsep.training.step import merged, train_step
from libsep.training.validate import Measures


@runtime_checkable
class Stage(Protocol):
    """One way of training. All that it changes is in its state, which a checkpoint saves."""

    state: State

    validates_start: bool
    """Whether the weights are scored before the first step."""

    def step(self) -> dict[str, float]:
        """Change the state by one step, with the other workers; return ``loss`` and other metrics.

        Keys are those of the curve and of TensorBoard.
        """

    def validate(self, songs: Sequence[Song]) -> Measures:
        """Score the averaged weights on this worker's share of the songs."""

    def judge(self, means: Means) -> Verdict:
        """Return whether these weights are better than all before, and remember it if so."""


class Supervised:
    """Training on sources alone; where it starts from trained weights, those are scored first.

    Parameters
    ----------
    config
        The training's.
    state
        Begun, or resumed from a checkpoint.
    examples
        What the steps are taken on.
    validates_start
        Whether the weights are trained already.
    """

    def __init__(
        self, config: TrainingConfig, state: State, examples: Examples, *, validates_start: bool
    ) -> None:
        self.validates_start = validates_start
        self.state = state
        self._config = config
        self._examples = examples
        self._is_bfloat16 = uses_bfloat16(config)

    def step(self) -> dict[str, float]:
        """Take a step on this worker's own examples."""
        config, worker, step = self._config, distributed.worker(), self.state.step
        sources, partitions = self._examples.parted_batch(
            config.seed, worker, step, config.optimiser.n_batch
        )
        # What dropout hides follows from seed and step too: a resumed training hides the same.
        rng = np.random.default_rng([config.seed, worker, step, 3])
        torch.manual_seed(int(rng.integers(2**63)))
        return train_step(
            self.state,
            merged(sources.to(config.device), config.network.targets),
            config.loss,
            config.optimiser,
            is_bfloat16=self._is_bfloat16,
            partitions=partitions,
        )

    def validate(self, songs: Sequence[Song]) -> Measures:
        """Return the measures of the averaged weights, and of weights nearer to the start."""
        shares = self._config.start_shares
        return validate_between(self.state, songs, shares, is_bfloat16=self._is_bfloat16)

    def judge(self, means: Means) -> Verdict:
        """Prefer the highest mean SDR."""
        return judge_sdr(self.state, means)


def uses_bfloat16(config: TrainingConfig) -> bool:
    """Return whether the networks run in bfloat16; ``auto`` is where the hardware has it."""
    if config.precision == "auto":
        return config.device != "cpu" or has_native_bfloat16()
    return config.precision == "bfloat16"

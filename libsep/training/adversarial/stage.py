"""The adversarial stage: a trained generator against discriminators."""

from collections.abc import Sequence

import numpy as np

from libsep.config import AdversarialConfig, TrainingConfig
from libsep.datasets.songs import Song
from libsep.training import distributed
from libsep.training.adversarial.step import adversarial_step, current_target
from libsep.training.gate import Means, Verdict, judge_sound
from libsep.training.interpolation import validate_between
from libsep.training.material.examples import Examples
from libsep.training.material.unpaired_examples import UnpairedExamples
from libsep.training.stage import uses_bfloat16
from libsep.training.state import State
from libsep.training.step import merged
from libsep.training.validate import Measures


class Adversarial:
    """Training on sources and on what discriminators say of the estimates; a `Stage`.

    Parameters
    ----------
    config
        The training's.
    adversarial
        Its adversarial section.
    state
        With discriminators; begun from a trained network, or resumed from a checkpoint.
    examples, unpaired
        What the steps are taken on.
    """

    validates_start = True

    def __init__(
        self,
        config: TrainingConfig,
        adversarial: AdversarialConfig,
        state: State,
        examples: Examples,
        unpaired: UnpairedExamples,
    ) -> None:
        self.state = state
        self._config = config
        self._adversarial = adversarial
        self._examples = examples
        self._unpaired = unpaired
        self._is_bfloat16 = uses_bfloat16(config)

    def step(self) -> dict[str, float]:
        """Take a step on this worker's own examples and unpaired mixes."""
        config, step, worker = self._config, self.state.step, distributed.worker()
        sources = self._examples.batch(config.seed, worker, step, config.optimiser.n_batch)
        sources = merged(sources.to(config.device), config.network.targets)
        unpaired = self._unpaired.batch(
            config.seed, worker, step, current_target(self._adversarial, step)
        )
        return adversarial_step(
            self.state,
            sources,
            unpaired.to(config.device),
            config,
            rng=np.random.default_rng([config.seed, worker, step, 2]),
            is_bfloat16=self._is_bfloat16,
        )

    def validate(self, songs: Sequence[Song]) -> Measures:
        """Return the measures of the averaged weights, and of weights nearer to the start."""
        shares = self._adversarial.start_shares
        return validate_between(self.state, songs, shares, is_bfloat16=self._is_bfloat16)

    def judge(self, means: Means) -> Verdict:
        """Prefer what sounds better, among the weights that do not lose too much SDR."""
        return judge_sound(self.state, means, self._adversarial.max_sdr_loss_db)

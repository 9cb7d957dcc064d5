"""The adversarial stage of networks of magnitudes: one discriminator of frames and their mixture.

Fan, Lai and Jang, "SVSGAN: singing voice separation via generative adversarial network", ICASSP
2018 (arXiv 1710.11428), equation 3: the discriminator is conditioned on the mixture. The generator
lowers what keeps its gradient where it is recognised (`libsep.losses.adversarial`, ``log``), and
the supervised losses beside it.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from libsep.config import FrameAdversarialConfig, TrainingConfig
from libsep.datasets.songs import Song
from libsep.losses.adversarial import Kind, generator_loss
from libsep.training import distributed
from libsep.training.adversarial.contests import Contest
from libsep.training.adversarial.step import train_with_frozen_statistics, update_discriminators
from libsep.training.gate import Means, Verdict, judge_sound
from libsep.training.interpolation import validate_between
from libsep.training.material.examples import Examples
from libsep.training.stage import uses_bfloat16
from libsep.training.state import FRAMES, State
from libsep.training.step import (
    as_separation_network,
    magnitudes,
    merged,
    separation_losses,
    update_network,
)
from libsep.training.validate import Measures

KIND: Kind = "log"
"""The loss of the paper's equation 3."""


class FrameAdversarial:
    """Training on sources and on what a discriminator says of the frames; a `Stage`.

    Parameters
    ----------
    config
        The training's.
    adversarial
        Its section ``frame_adversarial``.
    state
        With a discriminator; begun from a trained network, or resumed from a checkpoint.
    examples
        What the steps are taken on.
    """

    validates_start = True

    def __init__(
        self,
        config: TrainingConfig,
        adversarial: FrameAdversarialConfig,
        state: State,
        examples: Examples,
    ) -> None:
        self.state = state
        self._config = config
        self._adversarial = adversarial
        self._examples = examples
        self._is_bfloat16 = uses_bfloat16(config)

    def step(self) -> dict[str, float]:
        """Take a step on this worker's own examples."""
        config, step, worker = self._config, self.state.step, distributed.worker()
        sources = self._examples.batch(config.seed, worker, step, config.optimiser.n_batch)
        sources = merged(sources.to(config.device), config.network.targets)
        return frame_step(self.state, sources, config, is_bfloat16=self._is_bfloat16)

    def validate(self, songs: Sequence[Song]) -> Measures:
        """Return the measures of the averaged weights, and of weights nearer to the start."""
        shares = self._adversarial.start_shares
        return validate_between(self.state, songs, shares, is_bfloat16=self._is_bfloat16)

    def judge(self, means: Means) -> Verdict:
        """Prefer what sounds better, among the weights that do not lose too much SDR."""
        return judge_sound(self.state, means, self._adversarial.max_sdr_loss_db)


def frame_step(
    state: State, sources: Float[Tensor, "B S C T"], config: TrainingConfig, *, is_bfloat16: bool
) -> dict[str, float]:
    """Change ``state`` by one step on these sources, together with the other workers.

    In the first ``n_warmup_steps`` the generator stands still.

    Returns
    -------
    The parts of the loss, ``loss/…`` and ``adversarial/generator``, their sum ``loss``,
    ``discriminator/frames``, ``rate`` and ``gradient``; of the warm-up the discriminator's alone.
    """
    adversary, adversarial = state.adversary, config.frame_adversarial
    if adversary is None or adversarial is None:
        raise ValueError("an adversarial step needs a discriminator, and a weight for it")
    network = as_separation_network(state.network)
    is_warmup = state.step < adversarial.n_warmup_steps
    train_with_frozen_statistics(network)
    with torch.set_grad_enabled(not is_warmup):
        found = magnitudes(network, sources, is_bfloat16=is_bfloat16)
    beside = found.mixtures[:, None]
    contest = Contest(
        torch.cat([found.sources, beside], dim=1), torch.cat([found.estimates, beside], dim=1)
    )
    with torch.autocast(sources.device.type, torch.bfloat16, enabled=is_bfloat16):
        metrics = update_discriminators(adversary, {FRAMES: contest}, KIND)
        if is_warmup:
            state.step += 1
            return metrics
        adversary.discriminators.requires_grad_(requires_grad=False)
        logits, _ = adversary.discriminators[FRAMES](contest.fake)
    fooled = adversarial.generator * generator_loss(logits, KIND)
    losses = separation_losses(network, sources, config.loss, is_bfloat16=is_bfloat16, found=found)
    state.n_examples += len(sources)
    metrics |= update_network(state, losses | {"adversarial/generator": fooled}, config.optimiser)
    return metrics

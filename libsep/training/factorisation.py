"""Training of NMF: spectra of each target, from that target alone; no gradients, no mixtures."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from libsep.config import TrainingConfig
from libsep.datasets.songs import Song
from libsep.media.decode import SAMPLE_RATE
from libsep.nets.magnitude import EPSILON
from libsep.nets.network import SeparationNetwork
from libsep.nets.nmf import Nmf, divergence, improved
from libsep.training.gate import Means, Verdict, judge_sdr
from libsep.training.material.examples import Examples
from libsep.training.state import State
from libsep.training.step import magnitudes, merged
from libsep.training.validate import Measures, validate


class Factorisation:
    """Multiplicative updates of the bases of an `Nmf`, all targets once a step; a `Stage`.

    The material is one batch: ``n_batch`` examples of ``segment_s`` for each target, drawn once.
    Its activations are sought anew where a training is resumed.

    Parameters
    ----------
    config
        The training's.
    state
        Of an `Nmf`; begun, or resumed from a checkpoint.
    examples
        What the batch is drawn from.
    validates_start
        Whether there are bases already: then these are improved.
    """

    def __init__(
        self, config: TrainingConfig, state: State, examples: Examples, *, validates_start: bool
    ) -> None:
        self.validates_start = validates_start
        self.state = state
        self._network = as_nmf(state.network)
        sources = examples.batch(config.seed, 0, 0, config.optimiser.n_batch)
        sources = merged(sources, config.network.targets).mean(2, keepdim=True)
        found = magnitudes(self._network, sources, is_bfloat16=False).sources  # (B, S, 1, F, N)
        self._of_targets = found[:, :, 0].permute(1, 2, 0, 3).flatten(2).to(config.device)
        generator = torch.Generator().manual_seed(config.seed)
        if state.step == 0 and not validates_start:
            bases = torch.rand(self._network.bases.shape, generator=generator) + EPSILON
            self._network.bases.copy_(bases / bases.sum(1, keepdim=True))
        n_targets, _, n_bases = self._network.bases.shape
        shape = (n_targets, n_bases, self._of_targets.shape[2])
        levels = torch.rand(shape, generator=generator) + EPSILON
        self._levels: Float[Tensor, "S K N"] = levels.to(config.device)

    def step(self) -> dict[str, float]:
        """Update bases and activations of every target once; return the divergences per cell."""
        metrics = {}
        bases = self._network.bases
        for index, target in enumerate(self._network.targets):
            magnitude = self._of_targets[index]
            bases[index], self._levels[index] = improved(
                bases[index], self._levels[index], magnitude
            )
            rest = divergence(magnitude, bases[index] @ self._levels[index]) / magnitude.numel()
            metrics[f"divergence/{target}"] = rest.item()
        self.state.step += 1
        self.state.n_examples = len(self._of_targets[0])
        self.state.average.load_state_dict(self._network.state_dict())  # nothing to be averaged
        return metrics | {"loss": sum(metrics.values()) / len(metrics)}

    def validate(self, songs: Sequence[Song]) -> Measures:
        """Return the measures of the bases."""
        return validate(self._network, songs, SAMPLE_RATE, is_bfloat16=False)

    def judge(self, means: Means) -> Verdict:
        """Prefer the highest mean SDR."""
        return judge_sdr(self.state, means)


def as_nmf(network: torch.nn.Module | SeparationNetwork) -> Nmf:
    """Return the network, whose type a `State` does not tell."""
    if not isinstance(network, Nmf):
        raise TypeError(f"{type(network).__name__}, expected an Nmf")
    return network

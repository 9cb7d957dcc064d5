"""Which machine separates, and how many separators it holds: no clock, no Ray, no files."""

import collections
import dataclasses
import math
from collections.abc import Collection, Sequence

SMALL_COST = 4.0
"""Cost, as a multiple of the one of `small`, up to which two models share a GPU."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A node that takes work.

    ``n_tracks`` is how many track tasks it runs at once (Ray's CPUs), ``n_cores`` how many
    separators it bears without a GPU.
    """

    node_id: str
    n_tracks: int
    n_cores: int
    n_gpus: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where a separator runs: its node, and its share of one of the node's GPUs; 0 is the CPU."""

    node_id: str
    gpu_share: float = 0.0


class Staffing:
    """Says how many separators each machine should hold, as machines come and go.

    There is one separator per GPU; two small models share a GPU if there are more models than
    GPUs. Without any GPU there is one per CPU core. A number from the configuration is spread over
    the machines, by their GPUs or cores; when some are lost, the others do not take over more than
    their part of it.

    Parameters
    ----------
    n_configured
        Separators in all that the configuration asks for; 0 leaves it to the machines.
    costs
        Of each model of the run, where it is known.
    device
        ``cpu`` leaves GPUs alone; ``cuda`` does not fall back on cores once there was a GPU.
    """

    def __init__(self, n_configured: int, costs: Collection[float | None], device: str) -> None:
        self._n_configured = n_configured
        self._costs = costs
        self._device = device
        self._n_per_gpu: int | None = None
        self._n_per_core: float | None = None

    def places(self, machines: Sequence[Machine]) -> collections.Counter[Place]:
        """Return how many separators there should be at each place now."""
        n_gpus = 0 if self._device == "cpu" else sum(machine.n_gpus for machine in machines)
        if n_gpus:
            return self._on_gpus(machines, n_gpus)
        if self._device == "cuda" and self._n_per_gpu is not None:
            return collections.Counter()
        return self._on_cores(machines)

    def _on_gpus(self, machines: Sequence[Machine], n_gpus: int) -> collections.Counter[Place]:
        n_wanted = self._n_configured or self._by_models(n_gpus)
        # The share of a GPU never changes: separators that run would not make room for others.
        self._n_per_gpu = self._n_per_gpu or math.ceil(n_wanted / n_gpus)
        weights = {machine.node_id: machine.n_gpus for machine in machines}
        counts = spread(min(n_wanted, self._n_per_gpu * n_gpus), weights)
        share = 1 / self._n_per_gpu
        return collections.Counter({Place(node, share): count for node, count in counts.items()})

    def _by_models(self, n_gpus: int) -> int:
        if any(cost is None or cost > SMALL_COST for cost in self._costs):
            return n_gpus
        return min(max(len(self._costs), n_gpus), 2 * n_gpus)

    def _on_cores(self, machines: Sequence[Machine]) -> collections.Counter[Place]:
        n_cores = sum(machine.n_cores for machine in machines)
        if not n_cores:
            return collections.Counter()
        n_wanted = self._n_configured or n_cores
        self._n_per_core = self._n_per_core or n_wanted / n_cores
        n_wanted = min(n_wanted, math.ceil(self._n_per_core * n_cores))
        counts = spread(n_wanted, {machine.node_id: machine.n_cores for machine in machines})
        return collections.Counter({Place(node): count for node, count in counts.items()})


def spread(count: int, weights: dict[str, int]) -> dict[str, int]:
    """Return how many of ``count`` things each node gets, as even as their weights allow.

    A node of weight zero gets none, and is left out.
    """
    shares = {node: 0 for node, weight in weights.items() if weight > 0}
    for _ in range(count if shares else 0):
        poorest = min(shares, key=lambda node: (shares[node] + 1) / weights[node])
        shares[poorest] += 1
    return {node: share for node, share in shares.items() if share}

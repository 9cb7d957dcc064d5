"""Data-parallel workers: each has its own examples, all have the same state.

How workers are started, and how they meet, is another's business (`libsep.training.local`,
`libsep.batch`): these functions work in whatever process group there is, and alone without one.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import nn


def worker() -> int:
    """Return the number of this worker; the first, 0, writes log and checkpoints."""
    return dist.get_rank() if dist.is_initialized() else 0


def n_workers() -> int:
    """Return how many workers there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def average_gradients(network: nn.Module) -> None:
    """Replace all gradients by their mean over the workers, in one exchange.

    The running statistics of normalisations likewise: so all workers have equal states, and it
    does not matter whose is saved or scored.
    """
    if not dist.is_initialized():
        return
    values = [p.grad for p in network.parameters() if p.grad is not None]
    values += [buffer for buffer in network.buffers() if buffer.is_floating_point()]
    flat = torch.cat([value.flatten() for value in values])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for value, part in zip(values, torch.split(flat, [v.numel() for v in values]), strict=True):
        value.copy_(part.view_as(value))


def gathered(value: dict[str, Any]) -> dict[str, Any]:
    """Return the union of the dictionaries of all workers."""
    if not dist.is_initialized():
        return value
    values: list[dict[str, Any]] = [{} for _ in range(dist.get_world_size())]
    dist.all_gather_object(values, value)
    return {key: item for part in values for key, item in part.items()}


def agreed(*, is_due: bool) -> bool:
    """Return the first worker's answer in all of them: clocks differ, and they must not part."""
    if not dist.is_initialized():
        return is_due
    answer = torch.tensor([int(is_due)])
    dist.broadcast(answer, src=0)
    return bool(answer.item())

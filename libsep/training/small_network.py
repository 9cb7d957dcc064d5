"""The training of a small network on one core: steps, a falling rate, a curve."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from libsep.config.small_training import SmallTrainingConfig
from libsep.training.records.curve import CURVE
from libsep.training.records.journal import Journal

Network = TypeVar("Network", bound=nn.Module)

Say = Callable[[str], None]


def fit_small_network(
    make: Callable[[], Network],
    loss_of: Callable[[Network, int], Float[Tensor, ""]],
    config: SmallTrainingConfig,
    out: Path,
    say: Say,
    *,
    judge: Callable[[Network], Mapping[str, Mapping[str, float]]] = lambda _: {},
) -> Network:
    """Return a network that was trained, ready to evaluate; its curve goes to ``out``.

    Parameters
    ----------
    make
        Returns the network as it begins.
    loss_of
        Returns the loss of a step, the first of which is 1.
    config
        Steps and rates.
    out
        Folder of the run.
    say
        Is told each row of the curve.
    judge
        Returns more numbers of a row, in groups.
    """
    (out / CURVE).unlink(missing_ok=True)
    journal = Journal(out, step=0, songs=())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = make()
        optimiser = torch.optim.AdamW(
            network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, config.n_steps)
        losses: list[float] = []
        for step in range(1, config.n_steps + 1):
            network.train()
            loss = loss_of(network, step)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch has no annotation for it
            optimiser.step()
            schedule.step()
            losses.append(float(loss.detach()))
            if step % config.log_interval == 0 or step == config.n_steps:
                mean = float(np.mean(losses))
                groups = judge(network.eval())
                journal.record(step, {"loss": mean, "rate": schedule.get_last_lr()[0], **groups})
                told = [f"step {step} of {config.n_steps}", f"loss {mean:.4f}"]
                told += [_listed(name, values) for name, values in groups.items()]
                say(" · ".join(told))
                losses.clear()
    journal.close()
    return network.eval()


def _listed(name: str, values: Mapping[str, float]) -> str:
    return f"{name.upper()} {', '.join(f'{key} {value:.2f}' for key, value in values.items())}"

"""A model whose estimates are what a network learns, in place of the sources.

It hears the very mixtures of the training, as they are mixed and varied at each step; so there is
something to learn in any of them, also in those whose sources are badly known. `libsep distil` is
for teachers that are too slow for that: it keeps what they say of whole tracks.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from libsep.errors import ConfigError, ModelError
from libsep.media.decode import SAMPLE_RATE
from libsep.nets.folding import folded
from libsep.separation.registry import find_model
from libsep.separation.weights import load_network
from libsep.track import TARGETS


class Teacher:
    """A model that says what is right.

    Parameters
    ----------
    name
        Name of the model, or its folder.
    targets
        What the network that learns separates. What the model calls otherwise is ``other``.
    device
        Where it runs.
    is_bfloat16
        Whether its network runs in bfloat16.

    Raises
    ------
    ConfigError
        There is no such model, it is a cascade, or it lacks one of the targets.

    References
    ----------
    Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", 2015.
    """

    def __init__(
        self, name: str, targets: Sequence[str], *, device: str, is_bfloat16: bool
    ) -> None:
        try:
            model = find_model(name)
            dtype = torch.bfloat16 if is_bfloat16 else torch.float32
            network = folded(load_network(model), dtype).to(device)
        except ModelError as exc:
            raise ConfigError(f"teacher: {exc}") from exc
        named = [target for target in targets if target != "other"]
        has_others = any(target not in named for target in model.targets)
        if model.sample_rate != SAMPLE_RATE or not set(named) <= set(model.targets) & set(TARGETS):
            raise ConfigError(
                f"teacher: {name} gives {', '.join(model.targets)} at {model.sample_rate} Hz, "
                f"expected {', '.join(named)} at {SAMPLE_RATE} Hz"
            )
        if not has_others:
            raise ConfigError(f"teacher: {name} gives nothing for other")
        self._network, self._targets = network, tuple(targets)
        self._is_bfloat16 = is_bfloat16

    @torch.no_grad()
    def sources(self, mixture: Float[Tensor, "B 2 T"]) -> Float[Tensor, "B S 2 T"]:
        """Return what the model makes of mixtures: the network's targets; they add up to them."""
        with torch.autocast(mixture.device.type, torch.bfloat16, enabled=self._is_bfloat16):
            estimates = self._network.separate(mixture).float()
        found = dict(zip(self._network.targets, estimates.unbind(1), strict=True))
        kept = {name: found.pop(name) for name in self._targets if name != "other"}
        kept["other"] = torch.stack(list(found.values())).sum(0)
        return torch.stack([kept[name] for name in self._targets], dim=1)

"""A model on a device: segments of the mixture in, estimates of all targets out."""

import itertools
from collections.abc import Iterator
from typing import Literal

import numpy as np
from jaxtyping import Float32

from libsep.separation.placed_network import Device, PlacedNetwork, Precision, Reconstruct
from libsep.separation.registry import OTHER, VOCALS, Model, check_reconstruct, networks_of


class Separator:
    """The networks of a model on a device; one, or the two stages of a cascade.

    The first stage of a cascade takes the vocals off the mixture. The second splits the rest; what
    it finds of vocals in there goes to ``other``. So the estimates add up to the mixture, as those
    of each stage do. Each stage has a transform of its own, gets segments that are no longer than
    it wants, and copes by itself with too little memory (see `PlacedNetwork`).

    Parameters
    ----------
    model
        Which weights.
    device
        ``auto`` takes CUDA if there is any.
    precision
        ``bfloat16`` concerns the networks only, transforms and masks are float32; ``auto`` is
        bfloat16 where the device has it.
    reconstruct
        Where the phase comes from, for networks that estimate magnitudes; None: where they say.

    Raises
    ------
    ConfigError
        There is no such device, or it has no bfloat16; or the model has no choice of the phase.
    ModelError
        The model, or a stage of it, cannot be loaded.
    """

    def __init__(
        self,
        model: Model,
        *,
        device: Device = "auto",
        precision: Precision = "auto",
        reconstruct: Reconstruct = None,
    ) -> None:
        check_reconstruct(model, reconstruct)
        self.model = model
        self.networks = tuple(
            PlacedNetwork(part, device=device, precision=precision, reconstruct=reconstruct)
            for part in networks_of(model)
        )

    @property
    def segments_per_batch(self) -> int:
        """How many segments the device should get at once."""
        return min(network.segments_per_batch for network in self.networks)

    @property
    def window_samples(self) -> int | None:
        """Longest stretch that memory has turned out to have room for; None if all fitted."""
        found = (network.window_samples for network in self.networks)
        return min((window for window in found if window is not None), default=None)

    @property
    def device(self) -> str:
        """Where it computes, as torch names it."""
        return self.networks[0].device

    @property
    def precision(self) -> Literal["float32", "bfloat16"]:
        """Arithmetic of the networks."""
        return self.networks[0].precision

    def describe(self) -> str:
        """Return model, device and precision in one line for logs and reports."""
        return f"{self.model.name} on {self.networks[0].place}"

    def separate(self, segments: Float32[np.ndarray, "B C T"]) -> Float32[np.ndarray, "B S C T"]:
        """Return the estimates of ``segments``, full scale ±1.0; they add up to the mixture.

        A segment of silence is not computed: its estimates are exactly zero. In float32 the
        estimates of a segment do not depend on the others.

        Raises
        ------
        ConfigError
            The device's memory is too small even for `LEAST_WINDOW_S`.
        """
        first, *others = self.networks
        estimates = first.separate(segments)
        if not others:
            return estimates
        (second,) = others
        vocals = estimates[:, first.model.targets.index(VOCALS)]
        parts = second.separate(segments - vocals)
        by_target = dict(zip(second.model.targets, parts.swapaxes(0, 1), strict=True))
        if VOCALS in by_target:
            by_target[OTHER] = by_target[OTHER] + by_target[VOCALS]
        by_target[VOCALS] = vocals
        return np.stack([by_target[target] for target in self.model.targets], axis=1)

    def map(
        self, segments: Iterator[Float32[np.ndarray, "C T"]]
    ) -> Iterator[Float32[np.ndarray, "S C T"]]:
        """Yield the estimates of each segment in order; one batch is taken at a time."""
        while batch := list(itertools.islice(segments, self.segments_per_batch)):
            yield from self.separate(np.stack(batch))

"""Hear the hits in a drum stem: when, and which drums."""

import dataclasses

import numpy as np
import torch
from jaxtyping import Float32

from libsep.metrics import find_attacks
from libsep.nets.drum_hits import DRUMS
from libsep.transients.bank import Kind
from libsep.transients.model import HitModel, check_rate
from libsep.transients.weights import load_hit_network


@dataclasses.dataclass(frozen=True, slots=True)
class Heard:
    """A hit: its first sample, and which drums it is of."""

    place: int
    kind: Kind


class HitListener:
    """A network for hits of drums, on the CPU.

    Parameters
    ----------
    model
        Which weights.
    sample_rate
        Of the stems, in Hz.

    Raises
    ------
    ModelError
        The model cannot be loaded, or is one for another sample rate.
    """

    def __init__(self, model: HitModel, sample_rate: int) -> None:
        check_rate(model, sample_rate)
        self._network = load_hit_network(model)
        self._sample_rate = sample_rate

    def hear(self, drums: Float32[np.ndarray, "2 T"]) -> list[Heard]:
        """Return the hits in a stretch of a drum stem, in order; none in silence.

        What is no drum that the network knows is left out.
        """
        places = find_attacks(torch.from_numpy(drums), self._sample_rate).tolist()
        if not places:
            return []
        network = self._network
        length, before = network.window_samples, network.before_samples
        padded = np.pad(drums, ((0, 0), (before, length)))
        windows = np.stack([padded[:, place : place + length] for place in places])
        with torch.inference_mode():
            is_hit = (network(torch.from_numpy(windows)) > 0).tolist()
        heard = [
            Heard(place, tuple(drum for drum, is_it in zip(DRUMS, row, strict=True) if is_it))
            for place, row in zip(places, is_hit, strict=True)
        ]
        return [hit for hit in heard if hit.kind]

"""Weights between those that a stage began with and those that it has reached.

What an adversarial stage costs of the SDR grows faster on this way than what it gains in sound
falls: half-way back it kept half of the gain for a third of the loss.

References
----------
Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022.
"""

from collections.abc import Sequence

from libsep.datasets.songs import Song
from libsep.media.decode import SAMPLE_RATE
from libsep.training.gate import with_share
from libsep.training.state import State
from libsep.training.step import as_separation_network
from libsep.training.validate import Measures, validate


def validate_between(
    state: State, songs: Sequence[Song], start_shares: Sequence[float], *, is_bfloat16: bool
) -> Measures:
    """Return the measures of the averaged weights, and of those that keep shares of the start.

    The names of the latter end with their share. Before the first step all weights are the same,
    and a checkpoint of an older version has no start: then there is nothing between.
    """
    measures: Measures = {}
    for share in (0.0, *(start_shares if state.step and state.origin is not None else ())):
        average = as_separation_network(state.between(share).average)
        found = validate(average, songs, SAMPLE_RATE, is_bfloat16=is_bfloat16)
        measures |= {with_share(name, share): scores for name, scores in found.items()}
    return measures

"""What a distillation will cost, before it begins: music, disk, and hours."""

import dataclasses
from collections.abc import Sequence

from libsep.training.distillation.blocks import Block

LABEL_SHARE = 0.5
"""Share of the hours that labels may take; the rest is for the student."""

SLACK = 1.15
"""A step takes so much longer with its examples, validations and checkpoints."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Price:
    """What there is to do, and how long it takes as far as was measured.

    ``n_left`` blocks have no label yet. ``block_s`` is how long one took, of which
    ``n_at_once`` are labelled at a time; ``step_s`` is how long the student takes for a step.
    """

    n_tracks: int
    blocks: Sequence[Block]
    n_left: int
    n_sources: int
    block_s: float
    n_at_once: int
    step_s: float
    n_steps_begun: int
    max_steps: int
    max_hours: float

    @property
    def hours_of_music(self) -> float:
        """Hours of music that the labels are of."""
        return sum(block.duration_s for block in self.blocks) / 3600

    @property
    def n_bytes(self) -> int:
        """Disk that the labels take at most."""
        return sum(block.n_bytes(self.n_sources) for block in self.blocks)

    @property
    def label_s(self) -> float:
        """Seconds that the labels will take, cut where their share of the time ends."""
        needed_s = self.n_left * self.block_s / max(self.n_at_once, 1)
        return min(needed_s, LABEL_SHARE * 3600 * self.max_hours)

    @property
    def n_steps(self) -> int:
        """How many steps the student has time for."""
        left_s = 3600 * self.max_hours - self.label_s
        return min(self.max_steps, steps_in(left_s, self.step_s))

    @property
    def training_s(self) -> float:
        """Seconds that the student will take."""
        return max(self.n_steps - self.n_steps_begun, 0) * self.step_s * SLACK


def steps_in(left_s: float, step_s: float) -> int:
    """Return how many steps of ``step_s`` seconds there is time for; at least one."""
    return max(int(left_s / (SLACK * step_s)), 1)

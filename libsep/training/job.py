"""What a training is told, and where its files are."""

import dataclasses
from pathlib import Path

from libsep.config import TrainingConfig
from libsep.media.decode import SAMPLE_RATE
from libsep.training.synthesis.material import is_playable
from libsep.training.synthesis.pool import RenderPlan

CHECKPOINT = "checkpoint.pt"
BEST = "best.pt"
CONFIG = "config.yaml"


@dataclasses.dataclass(frozen=True)
class Job:
    """What every worker of a training is told. The cache may be shared between trainings.

    ``start`` is a model's name or folder, or a checkpoint, whose weights are the first ones;
    ``unpaired`` are folders of recordings without sources. ``is_watched`` says whether progress is
    shown on standard error.
    """

    config: TrainingConfig
    data: tuple[Path, ...]
    validation: tuple[Path, ...]
    out: Path
    cache: Path
    start: str | None = None
    unpaired: tuple[Path, ...] = ()
    is_watched: bool = False

    @property
    def render_plan(self) -> RenderPlan | None:
        """What is rendered; nothing if there is no pack, or if the sampler is turned off."""
        material = self.config.material
        played = tuple(path for path in self.data if is_playable(path))
        if not played or material.n_renders == 0:
            return None
        return RenderPlan(
            materials=played,
            cache=self.cache,
            folder=self.out / "renders",
            n_songs=material.n_renders,
            duration_s=material.render_s,
            sample_rate=SAMPLE_RATE,
            seed=self.config.seed,
            interval_s=material.render_interval_s,
            styles={str(name): weight for name, weight in material.styles.items()},
            n_workers=material.n_render_workers,
            vocals_stage=material.vocals_stage,
        )

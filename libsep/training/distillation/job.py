"""What a distillation is told, and where its files are."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from libsep.config import Config, DistillationConfig, TrainingConfig
from libsep.genre.names import GENERIC
from libsep.separation.registry import Model
from libsep.training.job import Job

STUDENT = "student"
"""Name of the student's model without a genre, and of the folder of its training."""

SECOND = "accompaniment"
"""What is added to the name of a student for the name of its network, if that is a second stage."""

RANDOM = "random"
"""What stands for no weights to begin with."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DistillationJob:
    """What ``libsep distil`` is told.

    ``genre`` restricts the library to it, and is what the student is installed for. ``data`` are
    real stems, packs and so on, which the student learns from too; ``validation`` true stems that
    judge it, ``choice`` others that choose its best checkpoint. ``start`` is what its weights begin
    with, or `RANDOM`. ``behind`` is what takes the vocals off, where the student is only the second
    stage of a cascade.
    """

    config: DistillationConfig
    library: Path
    out: Path
    teacher: Model
    genre: str | None = None
    data: tuple[Path, ...] = ()
    validation: tuple[Path, ...] = ()
    choice: tuple[Path, ...] = ()
    start: str = "small"
    behind: Model | None = None
    max_hours: float = 8.0

    @property
    def run(self) -> Path:
        """Folder of the student's training."""
        return self.out / STUDENT

    @property
    def labels(self) -> Path:
        """Folder of the labels of all teachers."""
        return self.out / "labels"

    @property
    def model(self) -> Path:
        """Folder of the student's model; of the cascade, where it is the second stage of one."""
        return self.out / "model"

    @property
    def second_stage(self) -> Path:
        """Folder of the student's network where it is a second stage; named as the model is."""
        return self.out / f"{self.name}-{SECOND}"

    @property
    def name(self) -> str:
        """What the student is called: its genre, where it has one."""
        return self.genre or STUDENT

    def conversion(self) -> Config:
        """Return how tracks are found and routed, as a conversion would be told."""
        separation = self.config.separation.model_copy(update={"model": GENERIC})
        config = self.config
        return Config(scan=config.scan, routing=config.routing, separation=separation)

    def training(self, config: TrainingConfig, labels: Path, held_back: Path) -> Job:
        """Return the training of the student on labels.

        Which step is best is told by true stems that were given for it, or by other labels.
        """
        return Job(
            config=config,
            data=(labels, *self.data),
            validation=self.choice or (held_back,),
            out=self.run,
            cache=self.out / "cache",
            start=None if self.start == RANDOM else self.start,
            is_watched=True,
        )

    def what_it_learns_from(self) -> Sequence[str]:
        """Return the names of what is given beside the library."""
        return [path.name for path in self.data]

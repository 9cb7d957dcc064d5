"""``libsep train`` with ``kind: super_resolution``: train on full-band music."""

import functools
import sys
from pathlib import Path

from libsep import config


def train_restoration(
    settings: config.RestorationTrainingConfig,
    data: list[Path],
    validation: list[Path],
    *,
    start: str | None,
    out: Path,
    cache: Path | None,
    model: Path | None,
    about: Path | None,
) -> Path:
    """Train, and return the folder of the model, or without one that of the run."""
    from libsep.training.job import BEST, CHECKPOINT
    from libsep.training.restoration.export import describe, export_restoration
    from libsep.training.restoration.run import RestorationJob, train_restoration

    job = RestorationJob(
        config=settings,
        data=tuple(data),
        validation=tuple(validation),
        out=out,
        cache=cache or out / "cache",
        start=start,
    )
    if about is not None:
        describe(settings, about)  # a wrong one is refused before the training, not after
    train_restoration(job, say=functools.partial(print, file=sys.stderr, flush=True))
    if model is not None and about is not None:
        export_restoration(out, BEST if validation else CHECKPOINT, about, model)
    return model or out

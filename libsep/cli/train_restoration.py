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
    out: Path,
    cache: Path | None,
) -> Path:
    """Train, and return the folder of the run."""
    from libsep.training.restoration.run import RestorationJob, train_restoration

    job = RestorationJob(
        config=settings,
        data=tuple(data),
        validation=tuple(validation),
        out=out,
        cache=cache or out / "cache",
    )
    train_restoration(job, say=functools.partial(print, file=sys.stderr, flush=True))
    return out

"""``libsep train`` with ``kind: drum_hits``: train on rendered hits of drums."""

import functools
import sys
from pathlib import Path

from libsep import config


def train_drum_hits(
    settings: config.DrumHitTrainingConfig,
    data: list[Path],
    *,
    out: Path,
    cache: Path | None,
    model: Path | None,
    about: Path | None,
) -> Path:
    """Train, and return the model folder: ``model`` or ``model`` inside ``out``."""
    from libsep.training.transients.run import DrumHitJob, train_drum_hits

    job = DrumHitJob(
        config=settings,
        data=tuple(data),
        out=out,
        cache=cache or out / "cache",
        model=model or out / "model",
        about=about,
    )
    train_drum_hits(job, say=functools.partial(print, file=sys.stderr, flush=True))
    return job.model

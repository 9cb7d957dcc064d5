"""``libsep train`` with ``kind: drum_hits`` or ``drum_sounds``: train on kits of drums."""

import functools
import sys
from pathlib import Path
from typing import Any

from libsep.config import DrumHitTrainingConfig, DrumSoundTrainingConfig


def train_drums(
    settings: DrumHitTrainingConfig | DrumSoundTrainingConfig,
    data: list[Path],
    *,
    out: Path,
    cache: Path | None,
    model: Path | None,
    about: Path | None,
) -> Path:
    """Train, and return the model folder: ``model`` or ``model`` inside ``out``."""
    from libsep.training.transients.hits import train_drum_hits
    from libsep.training.transients.job import DrumJob
    from libsep.training.transients.sounds import train_drum_sounds

    files: dict[str, Any] = {
        "data": tuple(data),
        "out": out,
        "cache": cache or out / "cache",
        "model": model or out / "model",
        "about": about,
    }
    say = functools.partial(print, file=sys.stderr, flush=True)
    if isinstance(settings, DrumHitTrainingConfig):
        train_drum_hits(DrumJob(config=settings, **files), say=say)
    else:
        train_drum_sounds(DrumJob(config=settings, **files), say=say)
    return Path(files["model"])

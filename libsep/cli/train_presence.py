"""``libsep train`` with ``kind: presence``: find passages of mixes in which a target is silent."""

import functools
import sys
from pathlib import Path

from libsep import config


def train_presence(
    settings: config.PresenceTrainingConfig,
    data: list[Path],
    validation: list[Path],
    unpaired: list[Path],
    *,
    out: Path,
    cache: Path | None,
) -> Path:
    """Train and search, and return the folder of the passages."""
    from libsep.training.presence.run import PASSAGES, PresenceJob, find_passages

    job = PresenceJob(
        config=settings,
        data=tuple(data),
        validation=tuple(validation),
        unpaired=tuple(unpaired),
        out=out,
        cache=cache or out / "cache",
    )
    find_passages(job, say=functools.partial(print, file=sys.stderr, flush=True))
    return out / PASSAGES

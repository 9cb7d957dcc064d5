"""``libsep train`` with ``kind: genre``: train a classifier on the tags of a library."""

import functools
import sys
from pathlib import Path

import typer

from libsep import config


def train_genre(
    settings: config.GenreTrainingConfig,
    data: list[Path],
    *,
    out: Path,
    cache: Path | None,
    model: Path | None,
    about: Path | None,
) -> Path:
    """Train, and return the model folder: ``model`` or ``model`` inside ``out``."""
    from libsep.training.genre.card import About
    from libsep.training.genre.run import GenreJob, train_genres

    libraries = data or [path for path in (settings.library,) if path is not None]
    if len(libraries) != 1:
        raise typer.BadParameter(
            f"expected one library, as `library:` of the file or --data; found {len(libraries)}"
        )
    job = GenreJob(
        config=settings,
        library=libraries[0],
        out=out,
        cache=cache or out / "cache",
        model=model or out / "model",
        about=config.load(About, about) if about is not None else About(),
    )
    train_genres(job, say=functools.partial(print, file=sys.stderr, flush=True))
    return job.model

"""Train a separator on a cluster: ``ray job submit -- python ray_jobs/train_separator.py …``."""

from pathlib import Path
from typing import Annotated

import typer

from libsep import config, log
from libsep.batch.training import train_and_export
from libsep.training.job import Job

Shared = Annotated[list[Path] | None, typer.Option(help="Seen by every node; repeatable.")]
Optional = Annotated[Path | None, typer.Option(help="Model to write, and its description.")]


def main(
    settings: Annotated[Path, typer.Argument(help="YAML file, as in configs/train/.")],
    storage: Annotated[str, typer.Argument(help="Shared folder or URI for the checkpoints.")],
    name: Annotated[str, typer.Argument(help="Of the run; one of this name is resumed.")],
    data: Annotated[list[Path], typer.Option(help="Seen by every node; repeatable.")],
    validation: Shared = None,
    unpaired: Shared = None,
    start: Annotated[str | None, typer.Option("--from", help="Model or checkpoint.")] = None,
    cache: Annotated[Path, typer.Option(help="On each node.")] = Path("/tmp/libsep-cache"),
    min_workers: Annotated[int, typer.Option(help="Fewest to go on with after a loss.")] = 1,
    model: Optional = None,
    about: Optional = None,
) -> None:
    """Train with one worker per GPU or CPU; a lost worker costs what it did since a checkpoint."""
    log.setup()
    training, run = config.load(config.TrainingConfig, settings), cache / "runs" / name
    paths = tuple(data), tuple(validation or ()), run, cache
    job = Job(training, *paths, start=start, unpaired=tuple(unpaired or ()), is_watched=True)
    done = train_and_export(job, storage, name, min_workers=min_workers, model=model, about=about)
    typer.echo(done)


if __name__ == "__main__":
    typer.run(main)

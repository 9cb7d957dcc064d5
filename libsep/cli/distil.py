"""``libsep distil``: a better model for one's own music, learned from a teacher."""

import os
from pathlib import Path
from typing import Annotated

import typer

from libsep.cli.options import (
    AddressOption,
    ConfigOption,
    DeviceOption,
    InsecureOption,
    refuse_uris,
)
from libsep.cli.terminal import go_on_unread
from libsep.media.atomic import expect_folder

DataOption = Annotated[
    list[Path] | None,
    typer.Option(help="True stems, single sources or a pack to learn from too; repeatable."),
]
ValidationOption = Annotated[
    list[Path] | None,
    typer.Option(help="Songs with true stems that decide whether the student is installed."),
]
ChoiceOption = Annotated[
    list[Path] | None,
    typer.Option(help="Songs with true stems that choose the best checkpoint, not labels."),
]
BehindOption = Annotated[
    str | None,
    typer.Option(help="Model that takes the vocals off first: the student is the second stage."),
]


def distil(
    music: Annotated[Path, typer.Argument(help="Folder of music; only read.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder of labels, student and report; is resumed.")
    ],
    teacher: Annotated[str, typer.Option(help="Name or folder of the model to learn from.")] = (
        "generic"
    ),
    student: Annotated[str, typer.Option(help="Size of the student: S, M or L.")] = "S",
    start: Annotated[
        str,
        typer.Option("--from", help="Begin with these weights: a model, a checkpoint, or random."),
    ] = "small",
    genre: Annotated[
        str | None,
        typer.Option(help="Only tracks of this genre; the student becomes its model if it passes."),
    ] = None,
    data: DataOption = None,
    validation: ValidationOption = None,
    choose_by: ChoiceOption = None,
    behind: BehindOption = None,
    max_gb: Annotated[float | None, typer.Option(help="Disk that labels may take, in GB.")] = None,
    max_hours: Annotated[
        float, typer.Option(min=0.01, help="Hours in all; labelling takes half of them at most.")
    ] = 8.0,
    config: ConfigOption = None,
    device: DeviceOption = None,
    address: AddressOption = None,
    insecure: InsecureOption = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before it begins.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Label one block, tell what all would cost, and end.")
    ] = False,
) -> None:
    """Train a small model on your music as a larger one separates it; use it if it is better."""
    if address:
        os.environ["RAY_ADDRESS"] = address  # Ray, and libsep.batch, read it when they are imported
    refuse_uris("distil", music, out)
    from libsep.batch.distillation import run
    from libsep.cli.distillation import Watcher, distillation_config, ending
    from libsep.separation.registry import find_model
    from libsep.training.distillation.job import DistillationJob

    expect_folder(out)
    job = DistillationJob(
        config=distillation_config(config, size=student, genre=genre, max_gb=max_gb, device=device),
        library=music,
        out=out,
        teacher=find_model(teacher),
        genre=genre,
        data=tuple(data or ()),
        validation=tuple(validation or ()),
        choice=tuple(choose_by or ()),
        start=start,
        behind=find_model(behind) if behind else None,
        max_hours=max_hours,
    )
    go_on_unread()
    watcher = Watcher(job, is_agreed=yes, is_dry=dry_run)
    raise typer.Exit(ending(job, run.distil(job, watcher, is_insecure=insecure), watcher))

"""``libsep convert``: one file, in this process, without Ray."""

import logging
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from libsep import log
from libsep.cli.lines import describe, describe_drums, describe_spectrum, markup
from libsep.cli.options import (
    CodecOption,
    ConfigOption,
    DeviceOption,
    DrumTransientsOption,
    GenreOption,
    ModelOption,
    ReconstructOption,
    SuperResolutionOption,
    refuse_uris,
    within,
)
from libsep.cli.terminal import go_on_unread


def convert(
    file: Annotated[Path, typer.Argument(help="The track.")],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="The stem file, or a folder (one that is missing ends with /); by default beside"
            " FILE.",
        ),
    ] = None,
    config: ConfigOption = None,
    genre: GenreOption = None,
    model: ModelOption = None,
    codec: CodecOption = None,
    device: DeviceOption = None,
    reconstruct: ReconstructOption = None,
    super_resolution: SuperResolutionOption = None,
    drum_transients: DrumTransientsOption = None,
) -> None:
    """Convert one track to a stem file, in this process and without Ray."""
    from libsep.cli.configuration import read_config
    from libsep.media.atomic import NOBODYS_S, remove_stale
    from libsep.pipeline.single import Converter

    goal = _goal(file, output) if output else None
    refuse_uris("convert", file, goal)
    log.setup(level=logging.CRITICAL)  # what a track's log says is in its outcome
    settings = read_config(
        config, genre=genre, model=model, codec=codec, device=device, reconstruct=reconstruct
    )
    settings = settings.replaced(
        restoration={"super_resolution": super_resolution},
        transients={"drum_transients": drum_transients},
    )
    converter = Converter(settings)
    go_on_unread()
    console = Console(soft_wrap=True, highlight=False)
    with Console(stderr=True).status(f"converting {markup(file.name)}"):
        outcome = converter.convert(file, goal)
        place = goal or file
        remove_stale(place if place.is_dir() else place.parent, untouched_s=NOBODYS_S)
    console.print(describe(outcome))
    console.print(f"   [dim]{markup(outcome.genre_reason)}[/]")
    if network := converter.describe():
        console.print(f"   [dim]{markup(network)}[/]")
    if spectrum := describe_spectrum(outcome):
        console.print(f"   [dim]{spectrum}[/]")
    if drums := describe_drums(outcome):
        console.print(f"   [dim]{drums}[/]")
    for warning in outcome.warnings:
        console.print(f"   [yellow]{markup(warning)}[/]")
    if outcome.status == "failed":
        for line in outcome.message.splitlines()[1:]:
            console.print(f"   [dim]{markup(line)}[/]")
        raise typer.Exit(1)


def _goal(file: Path, output: str) -> Path:
    """Return the stem file, or the folder of stem files, that ``--output`` names.

    Raises
    ------
    ConfigError
        It lies on a drive that is not mounted.
    """
    from libsep.library.survey import stem_file_in
    from libsep.media.mounts import expect_drive

    is_track = os.path.isfile(file)  # noqa: PTH113 - a closed folder raises there
    goal = within(output, stem_file_in(Path(output), file.name).name) if is_track else Path(output)
    expect_drive(goal)
    return goal

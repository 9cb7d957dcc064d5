"""``libsep evaluate``: how good models are on songs whose sources are known."""

from pathlib import Path
from typing import Annotated

import typer

from libsep.cli.evaluate_restoration import evaluate_restoration
from libsep.cli.options import ConfigOption, DeviceOption, ReconstructOption
from libsep.cli.terminal import go_on_unread
from libsep.config import Config, load


def evaluate(
    model: Annotated[str, typer.Argument(help="Name of a model, or the path of its folder.")],
    datasets: Annotated[
        list[Path], typer.Argument(metavar="DATASET...", help="Folders or YAML lists of songs.")
    ],
    against: Annotated[
        list[str] | None, typer.Option(help="Another model in the same tables; repeatable.")
    ] = None,
    routing: Annotated[
        bool, typer.Option("--routing", help="Compare MODEL with routing each song by its genre.")
    ] = False,
    bsseval: Annotated[
        bool, typer.Option("--bsseval", help="SIR and SAR by museval too; slow.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Songs at once, each in a process.")] = 1,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for JSON, CSV and plots.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="File for the results as JSON; - prints them.")
    ] = None,
    config: ConfigOption = None,
    device: DeviceOption = None,
    reconstruct: ReconstructOption = None,
) -> None:
    """Score models on songs with stems: SDR, cSDR, SIR, SAR, spectral distance, by target.

    A super-resolution model is scored on any full-band recordings, which are cut off for it.
    """
    from libsep.cli.evaluation import Request, run_evaluation, show
    from libsep.media.atomic import expect_folder, refuse_to_replace
    from libsep.model_folder.description import kind_of
    from libsep.restoration.model import KIND

    if out is not None:
        expect_folder(out)
    if out is not None or json_file not in (None, Path("-")):
        go_on_unread()
    if json_file not in (None, Path("-")):
        refuse_to_replace(json_file, b"{")
    if kind_of(model) == KIND:
        if against or routing or bsseval or jobs > 1 or config or reconstruct:
            raise typer.BadParameter(
                "--against, --routing, --bsseval, --jobs, --config and --reconstruct are for "
                "separators"
            )
        evaluate_restoration(model, datasets, out=out, json_file=json_file, device=device)
        return

    settings = load(Config, config) if config else Config()
    request = Request(
        models=(model, *(against or ())),
        datasets=tuple(datasets),
        with_routing=routing,
        with_bsseval=bsseval,
        n_jobs=jobs,
        out=out,
        config=settings.replaced(separation={"device": device, "reconstruct": reconstruct}),
    )
    show(run_evaluation(request), json_file)

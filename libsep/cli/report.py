"""``libsep report``: an output folder as one page to look at."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from libsep.cli.lines import markup
from libsep.cli.options import ConfigOption, within
from libsep.cli.terminal import go_on_unread
from libsep.ledger import FOLDER, Ledger
from libsep.library.last_run import RUNS
from libsep.storage.ends import Ends


def report(
    stems: Annotated[str, typer.Argument(help="Output folder of libsep run, or its URI.")],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="HTML file to write, or a folder for it; by default STEMS/.libsep/report.html, or"
            " libsep-report.html here for a URI.",
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Write what was converted, what failed and how good it is into one HTML file.

    The file needs no network and nothing beside it; any browser opens it.
    """
    from libsep.config import Config, load
    from libsep.report.page import write_report
    from libsep.storage.ends import noted_library, opened_output, root_of
    from libsep.storage.places import parse_place, place_to_text

    go_on_unread()
    storage = (load(Config, config) if config else Config()).storage
    place = parse_place(stems)
    with opened_output(stems, storage) as (ledger, in_work):
        is_local = isinstance(place, Path)
        path = ledger.folder / "report.html" if is_local else Path("libsep-report.html")
        if output:
            path = within(output, path.name)
        found = write_report(
            ledger,
            path,
            place=place_to_text(place),
            library=noted_library(place, storage),
            in_work=in_work,
            runs=root_of(place, storage) / FOLDER / RUNS,
        )
    summary = found.summary
    Console(highlight=False, soft_wrap=True).print(
        f"{markup(str(path))}: {summary.n_converted:,} converted, {summary.n_failed:,} failed"
    )


def report_after_run(path: Path, ends: Ends, ledger: Ledger) -> None:
    """Write the report that a configuration asks for at the end of a run.

    One that cannot be written is told of on standard error; the run has ended all the same.
    """
    from libsep.errors import ConfigError
    from libsep.report.page import write_report
    from libsep.storage.places import place_to_text

    try:
        write_report(
            ledger,
            path,
            place=place_to_text(ends.stems),
            library=place_to_text(ends.library),
            in_work="",
        )
    except ConfigError as exc:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        console.print(f"[yellow]{markup(str(exc))}[/]")

"""``libsep status``: what an output folder holds, and what failed and why."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from libsep.cli.lines import markup
from libsep.cli.options import ConfigOption, JsonOption
from libsep.cli.tables import bandwidth, failures_table, format_hours, genres_table, left_out_table
from libsep.ledger import ledger_of
from libsep.report.status import Status, read_status
from libsep.report.summary import Summary
from libsep.storage.places import parse_place
from libsep.units import counted, format_bytes


def status(
    stems: Annotated[str, typer.Argument(help="Output folder of libsep run, or its URI.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is done, by genre and model, what failed and why, and what crashed."""
    found = _read(stems, config)
    if as_json:
        print(json.dumps(found.as_json(), indent=2))
        return
    console = Console(highlight=False)
    table = Table(show_header=False, box=None)
    for name, value in _rows(found.summary):
        table.add_row(name, value)
    table.add_row("last run", found.last_run or "none")
    if found.in_work:
        table.add_row("in work", f"[green]{found.in_work}[/]")
    console.print(table)
    if found.summary.genres:
        console.print(genres_table(found.summary))
    if found.left_out:
        console.print(left_out_table(found.left_out))
    for source, count in found.crashed.items():
        console.print(f"[yellow]interrupted {count} ×[/] {markup(source)}")
    if found.summary.failures:
        console.print(failures_table(found.summary.failures))


def _read(stems: str, config: Path | None) -> Status:
    """Return the state of an output; what only stores need is not imported for a folder."""
    place = parse_place(stems)
    if config is None and isinstance(place, Path):
        return read_status(ledger_of(place))
    from libsep.config import Config, load
    from libsep.storage.ends import opened_output

    storage = (load(Config, config) if config else Config()).storage
    with opened_output(stems, storage) as (ledger, in_work):
        return read_status(ledger, in_work)


def _rows(summary: Summary) -> list[tuple[str, str]]:
    converted = counted(summary.n_converted, "track")
    return [
        ("converted", f"{converted}, {format_hours(summary.audio_s)} of audio"),
        ("stem files", format_bytes(summary.output_bytes)),
        *([("bandwidth", bandwidth(summary))] if summary.n_cut_off else []),
        ("failed", str(summary.n_failed)),
    ]

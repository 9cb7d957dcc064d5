"""``libsep verify``: whether stem files conform."""

import json
from typing import Annotated

import typer
from rich.console import Console

from libsep.cli.lines import markup
from libsep.cli.options import ConfigOption, JsonOption


def verify(
    paths: Annotated[list[str], typer.Argument(help="Stem files or folders of them, or URIs.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check stem files against the conformance list; exit 1 if one breaks a rule."""
    from libsep.config import Config, load
    from libsep.media.verify import verify_stems
    from libsep.storage.stem_files import stem_files

    storage = (load(Config, config) if config else Config()).storage
    console = Console(soft_wrap=True, highlight=False)
    reports, rows = [], []
    for file in stem_files(paths, storage):
        with file.readable(storage) as path:
            report = verify_stems(path)
        reports.append(report)
        rows.append(report.as_json() | ({} if file.store is None else {"path": file.name}))
        if not as_json:
            mark = "[green]ok[/]" if report.is_conformant else "[bold red]broken[/]"
            console.print(f"{mark} {markup(file.name)} [dim]{report.describe()}[/]")
            for finding in report.findings:
                console.print(f"   {finding.rule} {finding.severity}: {markup(finding.message)}")
    if as_json:
        print(json.dumps(rows, indent=2))
    if not reports:
        console.print("no stem files found")
    if not reports or not all(report.is_conformant for report in reports):
        raise typer.Exit(1)

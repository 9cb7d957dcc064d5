"""``libsep verify``: whether stem files conform."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from libsep.cli.options import JsonOption
from libsep.cli.progress import markup


def verify(
    paths: Annotated[list[Path], typer.Argument(help="Stem files, or folders of them.")],
    as_json: JsonOption = False,
) -> None:
    """Check stem files against the conformance list; exit 1 if one breaks a rule."""
    from libsep.media.verify import find_stem_files, verify_stems

    console = Console(soft_wrap=True, highlight=False)
    reports = []
    for path in find_stem_files(paths):
        report = verify_stems(path)
        reports.append(report)
        if not as_json:
            mark = "[green]ok[/]" if report.is_conformant else "[bold red]broken[/]"
            console.print(f"{mark} {markup(str(path))} [dim]{report.describe()}[/]")
            for finding in report.findings:
                console.print(f"   {finding.rule} {finding.severity}: {markup(finding.message)}")
    if as_json:
        print(json.dumps([report.as_json() for report in reports], indent=2))
    if not reports:
        console.print("no stem files found")
    if not reports or not all(report.is_conformant for report in reports):
        raise typer.Exit(1)

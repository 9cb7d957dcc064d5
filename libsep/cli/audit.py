"""``libsep audit``: whether library, ledger and stem files agree."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from libsep.cli.lines import markup
from libsep.cli.options import (
    ConfigOption,
    JsonOption,
    PlaylistOption,
    WithLibraryOption,
    refuse_uris,
)
from libsep.cli.tables import left_out_table

if TYPE_CHECKING:
    from libsep.library.audit import Audit

MAX_FINDINGS = 100
"""Findings that are printed; ``--json`` has all."""


def audit(
    library: Annotated[Path, typer.Argument(help="Folder of music, as given to libsep run.")],
    stems: Annotated[Path, typer.Argument(help="Output folder of libsep run.")],
    playlist: PlaylistOption = None,
    with_library: WithLibraryOption = False,
    config: ConfigOption = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only sizes and fingerprints; decode no stem file.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check that every track has one final row, and every finished row its stem file.

    Stem files are decoded and verified. Exit 1 if anything is missing, doubled or incomplete;
    remarks do not count. Without --config and --playlist, those of the last run are used.
    """
    from libsep.config import Config, load
    from libsep.errors import ConfigError
    from libsep.library.audit import audit as compare
    from libsep.library.last_run import Told, told_last
    from libsep.media.ffmpeg import find_ffmpeg
    from libsep.pipeline.listed import ListedTracks, no_files

    refuse_uris("audit", library, stems)
    last = told_last(stems)
    values = load(Config, config) if config else last.config()
    if with_library and not playlist:
        raise ConfigError("--with-library is for --playlist: alone, all of LIBRARY is looked at")
    if playlist:
        last = Told(playlists=tuple(playlist), with_library=with_library)
    listed = ListedTracks(
        library, last.playlists, values.library, no_files if last.with_library else None
    )
    found = compare(
        library,
        stems,
        values.scan,
        ffmpeg=find_ffmpeg(values.decode.ffmpeg),
        is_quick=quick,
        listed=listed if last.playlists else None,
        with_library=last.with_library,
    )
    if as_json:
        print(json.dumps(found.as_json(), indent=2))
    else:
        _print(found, is_quick=quick)
    raise typer.Exit(0 if found.is_clean else 1)


def _print(found: "Audit", *, is_quick: bool) -> None:
    console = Console(highlight=False)
    if found.findings:
        table = Table("", "where", "what", box=None, padding=(0, 2, 0, 0), header_style="bold")
        for finding in found.findings[:MAX_FINDINGS]:
            mark = "[bold red]error[/]" if finding.severity == "error" else "[yellow]remark[/]"
            table.add_row(mark, markup(finding.path), markup(finding.message))
        console.print(table)
        if len(found.findings) > MAX_FINDINGS:
            console.print(f"and {len(found.findings) - MAX_FINDINGS} more")
    totals = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    totals.add_row("tracks", str(found.n_tracks))
    if found.n_unlisted:
        totals.add_row("on no list", str(found.n_unlisted))
    totals.add_row("done", str(found.n_done))
    totals.add_row("failed", str(found.n_failed))
    totals.add_row("verified", "not looked at" if is_quick else f"{found.n_verified} stem files")
    totals.add_row("verdict", "[green]clean[/]" if found.is_clean else "[bold red]not clean[/]")
    console.print(totals)
    if found.left_out:
        console.print(left_out_table(found.left_out))

"""``libsep export``: lists of stem files for DJ programs."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from libsep.cli.lines import markup
from libsep.cli.options import refuse_uris


def export(
    stems: Annotated[Path, typer.Argument(help="Folder of stem files.")],
    to: Annotated[str, typer.Option("--to", help="traktor, rekordbox or m3u.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The list; by default stems.nml, .xml or .m3u8 there."),
    ] = None,
    collection: Annotated[
        Path | None,
        typer.Option(
            help="Traktor's collection.nml or a Rekordbox XML: its cues, grids, ratings and "
            "playlists are carried over. It is only read."
        ),
    ] = None,
    path_map: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HERE=THERE", help="Where a folder lies for the DJ program, if elsewhere."
        ),
    ] = None,
    mp3_shift_ms: Annotated[
        float, typer.Option(help="Added to the collection's positions in MP3s, in milliseconds.")
    ] = 0.0,
) -> None:
    """Write a list of stem files for a DJ program, with cues, beat grids and playlists."""
    import datetime

    from libsep.dj.export import PROGRAMS
    from libsep.dj.export import export as write
    from libsep.errors import ConfigError

    refuse_uris("export", stems, output, collection)
    program = next((name for name in PROGRAMS if name == to), None)
    if program is None:
        raise ConfigError(f"--to {to}: expected one of {', '.join(PROGRAMS)}")
    paths = {}
    for text in path_map or []:
        here, separator, there = text.partition("=")
        if not separator or not here or not there:
            raise ConfigError(f"--path-map {text}: expected HERE=THERE, two folders")
        paths[here] = there
    if not abs(mp3_shift_ms) < 1000:
        raise ConfigError(f"--mp3-shift-ms {mp3_shift_ms}: expected less than a second")
    done = write(
        stems, program, output, collection=collection, paths=paths,
        mp3_shift_s=mp3_shift_ms / 1000, today=datetime.date.today(),
    )  # fmt: skip
    console = Console(soft_wrap=True, highlight=False)
    for path in done.files:
        console.print(f"wrote {markup(str(path))}")
    console.print(
        f"{done.n_tracks} tracks, {done.n_with_cues} with cues, {done.n_with_grid} with a beat "
        f"grid; playlists: {done.n_playlists}"
    )
    if done.n_missing:
        console.print(f"[yellow]{done.n_missing} tracks of the playlists have no stem file[/]")
    if done.n_from_mp3 and not mp3_shift_ms:
        console.print(
            f"[yellow]{done.n_from_mp3} tracks with cues or grid come from MP3s, where programs "
            "count time from places up to 26 ms apart: check one, and move them by "
            "--mp3-shift-ms[/]"
        )
    for line in done.left_out:
        console.print(f"[yellow]left out[/] {markup(line)}")

"""``libsep export``: lists of stem files for DJ programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from libsep.cli.lines import markup
from libsep.cli.options import refuse_uris, within
from libsep.cli.terminal import go_on_unread
from libsep.errors import ConfigError
from libsep.units import counted

if TYPE_CHECKING:
    from libsep.dj.export import Exported


def export(
    stems: Annotated[Path, typer.Argument(help="Folder of stem files.")],
    to: Annotated[str, typer.Option("--to", help="traktor, rekordbox or m3u.")],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="The list, or a folder for it; by default stems.nml, .xml or .m3u8 there.",
        ),
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
            metavar="HERE=THERE",
            help="Where a folder lies on the DJ's machine, if that is another (~/Stems=D:\\Stems).",
        ),
    ] = None,
    mp3_shift_ms: Annotated[
        float | None,
        typer.Option(
            help="Move cues and grids of tracks that were MP3s by this many milliseconds; by "
            "default each MP3 itself says how far."
        ),
    ] = None,
) -> None:
    """Write a list of stem files for a DJ program, with cues, beat grids and playlists."""
    import datetime

    from libsep.dj.export import NAMES, PROGRAMS, Prepared
    from libsep.dj.export import export as write

    refuse_uris("export", stems, Path(output or ""), collection)
    program = next((name for name in PROGRAMS if name == to), None)
    if program is None:
        raise ConfigError(f"--to {to}: expected one of {', '.join(PROGRAMS)}")
    if mp3_shift_ms is not None and not abs(mp3_shift_ms) < 1000:
        raise ConfigError(f"--mp3-shift-ms {mp3_shift_ms}: expected less than a second")
    prepared = Prepared(
        collection=collection,
        library=_library_of(stems),
        mp3_shift_s=mp3_shift_ms / 1000 if mp3_shift_ms is not None else None,
    )
    today = datetime.date.today()
    goal = within(output, NAMES[program]) if output else None
    go_on_unread()
    _print(write(stems, program, goal, prepared, paths=_folders(path_map or []), today=today))


def _folders(path_map: list[str]) -> dict[str, str]:
    """Return what ``HERE=THERE`` says, by HERE."""
    folders = {}
    for text in path_map:
        here, separator, there = text.partition("=")
        if not separator or not here or not there:
            raise ConfigError(f"--path-map {text}: expected HERE=THERE, two folders")
        folders[here] = there
    return folders


def _library_of(stems: Path) -> Path | None:
    """Return the local folder that the stem files were made from, if their folder knows it."""
    from libsep.config import StorageConfig
    from libsep.storage.ends import noted_library
    from libsep.storage.places import parse_place

    text = noted_library(stems, StorageConfig())
    place = parse_place(text) if text else None
    return place if isinstance(place, Path) else None


def _print(done: "Exported") -> None:
    console = Console(soft_wrap=True, highlight=False)
    for path in done.files:
        console.print(f"wrote {markup(str(path))}")
    console.print(
        f"{counted(done.n_tracks, 'track')}, {done.n_with_cues} with cues, {done.n_with_grid} with "
        f"a beat grid; {counted(done.n_playlists, 'playlist')}"
    )
    if done.n_aside:
        console.print(
            "[yellow]tracks of the collection left aside, as another one fits the same stem file "
            f"better: {done.n_aside:,}[/]"
        )
    if done.n_missing:
        missing = counted(done.n_missing, "track")
        console.print(f"[yellow]in the playlists, but without a stem file: {missing}[/]")
    if done.n_shifted:
        moved = counted(done.n_shifted, "track")
        console.print(f"cues and grid moved, as the source begins with silence: {moved}")
    if done.n_unknown:
        console.print(
            f"[yellow]{counted(done.n_unknown, 'source')} could not be looked at, so the cues may "
            "be 51 ms off: check one, and move those of MP3s by --mp3-shift-ms -51 if they are "
            "late[/]"
        )
    for line in done.left_out:
        console.print(f"[yellow]left out[/] {markup(line)}")

"""``libsep extract``: stems as plain audio files."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from libsep.cli.lines import markup
from libsep.cli.options import ConfigOption, JsonOption
from libsep.cli.terminal import go_on_unread
from libsep.extraction.extract import Extracted
from libsep.units import counted

if TYPE_CHECKING:
    from libsep.extraction.selection import Selection

EXIT_INTERRUPTED = 130


FormatOption = Annotated[
    Literal["wav", "float", "flac", "mp3", "m4a"],
    typer.Option(
        "--format",
        help="wav and flac have 24 bits, float is WAV of 32-bit floats, mp3 has"
        " 320 kbit/s, m4a 256 kbit/s.",
    ),
]


def extract(
    stems: Annotated[list[str], typer.Argument(help="Stem files or folders of them, or URIs.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the files; made if it is missing.")
    ],
    format_name: FormatOption = "wav",
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="Only this stem, such as vocals; may be repeated."),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            "--without", help="One file without this stem, such as drums; may be repeated."
        ),
    ] = None,
    mixture: Annotated[bool, typer.Option("--mixture", help="The whole track, too.")] = False,
    layout: Annotated[
        Literal["folders", "files"],
        typer.Option("--layout", help="A folder for each track, or files called Track - vocals."),
    ] = "folders",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the stems as plain audio files, with tags and cover.

    A second run does only what is new or has changed. Exit 1 if a file failed.
    """  # fmt: skip
    from libsep.extraction.selection import Selection
    from libsep.media.atomic import expect_folder

    expect_folder(output)
    selection = Selection(
        only=tuple(name.lower() for name in only or ()),
        without=tuple(name.lower() for name in without or ()),
        with_mixture=mixture,
        layout=layout,
    )
    _run(stems, selection, format_name, output.absolute(), config, as_json=as_json)


def _run(
    stems: list[str],
    selection: "Selection",
    format_name: str,
    output: Path,
    config: Path | None,
    *,
    as_json: bool,
) -> None:
    """Extract the files, tell of each as it ends, and exit with 1 if one failed."""
    from libsep.config import Config, load
    from libsep.extraction.extract import Job
    from libsep.extraction.tree import extract_all
    from libsep.media.ffmpeg import find_ffmpeg

    settings = load(Config, config) if config else Config()
    ffmpeg = find_ffmpeg(settings.decode.ffmpeg)
    job = Job(selection=selection, format_name=format_name, output=output, ffmpeg=ffmpeg)
    go_on_unread()
    console = Console(highlight=False, soft_wrap=True, stderr=as_json)
    try:
        ended = extract_all(stems, job, settings.storage, on_end=lambda each: _print(console, each))
    except KeyboardInterrupt:
        raise typer.Exit(EXIT_INTERRUPTED) from None
    if as_json:
        print(json.dumps([each.as_json() for each in ended], indent=2))
    if not ended:
        console.print("no stem files found")
    if not ended or any(each.status == "failed" for each in ended):
        raise typer.Exit(1)


def _print(console: Console, ended: Extracted) -> None:
    colour = {"done": "green", "up to date": "dim", "failed": "bold red"}[ended.status]
    line = f"[{colour}]{ended.status}[/] {markup(ended.source)}"
    if ended.status == "failed":
        console.print(f"{line}: {markup(ended.message)}")
        return
    lowered = f", lowered by {-ended.gain_db:.1f} dB, or they would clip" if ended.gain_db else ""
    console.print(f"{line}: {counted(len(ended.files), 'file')}{lowered}")
    for warning in ended.warnings:
        console.print(f"   [yellow]{markup(warning)}[/]")

"""``libsep demo``: a small music library to try libsep on."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from libsep.cli.terminal import go_on_unread


def demo(
    folder: Annotated[Path, typer.Argument(help="Where the demo library is made.")],
) -> None:
    """Make a small library of synthesised songs, with tags and covers, and one real excerpt."""
    from libsep.library.demo import make_demo_library
    from libsep.media.atomic import expect_folder
    from libsep.media.ffmpeg import find_ffmpeg
    from libsep.units import counted

    expect_folder(folder)
    go_on_unread()
    tracks = make_demo_library(folder, ffmpeg=find_ffmpeg())
    Console().print(f"{counted(len(tracks), 'track')} in {folder}", highlight=False)

"""Record the first minutes with libsep as a picture: python -m benchmarks.recording.

Runs the commands for real in a folder of their own, in a terminal without colours, and draws what
they print into ``docs/images/recording.svg``. Figures differ from machine to machine.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "recording.svg"

COMMANDS = (
    "libsep demo Music",
    "libsep run Music Stems --limit 3",
    "libsep status Stems",
    "libsep export Stems --to traktor",
)
"""What is typed, one after the other."""

WIDTH = 100
"""Columns of the terminal."""

PROGRAM = "from libsep.cli.app import main; main()"


def record(command: str, folder: Path) -> str:
    """Return what a command prints in a folder: progress, then results.

    Raises
    ------
    subprocess.CalledProcessError
        It fails.
    """
    environment = os.environ | {"COLUMNS": str(WIDTH), "NO_COLOR": "1", "LANG": "C.UTF-8"}
    _, *arguments = command.split()
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    return ended.stdout


def draw(shown: dict[str, str], picture: Path) -> None:
    """Draw commands and what they printed as a terminal, into an SVG file."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere, force_terminal=True)
        for command, printed in shown.items():
            console.print(Text(f"$ {command}", style="bold green"))
            console.print(Text(printed.rstrip() + "\n"), soft_wrap=False)
        drawn = console.export_svg(title="libsep")
    # A page that shows it asks no other site for a font; browsers have one of equal widths.
    picture.write_text(re.sub(r"@font-face\s*\{[^}]*\}", "", drawn), encoding="utf-8")


def main() -> None:
    """Run the commands and draw the picture."""
    with tempfile.TemporaryDirectory() as folder:
        shown = {command: record(command, Path(folder)) for command in COMMANDS}
    draw(shown, PICTURE)
    print(f"{PICTURE}: {PICTURE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()

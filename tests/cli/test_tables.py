"""Tables on terminals that are narrow."""

import io

from rich.console import Console

from libsep.cli.tables import genres_table
from libsep.report.summary import Summary
from libsep.track import Outcome


def test_a_narrow_terminal_shows_whole_names_of_genres_and_models() -> None:
    summary = Summary()
    made = Outcome(
        source="a", output="a", status="done", action="convert", genre="generic", model="tiny",
        duration_s=60.0, wall_s=20.0,
    )  # fmt: skip
    summary.add(made)
    shown = io.StringIO()
    Console(file=shown, width=40).print(genres_table(summary))
    *_, row = shown.getvalue().splitlines()
    assert row.split() == ["generic", "tiny", "1", "1.0", "min", "3.0", "×"]

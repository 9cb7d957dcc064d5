"""The reference, the examples and what a shell and a terminal are told."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from libsep.cli.app import app
from libsep.cli.examples import EXAMPLES
from libsep.cli.reference import commands, reference
from libsep.cli.settings_reference import reference as settings_reference

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"


def test_the_reference_is_what_the_commands_say() -> None:
    # python -m libsep.cli.reference > docs/commands.md
    assert PAGE.read_text(encoding="utf-8") == reference()


def test_the_page_of_settings_is_what_the_settings_say() -> None:
    # python -m libsep.cli.settings_reference > docs/settings.md
    assert (PAGE.parent / "settings.md").read_text(encoding="utf-8") == settings_reference()
    rows = [line.split(" | ") for line in settings_reference().splitlines() if "| `" in line]
    assert len(rows) > 200
    assert [row[0] for row in rows if len(row) != 3 or len(row[2]) < 10] == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_can_be_typed(name: str) -> None:
    found = {context.command_path: command for command, context in commands()}
    command = found[f"libsep {name}"]
    for example in EXAMPLES[name]:
        words = shlex.split(example)
        n_words = 1 + len(name.split())
        assert words[:n_words] == ["libsep", *name.split()]
        command.make_context(name, words[n_words:])  # raises for what the command does not take


def test_every_command_shows_its_example() -> None:
    paths = [context.command_path.removeprefix("libsep ") for _, context in commands()]
    assert set(paths) == set(EXAMPLES)
    for path in paths:
        shown = CliRunner().invoke(app, [*path.split(), "--help"], env={"COLUMNS": "200"}).output
        assert f"Example: {EXAMPLES[path][0]}" in shown


def test_shells_are_offered_a_completion() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", "from libsep.cli.app import main; main()"],
        env={**os.environ, "_LIBSEP_COMPLETE": "complete_bash", "COMP_WORDS": "libsep mod",
             "COMP_CWORD": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "models" in shown.stdout.split()


def test_no_colour_is_written_where_nobody_wants_any(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from libsep.cli.app import main; main()", "status", tmp_path]
    coloured = {**os.environ, "FORCE_COLOR": "1"}
    coloured.pop("NO_COLOR", None)
    with_colour = subprocess.run(command, env=coloured, capture_output=True, text=True, check=False)
    assert "\x1b[1;31m" in with_colour.stderr
    plain = {**coloured, "NO_COLOR": "1"}
    without = subprocess.run(command, env=plain, capture_output=True, text=True, check=False)
    assert "\x1b[1;31m" not in without.stderr
    assert "libsep:" in without.stderr

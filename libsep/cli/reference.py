"""The reference of all commands, made from the commands: ``python -m libsep.cli.reference``."""

from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperGroup

from libsep.cli.app import app
from libsep.cli.examples import EXAMPLES

_HEAD = """# Commands

This page is made from the commands themselves by `python -m libsep.cli.reference`.

Exit codes: 0 all is done, or the time is over and nothing failed; 1 some tracks failed, or a check
found something; 2 the command or its configuration is wrong; 130 or 143 interrupted, 141 when
nobody reads the output (`| head`); commands that make files or models then go on. Results go to
standard output, progress and messages to standard error. `NO_COLOR=1` turns colours off.
`libsep --install-completion` completes commands and options in your shell.
"""


def reference() -> str:
    """Return the page in Markdown: each command with its usage, arguments, options and examples."""
    return _HEAD + "".join(_page(command, context) for command, context in commands())


def commands() -> Iterator[tuple[Any, typer.Context]]:
    """Yield each command of typer, those of groups too, with the context of its help."""
    root = typer.main.get_command(app)
    yield from _below(root, typer.Context(root, info_name="libsep"))


def _below(group: Any, context: typer.Context) -> Iterator[tuple[Any, typer.Context]]:
    for name in group.commands:
        _, command, _ = group.resolve_command(context, [name])
        inner = typer.Context(command, info_name=name, parent=context)
        if isinstance(command, TyperGroup):
            yield from _below(command, inner)
        else:
            yield command, inner


def _page(command: Any, context: typer.Context) -> str:
    path = context.command_path
    usage = " ".join(command.collect_usage_pieces(context))
    lines = ["", f"## {path}", "", _text(command.help), "", "```sh", f"{path} {usage}", "```", ""]
    rows = filter(None, (_row(parameter, context) for parameter in command.params))
    lines += ["| | |", "| --- | --- |", *rows, "", "```sh"]
    lines += [*EXAMPLES[path.removeprefix("libsep ")], "```", ""]
    return "\n".join(lines)


def _row(parameter: Any, context: typer.Context) -> str | None:
    """Return the line of an argument or option; None for what the help does not show."""
    record = parameter.get_help_record(context)
    if record is None or parameter.name == "help":
        return None
    name, text = (_text(cell).replace("|", "\\|") for cell in record)
    return f"| `{name}` | {text} |"


def _text(text: str | None) -> str:
    return " ".join((text or "").split())


if __name__ == "__main__":
    print(reference(), end="")

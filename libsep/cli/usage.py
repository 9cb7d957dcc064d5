"""A command line that is wrong, told in one line like all errors."""

import contextlib
import difflib
import re
from collections.abc import Iterator
from typing import Any

import typer

from libsep.cli.lines import print_error

EXIT_USAGE = 2

_UsageError: Any = typer.BadParameter.__base__  # typer does not export it

_OURS = (
    (r"Missing command\.", "a command is missing"),
    (r"Missing \w+ '?([^']+?)'?(?: / .*)?\..*", r"\1: is missing"),
    (r"No such command '(.*?)'\..*", r"\1: no such command"),
    (r"No such option:? (\S+).*", r"\1: no such option"),
    (r"Option '(.+)' requires an? .*", r"\1: expected a value"),
    (r"Option '(.+)' does not take a value\.", r"\1: expected no value"),
    (r"Got unexpected extra argument(?:s|\(s\))? \((.*)\)", r"\1: expected nothing more"),
    (r"Invalid value(?: for '?([^']+?)'?)?: (.*)", r"\1: \2"),
)
"""What typer says, as patterns, and how we say it."""

_PLAIN = {
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
    "a valid integer": "a whole number",
    "a valid number": "a number",
}
"""Words of pydantic, and plain ones."""

_CHOICE = re.compile(r"'?(.*?)'? is not one of (.*?)\.? *(?:\(found .*\))?")

_NO_UTF8 = re.compile(r"\\udc([89a-f][0-9a-f])")
"""A byte that is not UTF-8, as Python shows it; `libsep.track.path_to_text` does otherwise."""


@contextlib.contextmanager
def in_one_line(ctx: Any) -> Iterator[None]:
    """Say what is wrong with a command line, and end with `EXIT_USAGE`.

    Errors that do not know their command are those of what ``ctx`` is for, or of its subcommand.
    """
    try:
        yield
    except _UsageError as exc:
        if type(exc).__name__ == "NoArgsIsHelpError":  # is the help itself
            raise
        command = (exc.ctx or ctx).command_path
        if exc.ctx is None and ctx.invoked_subcommand:
            command = f"{command} {ctx.invoked_subcommand}"
        print_error(f"{told(exc)}; see {command} --help")
        raise typer.Exit(EXIT_USAGE) from exc


def told(error: Any) -> str:
    """Return what is wrong and what was expected, of an error of typer."""
    text, cause = error.format_message(), error.__cause__
    if cause is not None:
        import pydantic  # not needed by commands that are right

        from libsep.config.faults import sentence_of

        if isinstance(cause, pydantic.ValidationError):
            reason = sentence_of(cause, pydantic.BaseModel)
            text = f"Invalid value for {max(error.param.opts, key=len)}: {reason}"
    for theirs, ours in _OURS:
        if match := re.fullmatch(theirs, text, re.DOTALL):
            text = match.expand(ours).removeprefix(": ")
            break
    for theirs, ours in _PLAIN.items():
        text = text.replace(f"expected {theirs}", f"expected {ours}")
    name, _, rest = text.partition(": ")
    if match := _CHOICE.fullmatch(rest):
        choices = match[2].replace("'", "")
        text = f"{name}: expected one of {choices} (found '{match[1]}')"
    text = _NO_UTF8.sub(r"\\x\1", text.encode(errors="backslashreplace").decode())
    return f"{text}, {hint}" if (hint := _hint(name, error)) else text


def _hint(name: str, error: Any) -> str:
    """Return which name may be meant instead of one that there is not."""
    known = list(getattr(error, "possibilities", None) or ())
    command: Any = error.ctx.command if error.ctx is not None else None
    if not known and hasattr(command, "list_commands") and "command" in error.message:
        known = command.list_commands(error.ctx)
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"there are: {', '.join(known)}" if known else ""

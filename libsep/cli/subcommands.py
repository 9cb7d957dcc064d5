"""The subcommands: each is imported when it is called, and listed without being imported."""

import ast
import importlib
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from libsep.cli.examples import EXAMPLES, epilog
from libsep.cli.usage import in_one_line

NAMES = (
    "run", "convert", "listen", "inspect", "extract", "status", "report", "audit", "verify",
    "export", "distil", "train", "evaluate", "demo", "doctor", "models",
)  # fmt: skip
"""In the order of the help. Each is a function in the module of its name, or a group of typer."""


class Subcommands(TyperGroup):
    """A group that knows its subcommands by name and first line of help until one is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name in NAMES:
            self.add_command(TyperCommand(name, help=_help_of(name)))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the options of its own; those that are wrong are told in one line."""
        with in_one_line(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run a subcommand; options that are wrong are told in one line."""
        with in_one_line(ctx):
            return super().invoke(ctx)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return name, command and the rest of the arguments, the command being the real one."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command and load(name or ""), rest


def load(name: str) -> Any:
    """Return a subcommand as typer runs it."""
    found = getattr(importlib.import_module(f"libsep.cli.{name}"), name)
    if isinstance(found, typer.Typer):
        return typer.main.get_command(found)
    alone = typer.Typer(add_completion=False)
    alone.command(name, epilog=epilog(name) if name in EXAMPLES else None)(found)
    return typer.main.get_command(alone)


def _help_of(name: str) -> str:
    """Return what a subcommand's docstring says, read from the source.

    To import all of them for their docstrings takes longer than anything else in ``libsep --help``.
    """
    module = ast.parse(Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8"))
    for wanted in (name, "options"):
        for node in module.body:
            if isinstance(node, ast.FunctionDef) and node.name == wanted:
                return ast.get_docstring(node) or ""
    raise ValueError(f"libsep.cli.{name}: expected a function {name}, or options of a group")

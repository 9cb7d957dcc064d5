"""The ``libsep`` command: what all subcommands share, and errors as exit codes."""

import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from libsep import __version__, log
from libsep.cli.lines import markup, print_error
from libsep.cli.subcommands import Subcommands
from libsep.cli.terminal import (
    ending_with_the_reader,
    hide_python_warnings,
    make_streams_safe,
)
from libsep.cli.usage import EXIT_USAGE
from libsep.errors import ConfigError, LibsepError, NodesError, TrackError, reason_of
from libsep.track import path_to_text

logger = logging.getLogger(__name__)

EXIT_FAILED = 1

app = typer.Typer(
    name="libsep",
    cls=Subcommands,
    help="Convert a whole music library into Native Instruments Stems.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> bool:
    if wanted:
        print(f"libsep {__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Convert a whole music library into Native Instruments Stems."""
    _expect_current_folder()


def _expect_current_folder() -> None:
    """Do nothing if the current folder is there: without it no process of Ray starts.

    Raises
    ------
    ConfigError
        It has been deleted, or its drive has gone.
    """
    try:
        Path.cwd()
    except OSError as exc:
        raise ConfigError("the current folder is gone: change to another one (cd)") from exc


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; the one place where an error becomes a line and an exit code.

    Parameters
    ----------
    arguments
        Instead of those of this process, which is then another program's.
    """
    make_streams_safe()
    if arguments is None:
        hide_python_warnings()
    log.setup()
    with ending_with_the_reader():
        _run(arguments)


def _run(arguments: list[str] | None) -> None:
    try:
        app(arguments, prog_name="libsep")
    except LibsepError as exc:
        text = str(exc)
        if isinstance(exc, TrackError):  # whose text names the file without its folder
            text = f"{path_to_text(exc.path)}: {exc.message}"
        console = print_error(text)
        if isinstance(exc, TrackError) and exc.log:
            console.print(markup(exc.log), highlight=False)
        if isinstance(exc, NodesError):
            from libsep.cli.tables import nodes_table

            console.print(nodes_table(exc.rows))
        sys.exit(EXIT_FAILED if isinstance(exc, TrackError) else EXIT_USAGE)
    except OSError as exc:  # a folder is closed, or its drive is gone, where nobody asked before
        if not isinstance(exc.filename, str | bytes):
            raise
        logger.info("%s", exc, exc_info=True)
        print_error(f"{path_to_text(os.fsdecode(exc.filename))}: {reason_of(exc)}")
        sys.exit(EXIT_USAGE)

"""The ``libsep`` command: gathers the subcommands and turns errors into exit codes."""

import sys
from typing import Annotated

import typer
from rich.console import Console

from libsep import __version__, log
from libsep.cli.audit import audit
from libsep.cli.convert import convert
from libsep.cli.demo import demo
from libsep.cli.doctor import doctor
from libsep.cli.evaluate import evaluate
from libsep.cli.examples import epilog
from libsep.cli.export import export
from libsep.cli.listen import listen
from libsep.cli.models import models
from libsep.cli.progress import markup
from libsep.cli.report import report
from libsep.cli.run import run
from libsep.cli.status import status
from libsep.cli.tables import nodes_table
from libsep.cli.terminal import make_streams_safe
from libsep.cli.train import train
from libsep.cli.verify import verify
from libsep.errors import LibsepError, NodesError, TrackError

EXIT_FAILED = 1
EXIT_USAGE = 2

app = typer.Typer(
    name="libsep",
    help="Convert a whole music library into Native Instruments Stems.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS = (
    run, convert, listen, status, report, audit, verify, export, train, evaluate, demo, doctor,
)  # fmt: skip
for command in COMMANDS:
    app.command(epilog=epilog(command.__name__))(command)
app.add_typer(models, name="models")


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


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; the one place where an error becomes a line and an exit code.

    Parameters
    ----------
    arguments
        Instead of those of this process.
    """
    make_streams_safe()
    log.setup()
    try:
        app(arguments)
    except LibsepError as exc:
        console = Console(stderr=True, soft_wrap=True)
        console.print(f"[bold red]libsep:[/] {markup(str(exc))}", highlight=False)
        if isinstance(exc, TrackError) and exc.log:
            console.print(markup(exc.log), highlight=False)
        if isinstance(exc, NodesError):
            console.print(nodes_table(exc.rows))
        sys.exit(EXIT_FAILED if isinstance(exc, TrackError) else EXIT_USAGE)

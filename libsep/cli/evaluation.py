"""The steps of ``libsep evaluate``, with a bar on standard error while they last."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from libsep.cli.evaluation_tables import tables
from libsep.cli.lines import markup
from libsep.config import Config
from libsep.datasets.songs import SongFiles
from libsep.evaluation.evaluate import Plan, evaluate, gather_songs, plan_models
from libsep.evaluation.measures import BssEval
from libsep.evaluation.report import Report, write_text
from libsep.evaluation.results import SongResult
from libsep.evaluation.routing import route_songs
from libsep.separation.registry import find_model
from libsep.units import format_duration


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """What the command was asked for."""

    models: tuple[str, ...]
    datasets: tuple[Path, ...]
    with_routing: bool
    with_bsseval: bool
    n_jobs: int
    out: Path | None
    config: Config


def run_evaluation(request: Request) -> Report:
    """Evaluate, and write the files that were asked for.

    Raises
    ------
    ConfigError
        A dataset or the configuration is wrong, no model has the choice that ``reconstruct`` makes,
        or a package of the extra ``evaluate`` is missing.
    ModelError
        A model cannot be loaded.
    """
    bss_eval = _bss_eval() if request.with_bsseval else None
    write_files = _write_files() if request.out is not None else None
    models = [find_model(name) for name in request.models]
    songs = gather_songs(request.datasets)
    config = request.config
    routes = route_songs(songs, config.routing, request.models[0]) if request.with_routing else {}
    models += [find_model(route.model) for route in routes.values()]
    plan = Plan(models=plan_models(models), separation=config.separation, bss_eval=bss_eval)
    _say_what_has_no_choice(plan)
    report = Report(plan=plan, results=_evaluate(songs, plan, request.n_jobs))
    if routes:
        report = report.with_routing(routes, models[0])
    if request.out is not None and write_files is not None:
        write_files(report, request.out)
    return report


def _say_what_has_no_choice(plan: Plan) -> None:
    if without := plan.without_choice():
        console = Console(stderr=True, soft_wrap=True, highlight=False)
        told = f"reconstruct: {plan.separation.reconstruct} does not apply to {', '.join(without)}"
        console.print(f"[yellow]{markup(told)}[/]")


def show(report: Report, json_file: Path | None) -> None:
    """Print the tables; or JSON, if ``json_file`` is ``-``. Else it is a file to write as well."""
    if json_file == Path("-"):
        print(report.as_json_text(), end="")
        return
    if json_file is not None:
        write_text(json_file, report.as_json_text())
    console = Console(highlight=False)
    for table in tables(report):
        console.print(table, "")


def _bss_eval() -> BssEval:
    """Return what finds SIR and SAR, or fail before the work and not after it."""
    from libsep.evaluation.bsseval import bss_eval

    return bss_eval


def _write_files() -> Callable[[Report, Path], None]:
    """Return what writes files and plots, or fail before the work and not after it."""
    from libsep.evaluation.plots import write_files

    return write_files


def _evaluate(songs: Sequence[SongFiles], plan: Plan, n_jobs: int) -> list[SongResult]:
    """Evaluate with a bar on a terminal, and a line per song elsewhere."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.completed:.0f} of {task.total:.0f} songs"),
        BarColumn(bar_width=16),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    task = progress.add_task("evaluate", total=len(songs))

    def on_song(result: SongResult) -> None:
        progress.advance(task)
        if progress.disable:
            done = progress.tasks[task].completed
            length = format_duration(result.duration_s)
            console.print(f"[dim]{done:.0f}/{len(songs)}[/] {markup(result.song)} {length}")
        for warning in result.warnings:
            console.print(f"[yellow]{markup(warning)}[/]")

    with progress:
        return evaluate(songs, plan, n_jobs=n_jobs, on_song=on_song)

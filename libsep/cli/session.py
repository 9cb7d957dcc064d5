"""What ``libsep run`` does between its options and its exit code: survey, run, summary."""

import contextlib
import dataclasses
import functools
import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from libsep import log
from libsep.batch.interrupts import Interrupts, caught_interrupts
from libsep.batch.schedule.window import Window
from libsep.cli.hints import closing_hints
from libsep.cli.lines import markup
from libsep.cli.night import night_of, time_left_s
from libsep.cli.progress import RunDisplay
from libsep.cli.report import report_after_run
from libsep.cli.run_tables import closing_line, counts, summary_table
from libsep.cli.tables import failures_table, genres_table, left_out_table
from libsep.config import Config
from libsep.errors import ClusterError, LedgerError, StemsError, reason_of
from libsep.ledger import FOLDER, Ledger
from libsep.library.gone import expect_disk
from libsep.library.last_run import CONFIG, RUNS, keep
from libsep.library.moves import remove_empty_folders
from libsep.library.omissions import Omission
from libsep.library.survey import (
    ListFiles,
    Survey,
    remove_all_leftovers,
    remove_leftovers,
    source_of,
    survey,
)
from libsep.machine import rare_garbage_search
from libsep.pipeline import Assigner, Settings
from libsep.pipeline.cutoffs import config_sha256, drum_models_of, restoration_model_of
from libsep.pipeline.listed import listing_of
from libsep.pipeline.priority import prioritised
from libsep.report.summary import Summary
from libsep.storage.ends import Ends
from libsep.units import counted

EXIT_FAILED = 1
EXIT_SIGNAL = 128
"""A run that a signal ended exits with this plus the signal's number: 130 for Ctrl-C."""

MAX_PROBLEMS = 10
"""Folders and links that could not be walked, of which each is printed; the rest is counted."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The command line of ``libsep run``, parsed; its time is counted from then on."""

    ends: Ends
    config: Config
    window: Window
    limit: int | None
    retry_failed: bool
    rebuild_ledger: bool
    as_json: bool
    is_insecure: bool = False
    playlists: tuple[str, ...] = ()
    with_library: bool = False

    def listing(self) -> Path | ListFiles:
        """Return what lists the tracks: the library, playlists instead of it, or both."""
        return listing_of(
            self.ends, self.playlists, self.config.library, with_library=self.with_library
        )

    @property
    def stems(self) -> Path:
        """The local folder that holds ``.libsep``: the output, or what stands for it here."""
        return self.ends.root


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ended:
    """How a run ended: failures, the signal that interrupted it, why else it stopped early.

    ``n_left`` tracks are left for another run, which will take ``left_s`` seconds for them; None if
    that is not known. ``is_window_closed`` says that the reason is only that the time was over.
    """

    n_failed: int
    interrupted: int | None = None
    n_left: int = 0
    left_s: float | None = None
    reason: str = ""
    is_window_closed: bool = False

    def exit_code(self, *, if_remaining: int | None) -> int:
        """Return how the command exits.

        Parameters
        ----------
        if_remaining
            What stands for 0 when tracks are left.
        """
        if self.interrupted is not None:
            return EXIT_SIGNAL + self.interrupted
        if self.n_failed or (self.reason and not self.is_window_closed):
            return EXIT_FAILED
        return if_remaining if if_remaining is not None and self.n_left else 0

    def as_json(self) -> dict[str, Any]:
        """Return the end as plain values; the failures are part of the summary."""
        return {
            "n_left": self.n_left,
            "left_s": self.left_s,
            "reason": self.reason,
            "is_window_closed": self.is_window_closed,
        }


def start(options: RunOptions) -> Ended:
    """Convert what is to be converted, and print the summary.

    Raises
    ------
    ConfigError, ModelError, LedgerError
        The run cannot start or go on.
    """
    run = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) + f"-{os.getpid()}"
    start_s = time.monotonic()
    assigner = Assigner(options.config)
    options.ends.check()
    with options.ends.ledger(run, rebuild=options.rebuild_ledger) as ledger:
        found = look(options, ledger, assigner)
        options.ends.note_left_out(found.left_out)
        print_problems(found)
        if ledger.crashed():
            remove_all_leftovers(options.stems)
        summary = Summary()
        ended = Ended(n_failed=0)
        if not found.work:
            _note(ledger, found, run)
            _print_end(options, found, summary, ended, time.monotonic() - start_s)
            _report(options, ledger)
            return ended
        # Up to the end of the summary: a late second Ctrl-C must not cost it.
        with caught_interrupts() as interrupts:
            ended = _convert(options, ledger, assigner, found, summary, run, interrupts)
            _print_end(options, found, summary, ended, time.monotonic() - start_s)
            _print_hints(options, run)
            _report(options, ledger)
    return ended


def _report(options: RunOptions, ledger: Ledger) -> None:
    """Write the report, if the configuration asks for one."""
    if options.config.run.report is not None:
        report_after_run(options.config.run.report, options.ends, ledger)


def _note(ledger: Ledger, found: Survey, run: str) -> None:
    """Keep what is new of tracks with nothing to do, so that the next run need not find out."""
    if found.noted:
        ledger.begin(run)
        ledger.append_all(found.noted)
        ledger.end("nothing to do")


def _convert(
    options: RunOptions,
    ledger: Ledger,
    assigner: Assigner,
    found: Survey,
    summary: Summary,
    run: str,
    interrupts: Interrupts,
) -> Ended:
    """Run the work on Ray; ``summary`` gathers the outcomes."""
    with rare_garbage_search():  # a tenth of the time that Ray takes to import
        from libsep.batch.run import convert_all
        from libsep.batch.schedule.plan import Attempt

    settings = Settings(
        config=options.config,
        models=assigner.models_of(planned.assignment for planned in found.work),
        output_root=options.stems.absolute(),
        run=run,
        restoration_model=restoration_model_of(options.config),
        drum_models=drum_models_of(options.config),
        log_folder=log.Folder(
            options.stems.absolute() / FOLDER / RUNS / run,
            is_shared=options.ends.staging is None or options.ends.staging.output is None,
        ),
        staging=options.ends.staging,
    )
    _begin_log(settings, options)
    crashes = ledger.crashed()
    ledger.begin(run)
    ledger.append_all(found.noted)
    tracks = [planned.track for planned in found.work]
    remove_leftovers(options.stems, tracks)
    attempts = [Attempt.of(each, crashes.get(source_of(each), 0)) for each in found.work]
    night = night_of(options.window, settings, ledger)
    moved = {source_of(each) for each in found.work if each.move is not None}
    display = RunDisplay(tracks, summary, options.window, moved)
    with _blaming_nobody_for_a_lost_cluster(ledger), display:
        result = convert_all(
            attempts,
            settings,
            assigner,
            ledger,
            display,
            interrupts=interrupts,
            night=night,
            is_insecure=options.is_insecure,
        )
    remove_leftovers(options.stems, tracks)
    remove_empty_folders(options.stems, [each.move for each in found.work if each.move])
    ledger.end(result.reason or "finished")
    is_known = result.n_left and not found.n_beyond_limit
    return Ended(
        n_failed=summary.n_failed,
        interrupted=result.interrupted,
        n_left=result.n_left + found.n_beyond_limit,
        left_s=time_left_s(found, ledger, run, options.config) if is_known else None,
        reason=result.reason,
        is_window_closed=result.is_window_closed,
    )


@contextlib.contextmanager
def _blaming_nobody_for_a_lost_cluster(ledger: Ledger) -> Iterator[None]:
    """End the run in order when it loses its cluster; on this machine a track may have done it."""
    from libsep.batch.cluster.connection import is_cluster_named

    try:
        yield
    except ClusterError as exc:
        if is_cluster_named():
            ledger.end(str(exc))
        raise


def _begin_log(settings: Settings, options: RunOptions) -> None:
    """Make the folder of the run, with what the run was told and the driver's log."""
    if settings.log_folder is None:
        raise ValueError("the run has no folder")
    folder = settings.log_folder.path
    try:
        folder.mkdir(parents=True)
        keep(folder, settings.config, options.playlists, with_library=options.with_library)
        log.setup(path=folder / log.DRIVER)
    except (OSError, StemsError) as exc:
        raise LedgerError(f"{folder}: cannot be written: {reason_of(exc)}") from exc


def look(options: RunOptions, ledger: Ledger, assigner: Assigner) -> Survey:
    """Return what there is to do, the most urgent first, cut to ``--limit``."""
    latest = ledger.latest()
    if options.ends.local_library is not None and not options.playlists:
        expect_disk(options.ends.local_library, len(latest))
    with Console(stderr=True).status("looking at the library"):
        found = survey(
            options.listing(),
            options.ends.sizes(),
            latest,
            options.config.scan,
            assign=assigner.assign,
            config_sha256=functools.partial(
                config_sha256,
                options.config,
                restoration_model_of(options.config),
                drums=drum_models_of(options.config),
            ),
            retry_failed=options.retry_failed,
            only_model_sha256=assigner.only_model_sha256(),
            root=options.ends.local_library,
        )
    work = prioritised(found.work, options.config.night, now_s=time.time())
    return dataclasses.replace(found, work=work).limited(options.limit)


def _print_end(
    options: RunOptions, found: Survey, summary: Summary, ended: Ended, wall_s: float
) -> None:
    if options.as_json:
        values = summary.as_json() | counts(found) | {"wall_s": wall_s}
        print(json.dumps(values | ended.as_json(), indent=2))
        return
    console = Console(highlight=False)
    if not found.work:
        console.print(f"nothing to do: {found.n_up_to_date:,} up to date")
        print_left_out(console, found.left_out)
        _print_failed_before(console, found)
        return
    if summary.failures:
        console.print(failures_table(summary.failures))
    console.print(summary_table(summary, found, wall_s=wall_s, n_left=ended.n_left))
    if summary.genres:
        console.print(genres_table(summary))
    print_left_out(console, found.left_out)
    if ended.is_window_closed:
        console.print(f"[yellow]{closing_line(summary, ended.n_left, ended.left_s)}[/]")
    elif ended.reason:
        console.print(f"[yellow]stopped early: {markup(ended.reason)}[/]")
    _print_failed_before(console, found)


def _print_hints(options: RunOptions, run: str) -> None:
    if options.as_json:
        return
    console = Console(highlight=False)
    for hint in closing_hints(options.ends, options.stems / FOLDER / RUNS / run / CONFIG):
        console.print(f"[dim]{markup(hint)}[/]", soft_wrap=True)


def print_left_out(console: Console, omissions: Sequence[Omission]) -> None:
    """Print what of the library is no track, if there is any."""
    if omissions:
        console.print(left_out_table(omissions))


def _print_failed_before(console: Console, found: Survey) -> None:
    if found.n_gone:
        gone = counted(found.n_gone, "track")
        console.print(f"{gone} that failed before: gone from the library since")
    if found.n_failed_before:
        message = f"{found.n_failed_before} failed before and have not changed: --retry-failed"
        console.print(f"[yellow]{message}[/]")


def print_problems(found: Survey) -> None:
    """Tell on standard error what could not be walked."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for problem in found.problems[:MAX_PROBLEMS]:
        console.print(f"[yellow]left out:[/] {markup(str(problem.path))}: {problem.reason}")
    if len(found.problems) > MAX_PROBLEMS:
        console.print(f"[yellow]and {len(found.problems) - MAX_PROBLEMS} more[/]")

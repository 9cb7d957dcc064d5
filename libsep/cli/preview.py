"""``libsep run --dry-run``: what a run would do, and what it would take."""

import dataclasses
import json
import shutil
from pathlib import Path

from rich.console import Console
from rich.table import Table

from libsep.cli.lines import markup
from libsep.cli.run_tables import counts, shares_table
from libsep.cli.session import RunOptions, look, print_left_out, print_problems
from libsep.cli.tables import format_hours
from libsep.library.plan import Action
from libsep.library.survey import Survey, source_of
from libsep.machine import n_cores
from libsep.media.atomic import expect_folder
from libsep.pipeline import Assigner
from libsep.report.estimate import LISTEN_CPU_S, Estimate, estimate, n_within
from libsep.report.genres import shares
from libsep.storage.ends import readable_ledger
from libsep.units import counted, format_bytes, format_duration


def preview(options: RunOptions) -> None:
    """Print what a run would do, how long it would take, and the disk it needs; change nothing.

    Raises
    ------
    ConfigError, ModelError
        A run could not start.
    """
    if options.ends.local_stems is not None:
        expect_folder(options.ends.local_stems)
    with readable_ledger(options.ends.stems, options.ends.storage) as ledger:
        found = look(options, ledger, Assigner(options.config))
        to_convert = [p.track for p in found.work if p.decision.action is Action.CONVERT]
        expected = estimate(
            to_convert,
            ledger.rows(),
            codec=options.config.encode.codec,
            bitrate_kbps=options.config.encode.bitrate_kbps,
            n_cores=n_cores(),
        )
    n_in_time = n_within(options.window.left_s(), to_convert, expected)
    folder = options.ends.local_stems
    free_bytes = shutil.disk_usage(_existing(folder)).free if folder is not None else None
    if options.as_json:
        work = [
            {
                "source": source_of(planned),
                "reason": planned.decision.reason,
                "genre": planned.assignment.genre if planned.assignment else None,
                "model": planned.assignment.model if planned.assignment else None,
                "genre_reason": planned.assignment.genre_reason if planned.assignment else None,
            }
            for planned in found.work
        ]
        genres = [share.as_json() for share in shares(found.work)]
        values = dataclasses.asdict(expected) | {"free_bytes": free_bytes, "work": work}
        values |= {"genres": genres, "n_in_time": n_in_time, "n_to_hear": _n_to_hear(found)}
        values |= {"n_moves": _n_moves(found)}
        print(json.dumps(values | counts(found), indent=2))
        return
    console = Console(highlight=False, soft_wrap=True)
    for planned in found.work:
        console.print(f"{markup(source_of(planned))} [dim]{markup(planned.decision.reason)}[/]")
    console.print(_preview_table(found, expected, free_bytes))
    if options.window.is_limited:
        closes_at = options.window.closes_at()
        console.print(f"window closes at {closes_at}: time for about {n_in_time:,} of the tracks")
    if found.work:
        console.print(shares_table(shares(found.work)))
    print_left_out(console, found.left_out)
    print_problems(found)


def _preview_table(found: Survey, expected: Estimate, free_bytes: int | None) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    basis = "at the speed of the last run" if expected.is_measured else "a rough guess, no run yet"
    need = format_bytes(expected.output_bytes)
    if free_bytes is not None:
        need += f" of {format_bytes(free_bytes)} free"
    is_too_much = free_bytes is not None and expected.output_bytes >= free_bytes
    n_moves = _n_moves(found)
    n_checks = len(found.work) - expected.n_tracks - n_moves
    audio = format_hours(expected.audio_s)
    table.add_row("to convert", f"{counted(expected.n_tracks, 'track')}, {audio} of audio")
    changed = f"{counted(n_checks, 'track')} that changed, perhaps only in tags"
    table.add_row("to look at", changed)
    if n_moves:
        table.add_row("to follow", f"{counted(n_moves, 'track')} that seem to be moved or renamed")
    if n_to_hear := _n_to_hear(found):
        time = format_duration(n_to_hear * LISTEN_CPU_S / n_cores())
        unknown = f"{counted(n_to_hear, 'track')} whose genre nothing tells, about {time}"
        table.add_row("to listen to", unknown)
    table.add_row("up to date", str(found.n_up_to_date))
    table.add_row("failed before", str(found.n_failed_before))
    table.add_row("time", f"about {format_duration(expected.wall_s)} ({basis})")
    table.add_row("disk", f"[bold red]{need}[/]" if is_too_much else need)
    return table


def _n_moves(found: Survey) -> int:
    return sum(planned.move is not None for planned in found.work)


def _n_to_hear(found: Survey) -> int:
    return sum(planned.assignment is None for planned in found.work)


def _existing(path: Path) -> Path:
    """Return the nearest folder above ``path`` that exists."""
    return next(folder for folder in (path, *path.absolute().parents) if folder.exists())

"""Tables that several commands print."""

from collections.abc import Sequence

from rich.table import Table

from libsep.cli.lines import markup
from libsep.library.omissions import Omission
from libsep.report.summary import Summary
from libsep.track import HIGHEST_CUTOFF_HZ, Outcome
from libsep.units import counted

MAX_FAILURES = 20
"""Failures that are listed; the ledger holds all."""

MAX_KINDS = 6
"""Kinds of files that are left out for a reason, of which each is listed."""


def format_hours(duration_s: float) -> str:
    """Return hours with two decimals, or minutes below one hour."""
    return f"{duration_s / 3600:.2f} h" if duration_s >= 3600 else f"{duration_s / 60:.1f} min"


def nodes_table(rows: Sequence[tuple[str, str, str, str]]) -> Table:
    """Return what machines of a cluster have, and what they should have; equal rows once."""
    machines: dict[tuple[str, str, str], list[str]] = {}
    for machine, *found in rows:
        machines.setdefault((found[0], found[1], found[2]), []).append(machine)
    table = Table("machine", "what", "found", "expected", header_style="bold red")
    for what, names in machines.items():
        table.add_row(markup("\n".join(names)), *map(markup, what))
    return table


def stacked(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Return rows below each other, a line for each cell: a table for a narrow terminal."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for row in rows:
        if table.row_count:
            table.add_row("", "")
        for name, text in zip(names, row, strict=True):
            if text:
                table.add_row(name, text)
    return table


def failures_table(failures: Sequence[Outcome]) -> Table:
    """Return track, stage and reason of the first `MAX_FAILURES` failures."""
    table = Table("failed", "stage", "reason", title_justify="left", header_style="bold red")
    for outcome in failures[:MAX_FAILURES]:
        reason = outcome.message.splitlines()[0] if outcome.message else outcome.error
        table.add_row(markup(outcome.source), outcome.stage, markup(reason))
    if len(failures) > MAX_FAILURES:
        table.caption = f"and {len(failures) - MAX_FAILURES} more in the ledger"
    return table


def by_genre() -> Table:
    """Return a table of genre, model, tracks and audio; where it is narrow, others give way."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("genre", no_wrap=True)
    table.add_column("model", no_wrap=True)
    table.add_column("tracks", justify="right", no_wrap=True)
    table.add_column("audio", justify="right", no_wrap=True)
    return table


def genres_table(summary: Summary) -> Table:
    """Return tracks, hours and speed by genre and model."""
    table = by_genre()
    table.add_column("speed of a track", justify="right")
    for (genre, model), total in summary.by_hours():
        speed = f"{total.times_real_time:.1f} ×" if total.wall_s else ""
        audio = format_hours(total.audio_s)
        table.add_row(markup(genre), markup(model), str(total.n_converted), audio, speed)
    return table


def left_out_table(omissions: Sequence[Omission]) -> Table:
    """Return what of a library is no track, by reason, with the most frequent kinds."""
    table = Table("left out", "", "kinds", box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.columns[0].justify = "right"
    table.columns[2].overflow = "fold"
    for omission in omissions:
        listed = omission.kinds.most_common(MAX_KINDS)
        kinds = [f"{count:,} {kind}" for kind, count in listed if kind]
        n_more = omission.count - sum(count for _, count in listed)
        kinds += [f"{n_more:,} of other kinds"] if n_more else []
        reason = omission.reason.value
        table.add_row(f"{omission.count:,}", reason, markup(", ".join(kinds)))
    return table


def bandwidth(summary: Summary) -> str:
    """Return how many tracks were cut off, and how many of them restored; empty if none was."""
    if not summary.n_cut_off:
        return ""
    text = f"{counted(summary.n_cut_off, 'track')} cut off below {HIGHEST_CUTOFF_HZ / 1000:.0f} kHz"
    if summary.lowest_restored_hz is None:
        return text
    lowest = f"{summary.lowest_restored_hz / 1000:.1f} kHz"
    return f"{text}, {summary.n_restored} restored from {lowest} up"

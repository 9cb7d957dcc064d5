"""Tables that several commands print."""

from collections.abc import Sequence

from rich.table import Table

from libsep.cli.progress import markup
from libsep.config.restoration import HIGHEST_CUTOFF_HZ
from libsep.library.omissions import Omission
from libsep.library.survey import Survey
from libsep.report.genres import GenreShare
from libsep.report.summary import STAGES, Summary
from libsep.track import Outcome
from libsep.units import format_bytes, format_duration

MAX_FAILURES = 20
"""Failures that are listed; the ledger holds all."""

MAX_KINDS = 6
"""Kinds of files that are left out for a reason, of which each is listed."""

MAX_REASONS = 4
"""Reasons for a genre that are listed; the rest is counted."""


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


def failures_table(failures: Sequence[Outcome]) -> Table:
    """Return track, stage and reason of the first `MAX_FAILURES` failures."""
    table = Table("failed", "stage", "reason", title_justify="left", header_style="bold red")
    for outcome in failures[:MAX_FAILURES]:
        reason = outcome.message.splitlines()[0] if outcome.message else outcome.error
        table.add_row(markup(outcome.source), outcome.stage, markup(reason))
    if len(failures) > MAX_FAILURES:
        table.caption = f"and {len(failures) - MAX_FAILURES} more in the ledger"
    return table


def genres_table(summary: Summary) -> Table:
    """Return tracks, hours and speed by genre and model."""
    table = Table("genre", "model", box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("tracks", "audio", "speed of a track"):
        table.add_column(name, justify="right")
    for (genre, model), total in summary.by_hours():
        speed = f"{total.times_real_time:.1f} ×" if total.wall_s else ""
        audio = format_hours(total.audio_s)
        table.add_row(markup(genre), markup(model), str(total.n_converted), audio, speed)
    return table


def shares_table(found: Sequence[GenreShare]) -> Table:
    """Return what is to be done by genre and model, and why, the most frequent reasons first."""
    table = Table("genre", "model", box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("tracks", "audio"):
        table.add_column(name, justify="right")
    table.add_column("why", overflow="fold")
    for share in found:
        listed = share.reasons.most_common(MAX_REASONS)
        reasons = [f"{count} × {reason}" for reason, count in listed]
        n_more = share.n_tracks - sum(count for _, count in listed)
        reasons += [f"{n_more} × other reasons"] if n_more else []
        table.add_row(
            markup(share.genre),
            markup(share.model),
            str(share.n_tracks),
            format_hours(share.audio_s),
            "\n".join(map(markup, reasons)),
        )
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


def summary_table(summary: Summary, found: Survey, *, wall_s: float, n_left: int) -> Table:
    """Return the closing summary of a run."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    rows = {
        "converted": _converted(summary),
        "re-tagged": str(summary.n_retagged) if summary.n_retagged else "",
        "up to date": str(summary.n_skipped + found.n_up_to_date),
        "bandwidth": bandwidth(summary),
        "remarks": _remarks(summary),
        "failed": f"[bold red]{summary.n_failed}[/]" if summary.n_failed else "0",
        "left": f"{n_left}, the next run goes on with them" if n_left else "",
        "speed": _speed(summary, wall_s),
        "in work for": _stages(summary),
    }
    for name, value in rows.items():
        if value:
            table.add_row(name, value)
    return table


def closing_line(summary: Summary, n_left: int, left_s: float | None) -> str:
    """Return what was done when the window closed, and how much is left."""
    n_done = summary.n_ended - summary.n_failed
    time = f", about {format_hours(left_s)}" if left_s is not None else ""
    return f"window closed: {n_done:,} done, {n_left:,} left{time}"


def _converted(summary: Summary) -> str:
    if not summary.n_converted:
        return "0"
    size = format_bytes(summary.output_bytes)
    return f"{summary.n_converted} tracks, {format_hours(summary.audio_s)} of audio, {size}"


def bandwidth(summary: Summary) -> str:
    """Return how many tracks were cut off, and how many of them restored; empty if none was."""
    if not summary.n_cut_off:
        return ""
    text = f"{summary.n_cut_off} tracks cut off below {HIGHEST_CUTOFF_HZ / 1000:.0f} kHz"
    if summary.lowest_restored_hz is None:
        return text
    lowest = f"{summary.lowest_restored_hz / 1000:.1f} kHz"
    return f"{text}, {summary.n_restored} restored from {lowest} up"


def _remarks(summary: Summary) -> str:
    count = summary.n_with_warnings
    return f"{count} tracks, see the column warnings of the ledger" if count else ""


def _speed(summary: Summary, wall_s: float) -> str:
    if not summary.n_converted:
        return ""
    speed = summary.audio_s / max(wall_s, 1e-3)
    return f"{speed:.1f} × real time, {format_duration(wall_s)} in all"


def _stages(summary: Summary) -> str:
    total_s = sum(summary.stage_s.values())
    if not total_s:
        return ""
    return ", ".join(f"{stage} {summary.stage_s[stage] / total_s:.0%}" for stage in STAGES)

"""Tables of a run: what it will do, and what it has done."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from libsep.cli.lines import markup
from libsep.cli.tables import bandwidth, by_genre, format_hours
from libsep.library.survey import Survey
from libsep.report.genres import GenreShare
from libsep.report.summary import STAGES, Summary
from libsep.track import path_to_text
from libsep.units import counted, format_bytes, format_duration

MAX_REASONS = 4
"""Reasons for a genre that are listed; the rest is counted."""


def shares_table(found: Sequence[GenreShare]) -> Table:
    """Return what is to be done by genre and model, and why, the most frequent reasons first."""
    table = by_genre()
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


def summary_table(summary: Summary, found: Survey, *, wall_s: float, n_left: int) -> Table:
    """Return the closing summary of a run."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    rows = {
        "converted": _converted(summary),
        "re-tagged": str(summary.n_retagged) if summary.n_retagged else "",
        "moved": _moved(summary),
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


def counts(found: Survey) -> dict[str, Any]:
    """Return how many tracks were found, how many need nothing, and what was left out."""
    return {
        "n_found": found.n_found,
        "n_beyond_limit": found.n_beyond_limit,
        "n_up_to_date": found.n_up_to_date,
        "n_failed_before": found.n_failed_before,
        "n_gone": found.n_gone,
        "n_problems": len(found.problems),
        "problems": [
            {"path": path_to_text(each.path), "reason": each.reason} for each in found.problems
        ],
        "left_out": [omission.as_json() for omission in found.left_out],
    }


def _converted(summary: Summary) -> str:
    if not summary.n_converted:
        return "0"
    size = format_bytes(summary.output_bytes)
    return (
        f"{counted(summary.n_converted, 'track')}, {format_hours(summary.audio_s)} of audio, {size}"
    )


def _moved(summary: Summary) -> str:
    count = summary.n_moved
    return f"{counted(count, 'track')} in another place or of another name" if count else ""


def _remarks(summary: Summary) -> str:
    count = summary.n_with_warnings
    return f"{counted(count, 'track')}, libsep report tells what about" if count else ""


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

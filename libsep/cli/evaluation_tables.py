"""The tables of ``libsep evaluate``."""

from collections.abc import Iterator, Mapping
from typing import Literal

from rich import box
from rich.table import Table

from libsep.cli.lines import markup
from libsep.evaluation.baselines import BASELINES
from libsep.evaluation.report import Report
from libsep.evaluation.results import MEAN, Summary, n_silent, song_means, summarise
from libsep.evaluation.results import summarise_genres as summarise_by_genre
from libsep.track import TARGETS
from libsep.units import counted

Statistic = Literal["mean", "median"]

RATIOS: tuple[tuple[str, str, Statistic], ...] = (
    ("uSDR", "usdr_db", "mean"),
    ("median", "usdr_db", "median"),
    ("cSDR", "csdr_db", "median"),
    ("SI-SDR", "si_sdr_db", "mean"),
    ("SIR", "sir_db", "median"),
    ("SAR", "sar_db", "median"),
    ("leakage", "leakage_db", "mean"),
)
"""Columns of the table of separation: head, measure, and which statistic over songs."""

SOUND: tuple[tuple[str, str, Statistic], ...] = (
    ("LSD", "lsd", "mean"),
    ("LSD\n> 8 kHz", "lsd_high", "mean"),
    ("LSD at\nonsets", "onset_lsd", "mean"),
    ("sharp-\nness", "sharpness_db", "mean"),
    ("energy\n> 8 kHz", "high_band_db", "mean"),
)
"""Columns of the table of sound."""

WRAPPED = ("song", "model", "routed to", "best model")
"""Columns that may be as long as a path."""

TEXTS = (*WRAPPED, "genre", "target")
"""Columns that hold no numbers."""


def tables(report: Report) -> Iterator[Table]:
    """Yield uSDR by target, by song and by genre, then all measures, then routing."""
    rows = report.rows
    summary = summarise(rows)
    silent = ", ".join(
        f"{target} in {counted(count, 'song')}" for target, count in n_silent(rows).items()
    )
    yield _by_target("uSDR in dB, mean over songs", {"": summary}, caption=_left_out(silent))
    yield _by_song(report)
    if genres := summarise_by_genre(rows):
        yield _by_target("uSDR in dB by genre, mean over songs", genres)
    yield _measures(
        "separation, in dB: means over songs; cSDR, SIR and SAR are medians", summary, RATIOS
    )
    yield _measures(
        "sound: LSD in log10 of power; the rest in dB, against the source", summary, SOUND
    )
    if report.routing:
        yield _routing(report)


def _left_out(silent: str) -> str:
    return f"silent, so not scored: {silent}" if silent else ""


def _table(title: str, *columns: str, caption: str = "") -> Table:
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        caption=caption or None,
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )
    for column in columns:
        table.add_column(
            column,
            justify="left" if column in TEXTS else "right",
            no_wrap=column not in WRAPPED,
            overflow="fold",
            min_width=10 if column in ("model", "genre") else None,
        )
    return table


def _by_target(title: str, groups: Mapping[str, Mapping[str, Summary]], caption: str = "") -> Table:
    """Return models by targets, once for each group; a group without a name has no column."""
    is_grouped = list(groups) != [""]
    heads = ("genre", "model") if is_grouped else ("model",)
    table = _table(title, *heads, *TARGETS, MEAN, caption=caption)
    for group, models in groups.items():
        first = group
        for model, summary in models.items():
            cells = [_cell(summary, target, "usdr_db", "mean") for target in (*TARGETS, MEAN)]
            names = (markup(first), _name(model)) if is_grouped else (_name(model),)
            table.add_row(*names, *cells)
            first = ""
        table.add_section()
    return table


def _by_song(report: Report) -> Table:
    """Return songs by models."""
    means = song_means(report.rows)
    models = list(dict.fromkeys(row.model for row in report.rows))
    table = _table("uSDR in dB by song, mean over targets", "song", "genre", *models)
    for result in report.results:
        found = means.get(result.song, {})
        cells = [f"{found[model]:.2f}" if model in found else "" for model in models]
        table.add_row(markup(result.song), markup(result.genre or ""), *cells)
    return table


def _measures(
    title: str, summary: Mapping[str, Summary], columns: tuple[tuple[str, str, Statistic], ...]
) -> Table:
    """Return the measures of each model and target; columns that nothing has are left out."""
    shown = [
        column
        for column in columns
        if any(column[1] in found for models in summary.values() for found in models.values())
    ]
    table = _table(title, "model", "target", *(head for head, _, _ in shown), "songs")
    for model, targets in summary.items():
        first = _name(model)
        for target, found in targets.items():
            cells = [_cell(targets, target, name, statistic) for _, name, statistic in shown]
            count = found.get("usdr_db", {}).get("n", 0)
            table.add_row(first, target, *cells, "" if target == MEAN else f"{count:.0f}")
            first = ""
        table.add_section()
    return table


def _routing(report: Report) -> Table:
    """Return what routing gains in each genre, and what it could gain."""
    heads = ("genre", "songs", "routed to", "generic", "routed", "gain", "oracle", "best model")
    table = _table("routing by genre: uSDR in dB, mean over targets", *heads)
    for line in report.routing:
        best = ", ".join(f"{name} {count} ×" for name, count in line.oracle_models.items())
        table.add_row(
            line.genre,
            str(line.n_songs),
            markup(", ".join(line.routed_to)),
            f"{line.generic_db:.2f}",
            f"{line.routed_db:.2f}",
            f"{line.routed_db - line.generic_db:+.2f}",
            f"{line.oracle_db:.2f}",
            markup(best),
        )
    return table


def _cell(summary: Summary, target: str, measure: str, statistic: Statistic) -> str:
    found = summary.get(target, {}).get(measure)
    return "" if found is None else f"{found[statistic]:.2f}"


def _name(model: str) -> str:
    return f"[dim]{markup(model)}[/]" if model in BASELINES else f"[bold]{markup(model)}[/]"

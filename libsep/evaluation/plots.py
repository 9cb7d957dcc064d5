"""The results of an evaluation as a folder of files, with bar charts as PNG.

Needs the optional dependencies of the extra ``evaluate``.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from libsep.errors import ConfigError
from libsep.evaluation.baselines import BASELINES
from libsep.evaluation.report import Report, write_text
from libsep.evaluation.results import MEAN, Row, song_means, summarise, summarise_genres
from libsep.evaluation.routing import RoutingLine
from libsep.track import TARGETS

try:
    from matplotlib.figure import Figure
except ImportError as exc:
    raise ConfigError(f"plots need matplotlib: pip install 'libsep[evaluate]' ({exc})") from exc

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
"""Of the models, in order: Okabe and Ito's palette, which colour-blind people can tell apart."""

GREYS = dict(zip(BASELINES, ("#D9D9D9", "#A6A6A6", "#595959"), strict=True))
"""Of the baselines, from light to dark."""

SPREAD = 0.6
"""Share of a bar's width over which its songs are spread."""


@dataclasses.dataclass(frozen=True)
class Bar:
    """One bar: its height, and a dot for each song; in dB."""

    height: float
    dots: tuple[float, ...] = ()


Chart = Mapping[str, Mapping[str, Bar]]
"""Name of a series (a model), then of a group (a target), then the bar."""


def write_files(report: Report, folder: Path) -> None:
    """Write ``results.json``, ``results.csv`` and the charts into a folder, which may exist.

    ``targets.png`` is always there; ``genres.png`` if songs have genres, and ``routing.png`` if
    routing was compared.

    Raises
    ------
    ConfigError
        The folder cannot be written to.
    """
    write_text(folder / "results.json", report.as_json_text())
    write_text(folder / "results.csv", report.as_csv())
    _save(draw_targets(report.rows), folder / "targets.png")
    if any(row.genre for row in report.rows):
        _save(draw_genres(report.rows), folder / "genres.png")
    if report.routing:
        _save(draw_routing(report.routing), folder / "routing.png")


def draw_targets(rows: Sequence[Row]) -> Figure:
    """Return a chart of uSDR by target: a bar for each model and baseline, a dot for each song."""
    means = song_means(rows)
    chart: dict[str, dict[str, Bar]] = {}
    for model, summary in summarise(rows).items():
        dots = {MEAN: tuple(by_model[model] for by_model in means.values() if model in by_model)}
        for target in TARGETS:
            found = [row for row in rows if row.model == model and row.target == target]
            values = [row.measures.usdr_db for row in found]
            dots[target] = tuple(value for value in values if value is not None)
        chart[model] = {
            target: Bar(summary[target]["usdr_db"]["mean"], dots[target])
            for target in (*TARGETS, MEAN)
            if "usdr_db" in summary.get(target, {})
        }
    return _draw(chart, "uSDR by target: mean over songs (bars) and each song (dots)")


def draw_genres(rows: Sequence[Row]) -> Figure:
    """Return a chart of uSDR by genre, the mean over targets, with a dot for each song."""
    means = song_means(rows)
    genre_of = {row.song: row.genre for row in rows}
    chart: dict[str, dict[str, Bar]] = {}
    for genre, by_model in summarise_genres(rows).items():
        songs = [song for song in means if genre_of[song] == genre]
        for model, summary in by_model.items():
            if "usdr_db" in summary[MEAN]:
                dots = tuple(means[song][model] for song in songs if model in means[song])
                bar = Bar(summary[MEAN]["usdr_db"]["mean"], dots)
                chart.setdefault(model, {})[_group(genre, len(songs))] = bar
    return _draw(chart, "uSDR by genre: mean over targets (bars) and each song (dots)")


def draw_routing(lines: Sequence[RoutingLine]) -> Figure:
    """Return a chart of uSDR by genre: with one model, routed, and with the best of each song."""
    chart = {
        name: {_group(line.genre, line.n_songs): Bar(getattr(line, f"{name}_db")) for line in lines}
        for name in ("generic", "routed", "oracle")
    }
    return _draw(chart, "uSDR by genre: one model, routed, and the best model of each song")


def _draw(chart: Chart, title: str) -> Figure:
    groups = list(dict.fromkeys(group for bars in chart.values() for group in bars))
    width = 0.84 / max(len(chart), 1)
    figure = Figure(figsize=(max(6.5, 0.32 * len(groups) * len(chart) + 2.0), 4.2), dpi=130)
    axes = figure.add_subplot()
    models = [name for name in chart if name not in GREYS]
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(models)} | GREYS
    for index, (name, bars) in enumerate(chart.items()):
        for group, bar in bars.items():
            middle = groups.index(group) + (index - (len(chart) - 1) / 2) * width
            axes.bar(
                middle, bar.height, 0.92 * width, color=colours[name], edgecolor="black",
                linewidth=0.4, label=name if group == next(iter(bars)) else None, zorder=2,
            )  # fmt: skip
            axes.plot(
                _spread(middle, SPREAD * width, len(bar.dots)), bar.dots, "o", markersize=2.6,
                markerfacecolor="white", markeredgecolor="black", markeredgewidth=0.6, zorder=3,
            )  # fmt: skip
    axes.set_xticks(range(len(groups)), groups)
    axes.set_ylabel("uSDR [dB]")
    axes.set_title(title, fontsize=10)
    axes.axhline(0, color="black", linewidth=0.8, zorder=4)
    axes.grid(axis="y", linewidth=0.4, zorder=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(
        fontsize=8, frameon=False, ncols=min(len(chart), 6), loc="upper center",
        bbox_to_anchor=(0.5, -0.15),
    )  # fmt: skip
    return figure


def _save(figure: Figure, path: Path) -> None:
    try:
        figure.savefig(path, bbox_inches="tight")
    except OSError as exc:
        raise ConfigError(f"{path}: results cannot be written: {exc.strerror}") from exc


def _group(genre: str, n_songs: int) -> str:
    return f"{genre}\n{n_songs} song" + ("s" if n_songs != 1 else "")


def _spread(middle: float, width: float, count: int) -> list[float]:
    """Return ``count`` places around ``middle``, so that dots of equal height do not hide."""
    if count < 2:
        return [middle] * count
    return [middle + width * (index / (count - 1) - 0.5) for index in range(count)]

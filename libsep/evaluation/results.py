"""Measures of many songs: rows, and their means and medians by model, target and genre."""

import dataclasses
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from libsep.evaluation.measures import MEASURES, Measures
from libsep.track import TARGETS

MEAN = "mean"
"""Name of the target that stands for the mean of all targets."""

Statistics = dict[str, float]
"""``mean``, ``median`` and ``n``: over how many songs."""

Summary = dict[str, dict[str, Statistics]]
"""Target (or ``mean``), then measure, then its statistics."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One model on one target of one song."""

    model: str
    song: str
    genre: str | None
    target: str
    measures: Measures

    def as_json(self) -> dict[str, Any]:
        """Return the row as a flat dictionary of plain values."""
        names = ("model", "song", "genre", "target")
        return {name: getattr(self, name) for name in names} | dataclasses.asdict(self.measures)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SongResult:
    """What one song gave, for all models; ``duration_s`` is in seconds."""

    song: str
    genre: str | None
    duration_s: float
    rows: tuple[Row, ...]
    warnings: tuple[str, ...] = ()


def summarise(rows: Iterable[Row]) -> dict[str, Summary]:
    """Return mean and median over songs for each model, target and measure.

    The target ``mean`` is the mean of the targets' means and medians; its ``n`` is the number of
    rows. Sources that are silent throughout count only for the leakage.
    """
    by_model: dict[str, list[Row]] = {}
    for row in rows:
        by_model.setdefault(row.model, []).append(row)
    return {model: _summarise_model(found) for model, found in by_model.items()}


def summarise_genres(rows: Sequence[Row]) -> dict[str, dict[str, Summary]]:
    """Return the summary of each genre, by name; songs without a genre are left out."""
    genres = sorted({row.genre for row in rows if row.genre is not None})
    return {genre: summarise(row for row in rows if row.genre == genre) for genre in genres}


def n_silent(rows: Sequence[Row]) -> dict[str, int]:
    """Return in how many songs each target is silent, and so is not scored."""
    silent = {(row.song, row.target) for row in rows if row.measures.is_silent}
    counts = {target: sum(name == target for _, name in silent) for target in TARGETS}
    return {target: count for target, count in counts.items() if count}


def song_means(rows: Iterable[Row], measure: str = "usdr_db") -> dict[str, dict[str, float]]:
    """Return the mean over targets of each song, by song and model."""
    values: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        value = getattr(row.measures, measure)
        if value is not None:
            values.setdefault(row.song, {}).setdefault(row.model, []).append(value)
    return {
        song: {model: statistics.fmean(found) for model, found in models.items()}
        for song, models in values.items()
    }


def _summarise_model(rows: list[Row]) -> Summary:
    summary: Summary = {}
    for target in TARGETS:
        of_target = [row.measures for row in rows if row.target == target]
        found = {name: _statistics(of_target, name) for name in MEASURES}
        if of_target:
            summary[target] = {name: values for name, values in found.items() if values}
    summary[MEAN] = _mean_of_targets(summary)
    return summary


def _statistics(measures: list[Measures], name: str) -> Statistics:
    values = [value for value in (getattr(m, name) for m in measures) if value is not None]
    if not values:
        return {}
    mean, median = statistics.fmean(values), statistics.median(values)
    return {"mean": round(mean, 4), "median": round(median, 4), "n": len(values)}


def _mean_of_targets(summary: Mapping[str, Mapping[str, Statistics]]) -> dict[str, Statistics]:
    means = {}
    for name in MEASURES:
        found = [target[name] for target in summary.values() if name in target]
        if found:
            means[name] = {
                key: round(statistics.fmean(values[key] for values in found), 4)
                for key in ("mean", "median")
            } | {"n": sum(values["n"] for values in found)}
    return means

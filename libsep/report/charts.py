"""Figures of the report as plain geometry, in the units of a drawing; the page draws them."""

import dataclasses
import itertools
import math
import time
from collections.abc import Callable, Sequence

from libsep.track import Outcome
from libsep.units import counted

Number = int | float

MAX_BARS = 120
"""Bars of the chart of speed over time, for all runs together."""

STEPS_S = (
    1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 43200.0,
    86400.0, 7 * 86400.0,
)  # fmt: skip
"""Lengths, in seconds, that one of those bars may stand for."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar: what it counts, how high it is (0 to 1), and what it says when pointed at."""

    value: Number
    height: float
    label: str
    is_first: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Bars beside each other. ``ticks`` are places from 0 to 1 with their texts."""

    title: str
    bars: tuple[Bar, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    note: str = ""


def speed_chart(rows: Sequence[Outcome]) -> Chart | None:
    """Return the speed over time: audio converted per second, runs beside each other without gaps.

    A track counts evenly from its start to its end. None if nothing was converted with a time.

    Parameters
    ----------
    rows
        Outcomes of all runs, in the order of writing.
    """
    runs: dict[str, list[Outcome]] = {}
    for row in rows:
        is_timed = 0 < row.started_at < row.ended_at
        if row.status == "done" and row.action == "convert" and is_timed:
            runs.setdefault(row.run, []).append(row)
    if not runs:
        return None
    spans = {run: _span(found) for run, found in runs.items()}
    total_s = sum(end_s - start_s for start_s, end_s in spans.values())
    step_s = next((step for step in STEPS_S if total_s / step <= MAX_BARS), STEPS_S[-1])
    speeds: list[tuple[float, str, bool]] = []
    for run, found in runs.items():
        start_s, _ = spans[run]
        in_run = _speeds(found, spans[run], step_s)
        for index, speed in enumerate(in_run):
            label = f"{_clock(start_s + index * step_s)}: {speed:.1f} × real time"
            speeds.append((speed, label, index == 0))
    top, y_ticks = _scale([speed for speed, _, _ in speeds])
    starts = {i for i, (_, _, is_first) in enumerate(speeds) if is_first}
    times = [spans[run][0] for run in runs]
    ticks = [
        (i / len(speeds), _clock(start_s)) for i, start_s in zip(sorted(starts), times, strict=True)
    ]
    return Chart(
        title="Speed over time",
        bars=tuple(
            Bar(value=speed, height=speed / top, label=label, is_first=is_first)
            for speed, label, is_first in speeds
        ),
        x_ticks=tuple(_spread(ticks)),
        y_ticks=tuple((place, f"{text} ×") for place, text in y_ticks),
        note=f"one bar: {_duration(step_s)} of work",
    )


def histogram(
    title: str, values: Sequence[Number], edges: Sequence[Number], write: Callable[[Number], str]
) -> Chart | None:
    """Return how many values lie between each two edges; what is beyond counts with the outermost.

    Parameters
    ----------
    title
        What the values are.
    values
        The values; without any, there is no chart.
    edges
        Rising; the first and the last are the ends of the axis.
    write
        Makes a text of an edge.
    """
    if not values:
        return None
    counts = [0] * (len(edges) - 1)
    for value in values:
        index = next((i for i, edge in enumerate(edges[1:]) if value < edge), len(counts) - 1)
        counts[index] += 1
    top, y_ticks = _scale(counts, least_step=1)
    labels = [f"{write(low)} to {write(high)}" for low, high in itertools.pairwise(edges)]
    every = max(1, len(counts) // 4)
    return Chart(
        title=title,
        bars=tuple(
            Bar(value=count, height=count / top, label=f"{label}: {counted(count, 'track')}")
            for count, label in zip(counts, labels, strict=True)
        ),
        x_ticks=tuple((i / len(counts), write(edges[i])) for i in range(0, len(edges), every)),
        y_ticks=tuple(y_ticks),
    )


def _span(rows: Sequence[Outcome]) -> tuple[float, float]:
    return min(row.started_at for row in rows), max(row.ended_at for row in rows)


def _speeds(rows: Sequence[Outcome], span: tuple[float, float], step_s: float) -> list[float]:
    """Return seconds of audio per second in each step of a run; the last step may be short."""
    start_s, end_s = span
    audio_s = [0.0] * max(1, math.ceil((end_s - start_s) / step_s))
    for row in rows:
        rate = row.duration_s / (row.ended_at - row.started_at)
        first = int((row.started_at - start_s) // step_s)
        last = min(int((row.ended_at - start_s) // step_s), len(audio_s) - 1)
        for index in range(first, last + 1):
            begin = max(row.started_at, start_s + index * step_s)
            end = min(row.ended_at, start_s + (index + 1) * step_s)
            audio_s[index] += rate * max(end - begin, 0.0)
    lengths_s = [min(step_s, end_s - start_s - i * step_s) for i in range(len(audio_s))]
    return [audio / length for audio, length in zip(audio_s, lengths_s, strict=True)]


def rising_edges(values: Sequence[Number], n_bars: int) -> list[float]:
    """Return round edges from zero to the highest value, for a histogram of ``n_bars`` bars."""
    top, _ = _scale(values)
    return [top * index / n_bars for index in range(n_bars + 1)]


def _scale(
    values: Sequence[Number], *, least_step: Number = 0
) -> tuple[float, list[tuple[float, str]]]:
    """Return the top of an axis from zero, and its ticks at round numbers."""
    highest = float(max(values, default=0)) or 1.0
    magnitude = 10 ** math.floor(math.log10(highest))
    factors = (0.25, 0.5, 1, 2, 2.5)
    step = next(magnitude * factor for factor in factors if magnitude * factor * 4 >= highest)
    step = max(step, least_step)
    n_steps = math.ceil(highest / step)
    top = float(n_steps * step)
    return top, [(i * step / top, f"{i * step:,.6g}") for i in range(n_steps + 1)]


def _spread(ticks: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """Return those of the ticks that have room beside each other."""
    kept: list[tuple[float, str]] = []
    for place, text in ticks:
        if place < 0.9 and (not kept or place - kept[-1][0] > 0.14):
            kept.append((place, text))
    return kept


def _clock(seconds: float) -> str:
    return time.strftime("%d %b %H:%M", time.localtime(seconds))


def _duration(step_s: float) -> str:
    for unit_s, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if step_s >= unit_s:
            count = step_s / unit_s
            return f"{count:g} {name}" + ("s" if count != 1 else "")
    return f"{step_s:g} second" + ("s" if step_s != 1 else "")

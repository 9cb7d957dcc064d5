"""The report: one HTML file that needs nothing else, from the ledger of an output folder."""

import base64
import dataclasses
import functools
import hashlib
import time
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from libsep import __version__
from libsep.errors import ConfigError, StemsError
from libsep.ledger import Ledger
from libsep.library.last_run import RUNS, Told, last_told
from libsep.media.atomic import refuse_to_replace, write_text
from libsep.report.charts import Chart, histogram, rising_edges, speed_chart
from libsep.report.estimate import measured_speed
from libsep.report.failures import failure_groups, run_command
from libsep.report.remarks import remark_kinds
from libsep.report.rows import as_script, numbers, packed
from libsep.report.signals import SIGNALS, genre_confidence, shares, signals_of
from libsep.report.status import Status, read_status
from libsep.report.summary import STAGES, Summary
from libsep.track import TARGETS, Outcome
from libsep.units import counted, format_bytes, format_duration


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One of the figures at the top of the page."""

    name: str
    value: str
    note: str = ""
    is_bad: bool = False


def write_report(
    ledger: Ledger,
    path: Path,
    *,
    place: str,
    library: str = "",
    in_work: str | None = None,
    runs: Path | None = None,
) -> Status:
    """Write the report on an output folder, whole or not at all, and return what it says.

    Parameters
    ----------
    ledger
        The ledger of the output.
    path
        HTML file to write; an older one is replaced.
    place, library
        The output, and the library it was made from, as paths that `libsep.track.path_to_text`
        wrote, or URIs; an empty library is not known.
    in_work
        As for `libsep.report.status.read_status`.
    runs
        The folders of the runs, which say what they were told; by default beside the ledger.

    Raises
    ------
    LedgerError
        The ledger is damaged.
    ConfigError
        The file cannot be written, or is there and no page.
    """
    refuse_to_replace(path, b"<!doctype html>")
    status = read_status(ledger, in_work)
    history = list(ledger.rows())
    told = last_told(runs or ledger.folder / RUNS, [row.run for row in history])
    text = render(status, history, told, place=place, library=library)
    try:
        write_text(path, text)
    except StemsError as exc:
        raise ConfigError(f"{path}: the report {exc.message}") from exc
    return status


def render(
    status: Status, history: Sequence[Outcome], told: Told, *, place: str, library: str = ""
) -> str:
    """Return the page.

    Parameters
    ----------
    status
        What the output holds.
    history
        Outcomes of all runs, in the order of writing.
    told
        What the last run was told.
    place, library
        As for `write_report`.
    """
    converted = [row for row in status.standing if row.status != "failed"]
    remarks = remark_kinds(status.standing)
    script, style = _asset("report.js"), _asset("report.css")
    page = _environment().get_template("report.html.j2")
    return page.render(
        version=__version__,
        made=time.strftime("%A %d %B %Y, %H:%M"),
        place=place,
        in_work=status.in_work,
        tiles=_tiles(status.summary, measured_speed(history), len(remarks)),
        remarks=remarks,
        speed=speed_chart(history),
        genres=_genres(status.summary),
        stages=_stages(status.summary),
        balance=_balance(converted),
        targets=TARGETS,
        n_failed=status.summary.n_failed,
        failures=failure_groups(status.summary.failures),
        retry=run_command(library, place, told, "--retry-failed"),
        is_told=told.config_path is not None,
        crashed=sorted(status.crashed),
        left_out=status.left_out or (),
        histograms=_histograms(converted),
        signals=_signals(converted),
        # The page's own style, script and JSON; all else is escaped by the template.
        data=Markup(as_script(packed(status.standing))),
        script=Markup(script),
        style=Markup(style),
        script_hash=_csp_hash(script),
        style_hash=_csp_hash(style),
    )


def _tiles(summary: Summary, speed: float | None, n_remarks: int) -> list[Tile]:
    n_tracks = summary.n_converted + summary.n_failed
    done = summary.n_converted / n_tracks if n_tracks else 0.0
    return [
        Tile(
            name="Converted",
            value=f"{summary.n_converted:,}",
            note=f"of {counted(n_tracks, 'track')}",
        ),
        Tile(name="Audio", value=_hours(summary.audio_s), note="converted"),
        Tile(
            name="Failed",
            value=f"{summary.n_failed:,}",
            note=f"{done:.1%} are done" if n_tracks else "",
            is_bad=summary.n_failed > 0,
        ),
        Tile(
            name="Stem files",
            value=format_bytes(summary.output_bytes),
            note=f"{summary.output_bytes * 60 / summary.audio_s / 1e6:.1f} MB a minute"
            if summary.audio_s
            else "",
        ),
        Tile(
            name="Speed",
            value=f"{speed:.1f} ×" if speed else "–",
            note="real time, last run" if speed else "nothing converted yet",
        ),
        Tile(
            name="Below 20 kHz",
            value=f"{summary.n_cut_off:,}",
            note=f"end there, {summary.n_restored:,} restored",
        ),
        Tile(
            name="With remarks",
            value=f"{summary.n_with_warnings:,}",
            note=f"{counted(n_remarks, 'kind')}, see below" if n_remarks else "tags, odd sources",
        ),
    ]


def _genres(summary: Summary) -> list[dict[str, Any]]:
    return [
        {
            "genre": genre,
            "model": model,
            "n_tracks": total.n_converted,
            "audio": _hours(total.audio_s),
            "share": total.audio_s / summary.audio_s if summary.audio_s else 0.0,
            "speed": f"{total.times_real_time:.1f} ×" if total.wall_s else "–",
        }
        for (genre, model), total in summary.by_hours()
    ]


def _stages(summary: Summary) -> list[tuple[str, float]]:
    total_s = sum(summary.stage_s.values())
    return [(stage, summary.stage_s[stage] / total_s) for stage in STAGES] if total_s else []


def _balance(converted: Sequence[Outcome]) -> list[tuple[str, list[tuple[str, float]]]]:
    """Return the mean share of each stem by genre, the most tracks first."""
    found: dict[str, list[dict[str, float]]] = {}
    for row in converted:
        if parts := shares(row.loudness_lufs):
            found.setdefault(row.genre, []).append(parts)
    return [
        (genre, [(name, sum(part[name] for part in parts) / len(parts)) for name in TARGETS])
        for genre, parts in sorted(found.items(), key=lambda item: -len(item[1]))
    ]


def _histograms(converted: Sequence[Outcome]) -> list[Chart]:
    speeds = [row.duration_s / row.wall_s for row in converted if row.wall_s]
    charts = [
        histogram(
            "Null depth: mixture minus stems (dB)",
            numbers([row.null_db for row in converted]),
            range(-200, -79, 10),
            lambda edge: f"{edge:.0f}",
        ),
        histogram(
            "Loudness of the mixture (LUFS)",
            numbers([row.loudness_lufs.get("mixture") for row in converted]),
            range(-30, 1, 2),
            lambda edge: f"{edge:.0f}",
        ),
        histogram(
            "Peak of all streams (dB)",
            numbers([row.peak_db for row in converted]),
            [step / 2 for step in range(-16, 9)],
            lambda edge: f"{edge:g}",
        ),
        histogram(
            "Cut-off of the source (kHz), where there is one",
            numbers([row.cutoff_hz for row in converted]),
            range(3000, 22_001, 1000),
            lambda edge: f"{edge / 1000:.0f}",
        ),
        histogram(
            "Certainty of heard genres",
            numbers([genre_confidence(row) for row in converted]),
            [step / 20 for step in range(4, 21)],
            lambda edge: f"{edge:.0%}",
        ),
        histogram(
            "Speed of a track (× real time)",
            speeds,
            rising_edges(speeds, 16),
            lambda edge: f"{edge:g}",
        ),
    ]
    return [chart for chart in charts if chart is not None]


def _signals(converted: Sequence[Outcome]) -> list[dict[str, Any]]:
    counts = dict.fromkeys(SIGNALS, 0)
    for row in converted:
        for name in signals_of(row):
            counts[name] += 1
    return [
        {"name": name, "meaning": meaning, "count": counts[name]}
        for name, (meaning, _) in SIGNALS.items()
    ]


def _hours(duration_s: float) -> str:
    return f"{duration_s / 3600:,.1f} h" if duration_s >= 36_000 else format_duration(duration_s)


@functools.cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("libsep.report", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _asset(name: str) -> str:
    return resources.files("libsep.report").joinpath("assets", name).read_text(encoding="utf-8")


def _csp_hash(text: str) -> str:
    """Return the hash by which a browser knows that a script or style is ours."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

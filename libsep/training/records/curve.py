"""The curve of a training: its records, read back, as a table, and how they are called."""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path

from libsep.media.atomic import write_text

CURVE = "curve.jsonl"
TABLE = "curve.csv"

UNPLOTTED = ("time", "eta_min", "times_real_time")
"""What tells of the machine and the clock, not of the training."""

Row = dict[str, float]
"""Numbers of one step; ``step`` is always there, parts of a measure are ``sdr_db/drums``."""


def flattened(values: Mapping[str, object], prefix: str = "") -> dict[str, float]:
    """Return the numbers in nested values; names of levels are joined by a slash."""
    numbers: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            numbers |= flattened(value, f"{prefix}{name}/")
        elif isinstance(value, int | float):
            numbers[f"{prefix}{name}"] = float(value)
    return numbers


def read_curve(path: Path) -> list[Row]:
    """Return a row for each step that was recorded, in order, without the scores of single songs.

    A run that was killed repeats the steps since its last checkpoint: the later record counts. A
    line that was torn by a crash is left out. Hours of audio are in every row from the first on
    that has them, since validations do not record them. A missing file has no rows.
    """
    rows: dict[int, Row] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        values = {name: v for name, v in record.items() if not name.endswith("_by_song")}
        rows.setdefault(int(record["step"]), {}).update(flattened(values))
    ordered = [rows[step] for step in sorted(rows)]
    audio_h = 0.0
    for row in ordered:
        audio_h = row.setdefault("audio_h", audio_h)
    return ordered


def write_table(rows: list[Row], path: Path) -> None:
    """Write rows as CSV, one column for each name; what a step did not record is empty."""
    names = dict.fromkeys(name for row in rows for name in row if name not in UNPLOTTED)
    columns = ["step", "audio_h", *(name for name in names if name not in ("step", "audio_h"))]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: f"{value:.6g}" for name, value in row.items()} for row in rows)
    write_text(path, text.getvalue())

"""What an evaluation of a super-resolution model found, as means, JSON, CSV and pictures."""

import csv
import dataclasses
import io
import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from libsep.evaluation.report import write_text
from libsep.evaluation.restoration import RestorationRow

Means = dict[str, dict[str, dict[str, float]]]
"""Case, then method, then mean of each measure over recordings; of the SI-SDR the smallest."""


def means_of(rows: Sequence[RestorationRow]) -> Means:
    """Return the means of all rows by case and method, in the order of the rows."""
    groups: dict[str, dict[str, list[RestorationRow]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        groups[row.case][row.method].append(row)
    return {
        case: {
            method: {
                "lsd_high": float(np.mean([row.lsd_high for row in found])),
                "lsd": float(np.mean([row.lsd for row in found])),
                "low_si_sdr_db": min(row.low_si_sdr_db for row in found),
                "n_recordings": len(found),
            }
            for method, found in methods.items()
        }
        for case, methods in groups.items()
    }


def as_json_text(name: str, sha256: str, rows: Sequence[RestorationRow]) -> str:
    """Return model, means and all rows as JSON; an infinite SI-SDR is null."""
    values = {
        "model": name,
        "sha256": sha256,
        "means": means_of(rows),
        "rows": [dataclasses.asdict(row) for row in rows],
    }
    return json.dumps(_finite(values), indent=2) + "\n"


def write_files(folder: Path, json_text: str, rows: Sequence[RestorationRow]) -> None:
    """Write ``results.json`` and ``results.csv`` into a folder.

    Raises
    ------
    ConfigError
        The folder cannot be written to.
    """
    write_text(folder / "results.json", json_text)
    text = io.StringIO()
    columns = [field.name for field in dataclasses.fields(RestorationRow)]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(dataclasses.asdict(row) for row in rows)
    write_text(folder / "results.csv", text.getvalue())


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value

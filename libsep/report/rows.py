"""The tracks of the report as compact rows, which the page draws while one scrolls."""

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

from libsep.report.signals import (
    SIGNALS,
    clipped_share,
    genre_confidence,
    shares,
    signals_of,
    silent_stems,
)
from libsep.track import TARGETS, Outcome

SILENCE_DB = -1000.0
"""Stands for a level of minus infinity, which JSON has no number for."""

MAX_MESSAGE = 4000
"""Letters of a message that are shown, the last ones of a traceback; the ledger has all."""

COLUMNS = (
    "source", "output", "is_failed", "genre", "model", "audio_s", "wall_s", "null_db", "peak_db",
    "clipped", "lufs", *TARGETS, "cutoff_hz", "restored_hz", "sure", "signals", "ended_at",
    "reason", "stage", "kind", "error", "message", "warnings", "silent", "node", "run",
    "moved_from",
)  # fmt: skip
"""What stands where in a row: numbers, or for a text its place in the list of texts."""


class _Texts:
    """Each text once, by its place."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}

    def place(self, text: str) -> int:
        return self._places.setdefault(text, len(self._places))

    def all(self) -> list[str]:
        return list(self._places)


def packed(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """Return the tracks as plain values: ``columns``, ``texts``, ``signals`` and ``rows``.

    Parameters
    ----------
    outcomes
        One for each track: the one that it counts with.
    """
    texts = _Texts()
    texts.place("")
    rows = [_row(outcome, texts) for outcome in outcomes]
    return {
        "columns": COLUMNS,
        "targets": TARGETS,
        "texts": texts.all(),
        "signals": {name: meaning for name, (meaning, _) in SIGNALS.items()},
        "rows": rows,
    }


def as_script(values: Any) -> str:
    """Return values as JSON that may stand inside a ``script`` element, whatever they contain.

    Nothing in it can end the element or begin a comment of HTML, and all letters beyond ASCII are
    escaped, also halves of surrogate pairs.
    """
    text = json.dumps(values, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _row(outcome: Outcome, texts: _Texts) -> list[Any]:
    loudness = outcome.loudness_lufs
    parts = shares(loudness) or {}
    given = signals_of(outcome)
    clipped = clipped_share(outcome)
    return [
        outcome.source,
        outcome.output,
        int(outcome.status == "failed"),
        texts.place(outcome.genre),
        texts.place(outcome.model),
        _rounded(outcome.duration_s, 1),
        _rounded(outcome.wall_s, 1),
        _rounded(outcome.null_db, 1),
        _rounded(outcome.peak_db, 1),
        None if clipped is None else round(clipped * 1e6),
        _rounded(loudness.get("mixture"), 1),
        *(_rounded(parts.get(target), 3) for target in TARGETS),
        _rounded(outcome.cutoff_hz, -1),
        _rounded(outcome.restored_from_hz, -1),
        _rounded(genre_confidence(outcome), 2),
        sum(1 << index for index, name in enumerate(SIGNALS) if name in given),
        round(outcome.ended_at),
        texts.place(outcome.genre_reason),
        texts.place(outcome.stage),
        texts.place(outcome.kind),
        texts.place(outcome.error),
        texts.place(outcome.message[-MAX_MESSAGE:]),
        [texts.place(warning) for warning in outcome.warnings],
        texts.place(", ".join(silent_stems(loudness))),
        texts.place(outcome.node),
        texts.place(outcome.run),
        texts.place(outcome.moved_from),
    ]


def _rounded(value: float | None, digits: int) -> float | None:
    if value is None or math.isnan(value):
        return None
    if math.isinf(value):
        return SILENCE_DB if value < 0 else None
    return round(value, digits)


def numbers(values: Sequence[float | None]) -> list[float]:
    """Return the values that are finite numbers."""
    return [value for value in values if value is not None and math.isfinite(value)]

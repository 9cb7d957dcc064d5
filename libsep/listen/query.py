"""What a request asks for, read from its address and checked."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from libsep.media.sheet import Sheet

MAX_GAIN = 4.0
"""Largest factor of a stream: 12 dB."""

Query = Mapping[str, Sequence[str]]


class RequestError(Exception):
    """A request that is not served.

    Parameters
    ----------
    status
        Status code of HTTP.
    message
        What was found, what was expected.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclasses.dataclass(frozen=True, slots=True)
class Stretch:
    """Part of a track, in samples."""

    start_samples: int
    n_samples: int


def read_stretch(query: Query, sheet: Sheet, *, longest: int) -> Stretch:
    """Return the part of a track that ``start`` and ``count`` name; by default all of it.

    What reaches beyond the end of the track ends there.

    Raises
    ------
    RequestError
        They are no whole numbers, lie outside the track, or name more than ``longest`` samples.
    """
    start = _whole(query, "start", 0)
    if not 0 <= start < sheet.n_samples:
        raise RequestError(400, f"start is {start}, expected 0 to {sheet.n_samples - 1}")
    left = sheet.n_samples - start
    count = min(_whole(query, "count", left), left)
    if not 1 <= count <= longest:
        raise RequestError(400, f"count is {count}, expected 1 to {longest}")
    return Stretch(start, count)


def read_gains(query: Query, sheet: Sheet) -> tuple[float, ...]:
    """Return the factor of each stream from ``gains``, which lists them with commas.

    Raises
    ------
    RequestError
        There is not one for each stream, or one is no number from 0 to `MAX_GAIN`.
    """
    texts = query.get("gains", [""])[0].split(",")
    try:
        gains = tuple(float(text) for text in texts)
    except ValueError as exc:
        raise RequestError(400, "gains are no numbers with commas between them") from exc
    if len(gains) != sheet.n_streams:
        raise RequestError(400, f"{len(gains)} gains, expected {sheet.n_streams}")
    if not all(math.isfinite(gain) and 0 <= gain <= MAX_GAIN for gain in gains):
        raise RequestError(400, f"a gain is not between 0 and {MAX_GAIN:g}")
    return gains


def _whole(query: Query, name: str, default: int) -> int:
    text = query.get(name, [str(default)])[0]
    try:
        return int(text)
    except ValueError as exc:
        raise RequestError(400, f"{name} is {text[:20]!r}, expected a whole number") from exc

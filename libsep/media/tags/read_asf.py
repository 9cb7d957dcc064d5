"""Attributes of ASF (WMA)."""

import struct
from collections.abc import Iterable
from typing import Any

from libsep.media.tags.collect import Collector
from libsep.media.tags.record import Picture

_SHARED_RATINGS = (1, 25, 50, 75, 99)
"""What Windows writes for one to five stars."""

_VARIOUS_ERRORS = (ValueError, TypeError, AttributeError, LookupError, struct.error)


def read_asf(attributes: Iterable[tuple[str, Any]], collector: Collector) -> None:
    """Hand the attributes of an ASF file to ``collector``; one that cannot be read is reported."""
    for key, attribute in attributes:
        try:
            _read_attribute(key, getattr(attribute, "value", attribute), collector)
        except _VARIOUS_ERRORS as exc:
            collector.problems.append(f"{key} could not be read: {exc}")


def _read_attribute(key: str, value: Any, collector: Collector) -> None:
    if key == "WM/Picture":
        collector.add_picture(_asf_picture(value))
    elif key == "WM/SharedUserRating":
        if int(value):
            stars = sum(int(value) >= limit for limit in _SHARED_RATINGS)
            collector.add_rating(20 * max(stars, 1))
    elif not isinstance(value, bytes):
        collector.add("asf", key, [str(int(value) if isinstance(value, bool) else value)])
    elif not collector.drops(key):
        collector.problems.append(f"{key} of {len(value)} bytes has no place in MP4: dropped")


def _asf_picture(data: bytes) -> Picture:
    """Return a picture: kind, length, MIME type and description in UTF-16, bytes."""
    kind, length = struct.unpack_from("<BI", data)
    mime, description, start = "", "", 5
    for name in ("mime", "description"):
        end = start
        while data[end : end + 2] != b"\0\0":
            if end >= len(data):
                raise ValueError("the picture's texts do not end")
            end += 2
        text = data[start:end].decode("utf-16-le")
        mime, description = (text, "") if name == "mime" else (mime, text)
        start = end + 2
    return Picture(data=data[start : start + length], mime=mime, kind=kind, description=description)

"""Atoms of MP4 (M4A, stem files) and attributes of ASF (WMA)."""

import struct
from collections.abc import Iterable
from typing import Any

from libsep.media.tags.collect import Collector
from libsep.media.tags.mapping import FREEFORM
from libsep.media.tags.record import Picture
from libsep.media.tags.serato import MEAN as SERATO
from libsep.media.tags.values import text_to_rating

OWN_MEAN = "----:org.libsep:"
"""Begin of the keys of our own free-form atoms, which are no tags."""

_SHARED_RATINGS = (1, 25, 50, 75, 99)
"""What Windows writes for one to five stars."""

_VARIOUS_ERRORS = (ValueError, TypeError, AttributeError, LookupError, struct.error)


def read_mp4(atoms: Any, collector: Collector) -> None:
    """Hand the atoms of an MP4 file to ``collector``; one that cannot be read is reported."""
    for key, value in atoms.items():
        try:
            _read_atom(key, value, collector)
        except _VARIOUS_ERRORS as exc:
            collector.problems.append(f"{key} could not be read: {exc}")


def _read_atom(key: str, value: Any, collector: Collector) -> None:
    if key.startswith(OWN_MEAN):
        return
    if key == "covr":
        for data in value:
            collector.add_picture(Picture(data=bytes(data)))
    elif key in ("trkn", "disk"):
        number, total = value[0]
        collector.add("mp4", key, [str(number)] if number else [])
        collector.add("mp4", f"{key}/total", [str(total)] if total else [])
    elif key == "rate":
        collector.ratings += [rating for text in value if (rating := text_to_rating(text))]
    elif key.startswith(f"{SERATO}:"):
        collector.serato[key.rpartition(":")[2]] = bytes(value[0])
    elif key.startswith("----:"):
        collector.add("mp4", _freeform_name(key), [bytes(data).decode("utf-8") for data in value])
    else:
        values = value if isinstance(value, list) else [value]
        collector.add("mp4", key, [_to_text(item) for item in values])


def _freeform_name(key: str) -> str:
    """Return the name of a free-form atom, of which mutagen makes a letter of each byte."""
    try:
        return key.encode("latin-1").decode("utf-8")
    except UnicodeError:  # it was Latin-1
        return key


def _to_text(value: Any) -> str:
    return ("1" if value else "") if isinstance(value, bool) else str(value)


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
            collector.ratings.append(20 * max(stars, 1))
    elif not isinstance(value, bytes):
        collector.add("asf", key, [_to_text(value)])


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


def is_ours(key: str) -> bool:
    """Return whether an atom of a stem file is ours to replace: all but other programs' own."""
    return not key.startswith("----:") or key.startswith((FREEFORM, OWN_MEAN))

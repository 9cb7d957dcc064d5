"""Values of MP4 atoms: text in any encoding, numbers of any width, from their type and bytes."""

import codecs
import re
import struct
from collections.abc import Iterator

from libsep.media.tags.record import RawValue

SIGNED = 21
"""Type of an integer with sign, as iTunes writes all its numbers."""

_UTF_8, _UTF_16, _SHIFT_JIS = (1, 4), (2, 5), 3
_UNSIGNED = (22, 75, 76, 77, 78)
_INTEGERS = (SIGNED, *_UNSIGNED, 65, 66, 67, 74)
_FLOATS = {(23, 4): ">f", (24, 8): ">d"}
_CONTROL = re.compile(rb"[\x01-\x08\x0e-\x1f]")
_MAC_LANGUAGES = 0x400
"""Languages below are those of the old Macintosh, with its encodings; the others are Unicode."""


def to_text(value: RawValue, *, is_trusted: bool = True) -> str | None:
    """Return the text that a value is; None if it is something else.

    A value of no type is text if it can be read as such. What claims to be UTF-8 and is not is
    taken for the Windows code page of the West; without ``is_trusted`` it is no text if it has
    control characters, as data has to which a program gave no type of its own.
    """
    data = value.data
    if value.kind in _UTF_16:
        return decode_utf16(data)
    if value.kind == _SHIFT_JIS:
        return data.decode("shift_jis", "replace")
    if value.kind in _UTF_8:
        if not is_trusted and _CONTROL.search(data):
            return None
        return _utf8_or_else(data, "cp1252")
    if value.kind != 0:
        return None
    if data.startswith((codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)):
        return decode_utf16(data)
    try:
        text = data.rstrip(b"\0").decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if all(char.isprintable() or char.isspace() for char in text) else None


def to_number(value: RawValue, *, is_untyped: bool = False) -> int | float | None:
    """Return the number that a value is; None if it is something else.

    Parameters
    ----------
    value
        The bytes and their type.
    is_untyped
        Whether bytes without a type are an integer, as in the atoms that iTunes has for numbers.
    """
    n_bytes = len(value.data)
    if (layout := _FLOATS.get((value.kind, n_bytes))) is not None:
        (number,) = struct.unpack(layout, value.data)
        return float(number)
    if (value.kind in _INTEGERS or (is_untyped and value.kind == 0)) and 0 < n_bytes <= 8:
        return int.from_bytes(value.data, signed=value.kind not in _UNSIGNED)
    return None


def from_integer(number: int) -> RawValue:
    """Return an integer in the fewest bytes of one, two, four and eight that hold it.

    Raises
    ------
    OverflowError
        It needs more.
    """
    n_bytes = next((n for n in (1, 2, 4) if -(1 << 8 * n - 1) <= number < 1 << 8 * n - 1), 8)
    return RawValue(number.to_bytes(n_bytes, "big", signed=True), SIGNED)


def decode_utf16(data: bytes) -> str:
    """Return text in UTF-16: as its first two bytes say, else with the high byte first."""
    even = data[: len(data) // 2 * 2]
    has_mark = even.startswith((codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE))
    return even.decode("utf-16" if has_mark else "utf-16-be", "replace")


def decode_3gpp(kind: bytes, body: bytes) -> str:
    """Return the text of an atom of 3GPP TS 26.244: four bytes of version, two of language."""
    if kind == b"yrrc":
        return str(int.from_bytes(body[4:6])) if len(body) >= 6 else ""
    if kind == b"kywd":
        return ", ".join(_keywords(body[6:]))
    return _until_nul(body[6:])


def _keywords(body: bytes) -> Iterator[str]:
    position = 1
    for _ in range(body[0] if body else 0):
        size = body[position] if position < len(body) else 0
        yield _until_nul(body[position + 1 : position + 1 + size])
        position += 1 + size


def _until_nul(data: bytes) -> str:
    """Return a text up to its end: UTF-16 if a mark says so, else UTF-8."""
    if data.startswith((codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)):
        return decode_utf16(data).split("\0")[0]
    return _utf8_or_else(data.split(b"\0")[0], "cp1252")


def decode_quicktime(body: bytes) -> Iterator[str]:
    """Yield the texts of an atom of QuickTime's user data: each a length, a language, a text."""
    position = 0
    while position + 4 <= len(body):
        size, language = struct.unpack_from(">HH", body, position)
        data = body[position + 4 : position + 4 + size]
        if language >= _MAC_LANGUAGES:
            yield _until_nul(data)
        else:  # Many programs write UTF-8 all the same.
            yield _utf8_or_else(data.split(b"\0")[0], "mac_roman")
        position += 4 + size


def _utf8_or_else(data: bytes, other: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode(other, "replace")

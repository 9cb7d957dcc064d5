"""XML of DJ programs, read as it comes, and what its attributes hold."""

import datetime
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml.common import DefusedXmlException

from libsep.errors import ConfigError

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_LARGEST = 1e12


def elements(path: Path, program: str) -> Iterator[tuple[str, Element]]:
    """Yield ``start`` and ``end`` of each element of an XML file, as it is read.

    Nothing outside the file is opened, and documents that declare entities are refused.

    Parameters
    ----------
    path
        The file.
    program
        What should have written it, for messages.

    Raises
    ------
    ConfigError
        It cannot be read, or is no such XML.
    """
    try:
        events = defusedxml.ElementTree.iterparse(
            str(path), events=("start", "end"), forbid_dtd=True
        )
        for event, element in events:
            yield str(event), element
    except (ParseError, DefusedXmlException, ValueError, LookupError) as exc:
        raise ConfigError(f"{path}: cannot be read as XML of {program}: {exc}") from exc
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read: {exc.strerror}") from exc


def number(text: str | None) -> float | None:
    """Return the number that an attribute holds; None where it holds none."""
    try:
        value = float((text or "").replace(",", "."))
    except ValueError:
        return None
    return value if abs(value) < _LARGEST else None


def positive(text: str | None) -> float | None:
    """Return the number above zero that an attribute holds; None where it holds none."""
    return above_zero(number(text))


def above_zero(value: object) -> float | None:
    """Return a value as a number if it is one above zero that can be meant; else None."""
    return float(value) if isinstance(value, int | float) and 0 < value < _LARGEST else None


def count(text: str | None) -> int | None:
    """Return the count that an attribute holds; None where it holds none."""
    value = number(text)
    return int(value) if value is not None and value >= 0 else None


def date(text: str | None) -> datetime.date | None:
    """Return a date that is written as year, month and day; None for anything else."""
    match = re.fullmatch(r"\s*(\d{4})\D(\d{1,2})\D(\d{1,2})(?:\D.*)?", text or "")
    try:
        return datetime.date(*map(int, match.groups())) if match else None
    except ValueError:
        return None


def xml_text(text: str) -> str:
    """Return a text without the characters that XML cannot hold, such as control characters."""
    return _NOT_XML.sub("", text)


def is_listable(path: str) -> bool:
    """Return whether any list can hold a path: XML as it is, and M3U in one line."""
    return _NOT_XML.search(path) is None and "\n" not in path and "\r" not in path

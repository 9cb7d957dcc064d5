"""A DJ program's collection, whichever program wrote it."""

import dataclasses
import datetime
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml.common import DefusedXmlException

from libsep.errors import ConfigError
from libsep.media.tags.serato_cues import Cue, GridMarker

MAX_STARS = 5
"""Stars of a rating that is 100."""

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A track as a DJ program knows it.

    ``location`` is its path as that program writes it, with ``/`` between folders; on Windows it
    begins with the drive (``D:/Music/x.mp3``). ``rating`` runs from 0 to 100, None is not rated;
    ``key`` is free text. Cues and grid are in seconds from the first sample, as that program
    counts them. Empty text and None mean that the program does not know.
    """

    location: str
    title: str = ""
    artist: str = ""
    album: str = ""
    genre: str = ""
    comment: str = ""
    key: str = ""
    bpm: float | None = None
    rating: int | None = None
    added: datetime.date | None = None
    duration_s: float | None = None
    size_bytes: int | None = None
    cues: tuple[Cue, ...] = ()
    grid: tuple[GridMarker, ...] = ()

    @property
    def file_name(self) -> str:
        """The last part of its path."""
        return self.location.rpartition("/")[2]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """Tracks, and playlists of them by name: locations in their order, folders joined by ``/``.

    ``program`` is whose cues and grids they have, empty if it has none: ``traktor``, ``rekordbox``.
    """

    entries: tuple[Entry, ...]
    program: str = ""
    playlists: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)


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
    except (ParseError, DefusedXmlException, ValueError) as exc:
        raise ConfigError(f"{path}: cannot be read as XML of {program}: {exc}") from exc
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read: {exc.strerror}") from exc


def number(text: str | None) -> float | None:
    """Return the number that an attribute holds; None where it holds none."""
    try:
        value = float((text or "").replace(",", "."))
    except ValueError:
        return None
    return value if abs(value) < 1e12 else None


def positive(text: str | None) -> float | None:
    """Return the number above zero that an attribute holds; None where it holds none."""
    value = number(text)
    return value if value is not None and value > 0 else None


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


def is_xml_text(text: str) -> bool:
    """Return whether XML can hold the whole text: a path must not lose a character."""
    return _NOT_XML.search(text) is None

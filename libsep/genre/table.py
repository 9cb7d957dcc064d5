"""The genre of a label: all 192 of ID3, the usual words of many languages, then patterns."""

import dataclasses
import functools
import importlib.resources
import json
import re
import unicodedata
from collections.abc import Mapping

from libsep.genre.names import NOTHING

FILE = "genres.json"

MAX_LABEL_CHARS = 120
"""What is longer is no genre but a text; it is cut before it is looked up."""

_MARKS = re.compile("(?<=[ -\u024f])[\u0300-\u036f]+")
_TYPOGRAPHY = str.maketrans("‘’‚´`＇–—−‐‑_", "''''''-----" + " ")


@functools.lru_cache(maxsize=1 << 14)
def fold(label: str) -> str:
    """Return ``label`` without case, accents of Latin letters, and differences of typography.

    ``Música  Clásica`` gives ``musica clasica``; Cyrillic, Greek and Asian letters keep theirs.
    """
    text = unicodedata.normalize("NFKD", label[:MAX_LABEL_CHARS].casefold())
    text = unicodedata.normalize("NFC", _MARKS.sub("", text)).translate(_TYPOGRAPHY)
    return " ".join(text.casefold().split())


@functools.lru_cache(maxsize=1 << 14)
def key(label: str) -> str:
    """Return what is left of a label when only its letters, its digits and ``&`` count.

    ``Hip-Hop``, ``hip hop`` and ``HipHop`` are one label.
    """
    return "".join(char for char in fold(label) if char.isalnum() or char == "&")


@dataclasses.dataclass(frozen=True)
class Table:
    """Labels by `key`, and patterns in the order in which they are tried."""

    labels: Mapping[str, str]
    patterns: tuple[tuple[str, re.Pattern[str]], ...]

    def find_exact(self, label: str) -> str | None:
        """Return the genre of a label as a whole, `NOTHING` if it says nothing, None if unknown.

        Numbers that ID3 does not know, years and decades say nothing, nor does punctuation.
        """
        short = key(label)
        if not short.strip("&") or re.fullmatch(r"\d+('?s|er)?", short):
            return NOTHING
        return self.labels.get(short)

    def find(self, label: str) -> str | None:
        """Return the genre of a label, by the table or else by the first pattern found in it."""
        exact = self.find_exact(label)
        if exact is not None:
            return exact
        folded = fold(label)
        return next((genre for genre, pattern in self.patterns if pattern.search(folded)), None)


@functools.cache
def table() -> Table:
    """Return the table that comes with libsep."""
    content = json.loads(_text())
    labels = {key(label): genre for genre, names in content["labels"].items() for label in names}
    labels |= {key(name): genre for name, genre in content["id3"]}
    patterns = ((genre, re.compile("|".join(parts))) for genre, parts in content["patterns"])
    return Table(labels=labels, patterns=tuple(patterns))


def digest_source() -> bytes:
    """Return the bytes that the table is made of, for fingerprints."""
    return _text().encode()


def _text() -> str:
    return importlib.resources.files("libsep.genre").joinpath(FILE).read_text(encoding="utf-8")

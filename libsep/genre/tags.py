"""What the genre tags of a track say together, and in which words a person is told so."""

import dataclasses
import functools
import re
from collections import Counter
from collections.abc import Iterable

from libsep.genre.names import GENERIC, GENRES, NOTHING
from libsep.genre.table import MAX_LABEL_CHARS, table
from libsep.media.tags.values import parse_genres

MAX_LABELS = 64
"""Labels of one track that are looked at; no honest file has more."""

_SEPARATORS = re.compile(r"[/\\;,|\r\n、，；／]+")
_SHOWN_LABELS = 4
_SHOWN_CHARS = 40
_MAX_REMEMBERED = 1 << 12  # libraries hold few different genre tags, and a scan asks for each track


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What tags say: a genre, or None; and why, such as ``tag "Deep House"``."""

    genre: str | None
    reason: str


def labels_of(values: Iterable[str]) -> tuple[str, ...]:
    """Return the labels in genre tags: ``17`` and ``(17)`` by name, ``(4)Eurodisco`` as two.

    Values are split at NUL characters, as in a tag of ID3v2.4, white space is tidied, and what is
    too long or too much is cut.
    """
    return _labels(tuple(values))


@functools.lru_cache(maxsize=_MAX_REMEMBERED)
def _labels(values: tuple[str, ...]) -> tuple[str, ...]:
    parts = tuple(part for value in values for part in value[: 1 << 14].split("\0"))[:MAX_LABELS]
    names = (" ".join(name.split())[:MAX_LABEL_CHARS] for name in parse_genres(parts))
    return tuple(dict.fromkeys(name for name in names if name))[:MAX_LABELS]


def parts_of(label: str) -> tuple[str, ...]:
    """Return the parts of ``House/Techno; Dance``; a label without separators is its own part."""
    parts = (part.strip() for part in _SEPARATORS.split(label))
    return tuple(part for part in parts if part)


def judge(values: Iterable[str]) -> Verdict:
    """Return what the genre tags of a track say together.

    A label counts as a whole if the table has it (``R&B/Soul``), else each of its parts. Where
    parts disagree the genre that most of them name wins, and of equals the one named first.
    Labels that say nothing (``Other``) or that nobody knows are left out.
    """
    return _judged(labels_of(values))


@functools.lru_cache(maxsize=_MAX_REMEMBERED)
def _judged(labels: tuple[str, ...]) -> Verdict:
    votes = [genre for label in labels for genre in _votes(label)]
    if not labels:
        return Verdict(None, "no genre tag")
    name = f"{'tag' if len(labels) == 1 else 'tags'} {quoted(labels)}"
    found = Counter(genre for genre in votes if genre in GENRES)
    if not found:
        is_empty = all(genre in (NOTHING, GENERIC) for genre in votes)
        return Verdict(
            None,
            f"{name} {'say' if len(labels) > 1 else 'says'} nothing"
            if is_empty
            else f"{name}: no known genre",
        )
    genre, count = found.most_common(1)[0]  # of equals the first that was counted
    if len(found) == 1:
        return Verdict(genre, name)
    total = found.total()
    rule = "the first of equals" if list(found.values()).count(count) > 1 else f"{count} of {total}"
    return Verdict(genre, f"{name} ({rule})")


def quoted(labels: tuple[str, ...]) -> str:
    """Return labels as a reason shows them: in quotes, short, without control characters."""
    shown = [
        '"' + "".join(char if char.isprintable() else "?" for char in label[:_SHOWN_CHARS]) + '"'
        for label in labels[:_SHOWN_LABELS]
    ]
    return ", ".join(shown) + (", …" if len(labels) > _SHOWN_LABELS else "")


def _votes(label: str) -> list[str | None]:
    whole = table().find_exact(label)
    return [whole] if whole is not None else [table().find(part) for part in parts_of(label)]

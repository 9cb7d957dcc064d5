"""Remarks on tracks, by what they are about."""

import dataclasses
import re
from collections.abc import Iterable

from libsep.track import Outcome

MAX_EXAMPLES = 3

_OWN_TO_A_TRACK = re.compile(r'"[^"]*"|(?<![\w.])\d+(?:[.,]\d+)*(?!\w)')
"""What differs between remarks of one kind: quoted texts, and numbers that stand alone."""


@dataclasses.dataclass(slots=True)
class RemarkKind:
    """Remarks that say the same, numbers and quoted texts aside; ``examples`` are some tracks."""

    text: str
    count: int = 0
    examples: list[str] = dataclasses.field(default_factory=list)


def remark_kinds(outcomes: Iterable[Outcome]) -> list[RemarkKind]:
    """Return the kinds of remarks with the number of tracks of each, the most frequent first."""
    found: dict[str, RemarkKind] = {}
    for outcome in outcomes:
        texts = (" ".join(warning.split()) for warning in outcome.warnings)
        for text in dict.fromkeys(_OWN_TO_A_TRACK.sub("…", each) for each in texts):
            kind = found.setdefault(text, RemarkKind(text))
            kind.count += 1
            if len(kind.examples) < MAX_EXAMPLES:
                kind.examples.append(outcome.source)
    return sorted(found.values(), key=lambda kind: -kind.count)

"""Letters in pictures: fonts that have those of a text, and what stands for the letters of none.

Needs matplotlib, as the pictures do.
"""

import contextlib
import unicodedata
from collections.abc import Callable, Iterator, Sequence

from matplotlib import rc_context, rcParams
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font

UNKNOWN = "?"
"""What stands for a letter that no font has."""

ONLY_BOXES = "Last Resort"
"""Begins the name of the font that has a box for each letter there is."""


@contextlib.contextmanager
def lettering(text: str) -> Iterator[Callable[[str], str]]:
    """Draw with fonts that have the letters of ``text``, and yield what gives parts of it legibly.

    matplotlib's own font comes first, then those of this machine that have most of what it lacks.
    A letter that none has is shown in its simpler form (``Ａ`` as ``A``), or as ``?``. A dollar
    sign is one, and begins no formula.

    Figures must be made and saved inside the block.
    """
    families = [str(name) for name in rcParams["font.family"]]
    wanted = frozenset(text + unicodedata.normalize("NFKC", text)) - {"\n"}
    lacking = wanted - _found(wanted, families)
    others = {name: _found(lacking, [name]) for name in _installed()} if lacking else {}
    while others and (best := max(others, key=lambda name: len(others[name] & lacking))):
        if not others[best] & lacking:
            break
        families.append(best)
        lacking -= others[best]

    def legible(part: str) -> str:
        simpler = (unicodedata.normalize("NFKC", c) if c in lacking else c for c in part)
        return "".join(UNKNOWN if c in lacking else c for c in "".join(simpler))

    with rc_context({"font.family": families, "text.parse_math": False}):
        yield legible


def _installed() -> list[str]:
    """Return the names of all fonts that show letters, those without serifs first."""
    names = {entry.name for entry in fontManager.ttflist}
    letters = (name for name in names if not name.startswith(ONLY_BOXES))
    return sorted(letters, key=lambda name: ("Sans" not in name, name))


def _found(letters: frozenset[str], families: Sequence[str]) -> frozenset[str]:
    """Return those letters that the first of these families has that is installed."""
    known = get_font(findfont(FontProperties(family=list(families)))).get_charmap()
    return frozenset(letter for letter in letters if ord(letter) in known)

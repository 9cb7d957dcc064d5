"""What a scan left out of a library, counted by reason and kind: nothing is left out silently."""

import dataclasses
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from libsep.errors import LedgerError, StemsError, reason_of
from libsep.library.reasons import LeftOut, Reason
from libsep.media.atomic import write_text
from libsep.track import path_to_text

NOTE = "left_out.json"
"""File beside the ledger that says what the last run left out."""

MAX_EXAMPLES = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Omission:
    """How many files or folders were left out for a reason; the counts and examples by kind.

    A kind is an extension or the name of a folder; empty where there is none.
    """

    reason: Reason
    kinds: Counter[str] = dataclasses.field(default_factory=Counter)
    examples: list[str] = dataclasses.field(default_factory=list)

    @property
    def count(self) -> int:
        """How many there are of all kinds."""
        return self.kinds.total()

    def as_json(self) -> dict[str, Any]:
        """Return the omission as plain values."""
        return {
            "reason": self.reason.value,
            "count": self.count,
            "kinds": dict(self.kinds.most_common()),
            "examples": list(self.examples),
        }


class Omissions:
    """Counts what a scan leaves out; call it for each file or folder."""

    def __init__(self) -> None:
        self._found: dict[Reason, Omission] = {}

    def __call__(self, left_out: LeftOut) -> None:
        """Count one file or folder."""
        omission = self._found.setdefault(left_out.reason, Omission(left_out.reason))
        omission.kinds[path_to_text(left_out.what)] += 1  # it may come from a name of any bytes
        if len(omission.examples) < MAX_EXAMPLES:
            omission.examples.append(path_to_text(left_out.path))

    def all(self) -> tuple[Omission, ...]:
        """Return what was left out, by reason in the order of `Reason`."""
        return tuple(self._found[reason] for reason in Reason if reason in self._found)


def write_note(folder: Path, omissions: Sequence[Omission]) -> Path:
    """Keep what a run left out beside its ledger, for `read_note`; return the file.

    Raises
    ------
    LedgerError
        The file cannot be written.
    """
    path = folder / NOTE
    try:
        write_text(path, json.dumps([omission.as_json() for omission in omissions], indent=1))
    except StemsError as exc:
        raise LedgerError(f"{folder}: {exc}") from exc
    return path


def read_note(folder: Path) -> tuple[Omission, ...] | None:
    """Return what the last run left out; None if no run has noted it, or one of another version.

    Raises
    ------
    LedgerError
        The file cannot be read.
    """
    path = folder / NOTE
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
        if not {each["reason"] for each in noted} <= {reason.value for reason in Reason}:
            return None
        return tuple(
            Omission(Reason(each["reason"]), Counter(each["kinds"]), list(each["examples"]))
            for each in noted
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise LedgerError(
            f"{path}: is damaged; the next run writes it again ({reason_of(exc)})"
        ) from exc

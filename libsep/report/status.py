"""What an output folder's ledger says: the last outcome of each track."""

import dataclasses
from typing import Any

from libsep.ledger import Ledger, run_in_work
from libsep.library.omissions import Omission, read_note
from libsep.machine import rare_garbage_search
from libsep.report.summary import Summary
from libsep.track import Outcome


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """State of an output folder.

    ``standing`` is the outcome that each track counts with: its last conversion, or its failure.
    ``crashed`` counts how often a source was in work when a run died. ``last_run`` is the name of
    the run that wrote last, ``in_work`` that of the run that is in work now; empty: there is none.
    ``left_out`` is what the last run left out of the library, None if none has noted it.
    """

    summary: Summary
    standing: list[Outcome]
    crashed: dict[str, int]
    last_run: str
    in_work: str
    left_out: tuple[Omission, ...] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the state as plain values."""
        values = self.summary.as_json()
        noted = self.left_out
        left_out = None if noted is None else [omission.as_json() for omission in noted]
        return values | {
            "crashed": dict(self.crashed),
            "last_run": self.last_run,
            "in_work": self.in_work,
            "left_out": left_out,
        }


@rare_garbage_search()
def read_status(ledger: Ledger, in_work: str | None = None) -> Status:
    """Return the state of the output folder that ``ledger`` belongs to.

    A track whose last outcome is no failure counts with its last conversion, also if it was moved
    since; under its old name it does not count. Where the ledger knows
    none, because the run was killed before the row was written, it counts as converted all the
    same: its stem file was found. One that failed, and whose file was taken from the library since,
    counts with the conversion before that, or not at all.

    Parameters
    ----------
    ledger
        The ledger.
    in_work
        Name of the run that is in work; by default what the lock in the ledger's folder says.

    Raises
    ------
    LedgerError
        The ledger is damaged.
    """
    last: dict[str, Outcome] = {}
    conversions: dict[str, Outcome] = {}
    last_run = ""
    for outcome in ledger.rows():
        last_run = outcome.run
        last[outcome.source] = outcome
        if outcome.has_gone and outcome.source not in conversions:
            del last[outcome.source]
        if outcome.action == "move" and outcome.status == "done":
            last.pop(outcome.moved_from, None)
            if (conversion := conversions.pop(outcome.moved_from, None)) is not None:
                conversions[outcome.source] = _under_its_name(conversion, outcome)
        elif outcome.status == "done" and outcome.action == "convert":
            conversions[outcome.source] = outcome
    if in_work is None:
        in_work = run_in_work(ledger.folder)
    standing = [_standing(row, conversions.get(row.source)) for row in last.values()]
    return Status(
        summary=Summary.of(standing),
        standing=standing,
        crashed={} if in_work else ledger.crashed(),
        last_run=last_run,
        in_work=in_work,
        left_out=read_note(ledger.folder),
    )


def _under_its_name(conversion: Outcome, moved: Outcome) -> Outcome:
    """Return what a conversion measured as that of the track which it is since it was moved."""
    names = ("source", "output", "moved_from")
    return dataclasses.replace(conversion, **{name: getattr(moved, name) for name in names})


def _standing(last: Outcome, conversion: Outcome | None) -> Outcome:
    """Return the outcome that a track counts with: the conversion's, and the genre of today."""
    if last.status == "failed" and not last.has_gone:
        return last
    if conversion is None:
        return dataclasses.replace(last, status="done", action="convert")
    if (conversion.genre, conversion.genre_reason) == (last.genre, last.genre_reason):
        return conversion  # as of most tracks; to copy it takes longer than to read its row
    return dataclasses.replace(conversion, genre=last.genre, genre_reason=last.genre_reason)

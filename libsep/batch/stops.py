"""Why a run starts no further track: a signal, a full disk, too many failures of our own."""

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from libsep.batch.interrupts import Interrupts
from libsep.track import Outcome, path_to_text
from libsep.units import counted, format_bytes

MAX_BUGS = 20
"""Unexpected exceptions after which a run stops: then it is our fault, not the library's."""

MAX_FAULTS_IN_A_ROW = 20
"""Tracks in a row that fail for reasons outside their files, after which a run stops."""


class Stops:
    """Looks at all that ends a run early.

    Parameters
    ----------
    output_root
        Folder of the stem files, or of the ledger where these go to a store; its disk is watched.
    min_free_bytes
        Free space below which the run ends.
    interrupts
        Signals so far.
    """

    def __init__(self, output_root: Path, min_free_bytes: int, interrupts: Interrupts) -> None:
        self._output_root = output_root
        self._min_free_bytes = min_free_bytes
        self._interrupts = interrupts
        self._disk_number = _disk_number(output_root)
        self._n_bugs = 0
        self._n_faults_in_a_row = 0
        self._last_fault = ""
        self._checks: tuple[Callable[[], str], ...] = (
            self._signal,
            self._disk,
            self._bugs,
            self._faults,
        )

    @property
    def is_aborted(self) -> bool:
        """Whether a second signal asked not even to wait for the tracks in flight."""
        return self._interrupts.count > 1

    @property
    def signal(self) -> int | None:
        """The signal that interrupted the run, if any."""
        return self._interrupts.signal

    def note(self, outcome: Outcome) -> None:
        """Count an outcome; somebody who edits the library meanwhile is no reason to stop."""
        self._n_bugs += outcome.kind == "bug"
        if outcome.kind == "changed":
            return
        self._n_faults_in_a_row = self._n_faults_in_a_row + 1 if not outcome.is_settled else 0
        self._last_fault = outcome.message.partition("\n")[0]

    def reason(self) -> str:
        """Return why no further track should start; empty if there is no reason."""
        return next(filter(None, (check() for check in self._checks)), "")

    def _signal(self) -> str:
        number = self._interrupts.signal
        return "" if number is None else f"{signal.Signals(number).name} received"

    def _disk(self) -> str:
        place = path_to_text(self._output_root)
        try:
            free_bytes = shutil.disk_usage(self._output_root).free
        except OSError as exc:
            return f"{place}: its disk is gone: {exc.strerror}"
        if self._disk_number is not None and _disk_number(self._output_root) != self._disk_number:
            return f"{place}: its disk is gone, or was mounted anew meanwhile"
        if free_bytes >= self._min_free_bytes:
            return ""
        free, needed = format_bytes(free_bytes), format_bytes(self._min_free_bytes)
        return f"only {free} free on the disk of {place} (run.min_free_bytes is {needed})"

    def _bugs(self) -> str:
        return "" if self._n_bugs <= MAX_BUGS else f"{self._n_bugs} unexpected errors"

    def _faults(self) -> str:
        if self._n_faults_in_a_row < MAX_FAULTS_IN_A_ROW:
            return ""
        count = self._n_faults_in_a_row
        failed = f"{counted(count, 'track')} in a row failed for no fault of theirs"
        return f"{failed}, last: {self._last_fault}"


def _disk_number(folder: Path) -> int | None:
    """Return which disk a folder is on; None if it cannot be looked at.

    Where a drive was mounted that is gone there is an empty folder, on the disk of the system.
    """
    try:
        return folder.stat().st_dev
    except OSError:
        return None

"""The ledger of an output folder: what became of every track, in all runs."""

import contextlib
import functools
import itertools
import logging
import re
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from libsep.errors import ConfigError, LedgerError
from libsep.ledger import compaction, journal, stream, table
from libsep.ledger.faults import remove, told
from libsep.ledger.journal import Journal
from libsep.ledger.latest import Latest
from libsep.ledger.lock import RunLock
from libsep.track import Outcome

logger = logging.getLogger(__name__)

FOLDER = ".libsep"
"""Name of the folder, inside the output folder, that holds everything of libsep's own."""

_MAX_FILES = 16
_READ_ATTEMPTS = 5
_ROWS_AT_ONCE = 1000


class Ledger:
    """One row for each outcome, of all runs that wrote to an output folder.

    Anybody may read at any time. Only the process that holds the `RunLock` may write: `begin`,
    then `started` and `append` for each track, then `end`. Each of these returns when its row is
    on the disk. A run without `end` was killed; the next `begin` keeps its rows.

    Parameters
    ----------
    folder
        ``STEMS/.libsep``. It holds ``journal/RUN.jsonl`` while a run lasts, and afterwards its
        outcomes in ``ledger/*.parquet`` and the other rows in ``events/*.parquet``; it need not
        exist.
    lock
        The lock of ``folder``: nothing is written any more when another run took it over.
    """

    def __init__(self, folder: Path, *, lock: RunLock | None = None) -> None:
        self.folder = folder
        self._lock = lock
        self._journals = folder / "journal"
        self._journal: Journal | None = None
        self._run = ""
        self._sequence = 0

    def has_no_outcomes(self) -> bool:
        """Return whether no file holds outcomes: the folder is new, or they were lost."""
        return not self._journal_paths() and not self._paths_in(table.OUTCOMES)

    def history(self) -> Any:
        """Return all rows as an Arrow table with the columns `libsep.ledger.table.SCHEMA`.

        Raises
        ------
        LedgerError
            A file is damaged; the message names it.
        """
        return pa.concat_tables([table.empty(), *self._batches()])

    def rows(self, *, last: int | None = None) -> Iterator[Outcome]:
        """Return the outcomes of all runs in the order of writing: all, or only the ``last`` ones.

        Of a large ledger, a few rows take a fraction of the time and memory.
        """
        batches = map(table.outcome_rows, self._batches())
        if last is None:
            for batch in batches:
                yield from table.outcomes(batch)
            return
        kept: deque[Any] = deque()
        for batch in batches:
            kept.append(batch)
            while sum(map(len, kept)) - len(kept[0]) >= last:
                kept.popleft()
        rows = pa.concat_tables([table.outcome_rows(table.empty()), *kept])
        yield from table.outcomes(rows.slice(max(len(rows) - last, 0)))

    def latest(self) -> Latest:
        """Return the last outcome of each source."""
        return Latest.of(self._batches)

    def crashed(self) -> dict[str, int]:
        """Return the sources that took their process or a whole run down with them, and how often.

        Counted are, after the last outcome of a source, the deaths of its process, and the runs
        that were killed (no ``end`` row) while it was in work. Innocent tracks that were in work at
        the same time as a culprit that killed the run are among them.
        """
        ended, suspects = {self._run}, set()
        names = ("sequence", "event", "run", "source")
        for rows in self._batches(names):
            for row in table.event_rows(rows).to_pylist():
                if row["event"] == "end":
                    ended.add(row["run"])
                else:
                    suspects.add(row["source"])
        if not suspects:
            return {}
        listed = (
            row
            for rows in self._batches(names)
            for row in rows.to_pylist()
            if row["source"] in suspects
        )
        return _n_crashes(listed, ended, open_run=self._run)

    def begin(self, run: str) -> None:
        """Open the journal of a run, after compacting those that killed runs have left.

        Parameters
        ----------
        run
            Name of the run, new in this ledger: letters, digits, ``.``, ``_`` and ``-``.

        Raises
        ------
        LedgerError
            A file is damaged, the name was used before, or the disk cannot be written.
        """
        if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", run):
            raise ValueError(f"name of a run: {run!r}")
        self._make_folders()
        self._compact()
        self._sequence = 0
        for rows in self._batches(("sequence", "run")):
            if pc.any(pc.equal(rows["run"], run)).as_py():
                raise LedgerError(f"{self.folder}: a run {run} is in the ledger already")
            self._sequence = max(self._sequence, pc.max(rows["sequence"]).as_py())
        self._journal = Journal.create(self._journals / f"{run}.jsonl")
        self._run = run

    def started(self, source: str, *, attempt: int = 1) -> None:
        """Note that ``source`` is handed out, so that a crash of the whole host leaves a trace."""
        row = {"source": source, "attempt": attempt, "started_at": time.time()}
        self._append("started", row)

    def process_died(self, source: str, *, attempt: int) -> None:
        """Note that ``source`` took its process down, and is to be tried again."""
        self._append("crashed", {"source": source, "attempt": attempt, "ended_at": time.time()})

    def append(self, outcome: Outcome) -> None:
        """Note what became of a track; ``outcome.run`` is set to the open run.

        Raises
        ------
        LedgerError
            The row is not on the disk: it is full or gone, or another run has the lock now.
        """
        self._append("outcome", outcome.as_row())

    def append_all(self, outcomes: Iterable[Outcome]) -> int:
        """Note many tracks as `append` does, but wait for the disk seldom; return how many."""
        remaining, n_before = iter(outcomes), self._sequence
        while some := list(itertools.islice(remaining, _ROWS_AT_ONCE)):
            self._append("outcome", *(outcome.as_row() for outcome in some))
        return self._sequence - n_before

    def end(self, message: str = "") -> None:
        """Note that the run ended in order, compact its journal, and close it.

        Parameters
        ----------
        message
            Why the run ended, and its totals, for people.
        """
        self._append("end", {"message": message, "ended_at": time.time()})
        self.close()
        self._compact()

    def close(self) -> None:
        """Close the journal without an ``end`` row, as after an error; may be called twice."""
        if self._journal is not None:
            self._journal.close()
        self._journal = None
        self._run = ""

    def rebuild(self, outcomes: Iterable[Outcome], *, run: str) -> int:
        """Repair a ledger that is lost or damaged; return how many rows were added.

        Damaged files are moved to ``damaged/``, with a warning. An outcome is added for each source
        that has no row left.

        Parameters
        ----------
        outcomes
            What the stem files themselves tell (`libsep.library.rebuild`).
        run
            Name under which the added rows stand.
        """
        self._make_folders()
        for path in self._journal_paths():
            self._set_aside_if_damaged(path, _read_journal)
        for path in self._parquet_paths():
            self._set_aside_if_damaged(path, table.read)
        self.begin(run)
        known = self.latest()
        added = self.append_all(each for each in outcomes if each.source not in known)
        self.end(f"rebuilt {added} rows from stem files")
        return added

    def _append(self, event: str, *rows: table.Row) -> None:
        if self._journal is None:
            raise ValueError("the ledger is not open for writing: begin() comes first")
        if self._lock is not None:
            self._lock.check()
        for number, row in enumerate(rows, start=self._sequence + 1):
            row |= {"event": event, "sequence": number, "run": self._run}
        self._journal.append(*map(table.valid_text, rows))
        self._sequence += len(rows)

    def _batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Yield all rows in the order of writing, in tables of some thousand rows.

        All files are open before the first row is read: what another process merges or removes
        from now on is still there.
        """
        with contextlib.ExitStack() as stack:
            for _ in range(_READ_ATTEMPTS):
                try:
                    # Journals first: what moves meanwhile is then seen twice, never missed.
                    paths = [*self._journal_paths(), *self._parquet_paths()]
                    files = [stack.enter_context(stream.opened(path)) for path in paths]
                    break
                except FileNotFoundError:
                    stack.pop_all().close()
                    time.sleep(0.1)
            else:
                raise LedgerError(f"{self.folder}: files vanish while the ledger is read")
            yield from stream.merged(batches(columns) for batches in files)

    def _journal_paths(self) -> list[Path]:
        return sorted(self._journals.glob("[!.]*.jsonl"))

    def _parquet_paths(self) -> list[Path]:
        return [path for name in table.FOLDERS for path in self._paths_in(name)]

    def _paths_in(self, name: str) -> list[Path]:
        return sorted((self.folder / name).glob("[!.]*.parquet"))

    def _make_folders(self) -> None:
        with told(self.folder, "cannot be created"):
            for name in (self._journals.name, *table.FOLDERS):
                (self.folder / name).mkdir(parents=True, exist_ok=True)

    def _compact(self) -> None:
        """Turn closed journals into Parquet, and many Parquet files into one.

        A file is removed only when its rows are on the disk elsewhere. A crash in between leaves
        rows twice, and `libsep.ledger.table.united` counts them once.
        """
        for path in self._journal_paths():
            compaction.settle(path, functools.partial(self._goal, path.stem))
            remove(path)
        for path in self._paths_in(table.OUTCOMES):
            if table.has_events(path):
                self._move_events(path)
        for name in table.FOLDERS:
            paths = self._paths_in(name)
            if len(paths) > _MAX_FILES:
                stem = f"merged-{compaction.highest_sequence(paths)}"
                merged = self._goal(stem, name)
                compaction.merge(paths, merged, name)
                for path in set(paths) - {merged}:
                    remove(path)
                logger.info("%s: %d files are one now", merged, len(paths))

    def _goal(self, stem: str, name: str) -> Path:
        return self.folder / name / f"{stem}.parquet"

    def _move_events(self, path: Path) -> None:
        """Make of a file as 0.1 wrote it one that holds outcomes only."""
        twin = self.folder / table.EVENTS / path.name
        rows = table.united(table.read(each) for each in (path, twin) if each.exists())
        if path not in self._write(rows, path.stem):
            remove(path)

    def _write(self, rows: Any, name: str) -> list[Path]:
        """Write rows into the folders they belong to, and return the files."""
        written = []
        for folder, part in table.parts(rows):
            path = self.folder / folder / f"{name}.parquet"
            table.write(part, path)
            written.append(path)
        return written

    def _set_aside_if_damaged(self, path: Path, read: Callable[[Path], object]) -> None:
        try:
            read(path)
        except LedgerError as exc:
            kept = self.folder / "damaged" / f"{path.name}-{time.time_ns()}"
            with told(path, "damaged, and cannot be set aside"):
                kept.parent.mkdir(exist_ok=True)
                path.rename(kept)
            logger.warning("%s; moved to %s", exc, kept)


def _read_journal(path: Path) -> None:
    """Read a journal to its end; raises if it is damaged."""
    for _ in stream.batches_of_rows(journal.read(path), path):
        pass


def _n_crashes(
    rows: Iterable[table.Row], ended: Collection[str], *, open_run: str
) -> dict[str, int]:
    """Count crashes by source; ``ended`` are the runs that have ended in order, or are open."""
    counts: Counter[str] = Counter()
    open_tracks: set[tuple[str, str]] = set()
    for row in rows:
        event, run, source = row["event"], row["run"], row["source"]
        if event == "outcome":
            counts.pop(source, None)
        elif event == "started" and run not in ended and (run, source) not in open_tracks:
            open_tracks.add((run, source))
            counts[source] += 1
        elif event == "crashed" and run != open_run:
            counts[source] += (run, source) not in open_tracks
            open_tracks.discard((run, source))
    return dict(counts)


def ledger_of(stems: Path) -> Ledger:
    """Return the ledger of an output folder, for reading.

    Raises
    ------
    ConfigError
        There is none.
    """
    ledger = Ledger(stems / FOLDER)
    if not ledger.folder.is_dir():
        raise ConfigError(f"{stems}: no ledger of libsep here (expected the folder {FOLDER})")
    return ledger

"""Runs and processes that die: what is written stays, and what was in work is counted."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from libsep.ledger import Ledger, table

from .conftest import outcome, record


def test_tracks_in_work_when_a_run_is_killed_are_counted_as_crashed(tmp_path: Path) -> None:
    for run in ("r1", "r2"):
        ledger = Ledger(tmp_path)
        ledger.begin(run)
        ledger.started("culprit")
        ledger.started("culprit", attempt=2)
        ledger.started("finished")
        ledger.append(outcome("finished"))
        ledger.close()
    assert Ledger(tmp_path).crashed() == {"culprit": 2}
    ledger = Ledger(tmp_path)
    ledger.begin("r3")
    assert ledger.crashed() == {"culprit": 2}  # after compaction
    ledger.started("culprit")
    assert ledger.crashed() == {"culprit": 2}  # the open run has crashed nothing yet
    ledger.append(outcome("culprit", status="failed", kind="crash"))
    assert ledger.crashed() == {}
    ledger.started("drained")
    ledger.end("interrupted")
    assert ledger.crashed() == {}


def test_a_process_that_died_counts_though_its_run_ended_in_order(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.begin("r1")
    for source in ("left", "mended"):
        ledger.started(source)
        ledger.process_died(source, attempt=1)
    assert ledger.crashed() == {}, "the open run has its own count"
    ledger.started("mended", attempt=2)
    ledger.append(outcome("mended"))
    ledger.end("window closed")
    assert ledger.crashed() == {"left": 1}
    ledger.begin("r2")
    ledger.started("left", attempt=2)
    ledger.process_died("left", attempt=2)
    ledger.started("left", attempt=3)
    ledger.close()  # killed
    assert ledger.crashed() == {"left": 3}
    rows = pq.read_table(tmp_path / "events" / "r1.parquet")["event"].to_pylist()
    assert rows == ["started", "crashed", "end"]


def test_compaction_changes_no_count_of_crashes(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.begin("r1")
    ledger.started("again")
    ledger.append(outcome("again", status="failed"))
    ledger.started("again")
    ledger.close()  # killed
    assert Ledger(tmp_path).crashed() == {}
    ledger.begin("r2")
    assert not (tmp_path / "journal" / "r1.jsonl").exists()
    assert ledger.crashed() == {}


def test_a_ledger_of_0_1_is_moved_over_and_a_crash_on_the_way_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "old"
    ledger = Ledger(old)
    record(ledger, "r1", outcome("x"), outcome("x", status="failed"))
    record(ledger, "r2")
    ledger.begin("r3")
    ledger.append(outcome("y"))
    ledger.started("culprit")
    ledger.close()
    ledger.begin("r4")  # compacts what the killed run has left
    ledger.end("interrupted")
    for path in (old / "events").iterdir():  # as 0.1 had it
        twin = old / "ledger" / path.name
        rows = table.united(table.read(each) for each in (path, twin) if each.exists())
        table.write(rows, twin)
    shutil.rmtree(old / "events")
    assert "end" in pyarrow.dataset.dataset(old / "ledger").to_table()["event"].to_pylist()
    history, crashed = ledger.history(), ledger.crashed()
    assert (len(history), crashed) == (7, {"culprit": 1})

    n_crashes = 0
    while True:
        moved = Ledger(Path(shutil.copytree(old, tmp_path / f"crash {n_crashes}")))
        with monkeypatch.context() as patch, contextlib.suppress(_Killed):
            _die_before_change(n_crashes, patch)
            moved.begin("r5")
            break
        n_crashes += 1
        assert moved.history().equals(history)
        assert moved.crashed() == crashed
        moved.close()
        moved.begin("r5")
        _check_moved(moved, history, crashed)
    assert n_crashes == 4 + 2 + 2  # events of four runs, outcomes of two, two files without any
    _check_moved(moved, history, crashed)


class _Killed(BaseException):
    """What stands for the end of the process."""


def _die_before_change(number: int, patch: pytest.MonkeyPatch) -> None:
    """Let the change of a folder of this number, counted from 0, be the end."""
    left = iter(range(number))

    def dying(change: Callable[..., None]) -> Callable[..., None]:
        def change_or_die(*arguments: object, **options: object) -> None:
            if next(left, None) is None:
                raise _Killed
            change(*arguments, **options)

        return change_or_die

    for name in ("replace", "unlink"):
        patch.setattr(os, name, dying(getattr(os, name)))


def _check_moved(ledger: Ledger, history: Any, crashed: dict[str, int]) -> None:
    ledger.close()
    assert ledger.history().equals(history)
    assert ledger.crashed() == crashed
    rows = pyarrow.dataset.dataset(ledger.folder / "ledger").to_table().to_pylist()
    assert sorted((row["source"], row["status"]) for row in rows) == [
        ("x", "done"), ("x", "failed"), ("y", "done"),
    ]  # fmt: skip


WRITER = """
import sys
from pathlib import Path
from libsep.ledger import Ledger, store
from libsep.track import Outcome
store._MAX_FILES = 2
folder, number = Path(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
for run in range(1000):
    ledger = Ledger(folder)
    ledger.begin(f"{number}-{run}")
    for track in range(5):
        source = f"{number}-{run}-{track}"
        ledger.started(source)
        ledger.append(Outcome(source=source, output="o", status="done"))
        print(source, flush=True)
    ledger.end()
"""


def test_after_kill_9_every_acknowledged_row_is_there_once(tmp_path: Path) -> None:
    rng = random.Random(7)
    acknowledged: list[str] = []
    for number in range(8):
        command = [sys.executable, "-c", WRITER, str(tmp_path), str(number)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            if number % 2:  # a slow machine may need longer than that for its first rows
                acknowledged += [process.stdout.readline().strip() for _ in range(6)]
            time.sleep(rng.uniform(0.02, 0.4))
            process.send_signal(signal.SIGKILL)
            acknowledged += [line.strip() for line in process.stdout if line.endswith("\n")]
        rows = [row.source for row in Ledger(tmp_path).rows()]
        assert len(rows) == len(set(rows))
        assert set(acknowledged) <= set(rows)
        assert len(rows) <= len(acknowledged) + number + 1  # written, but killed before the print
    ledger = Ledger(tmp_path)
    ledger.begin("last")
    ledger.end()
    assert set(acknowledged) <= set(ledger.latest())
    assert len(acknowledged) > 20
    assert not list((tmp_path / "journal").iterdir())

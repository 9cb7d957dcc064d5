"""Runs and processes that die: what is written stays, and what was in work is counted."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq

from libsep.ledger import Ledger

from .conftest import outcome


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
    rows = pq.read_table(tmp_path / "ledger" / "r1.parquet")["event"].to_pylist()
    assert rows == ["started", "crashed", "outcome", "end"]


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

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from libsep.errors import LedgerError
from libsep.ledger import Ledger, RunLock, held_lock, lock, run_in_work

from ..processes import wait_until

HOLDER = """
import sys, time
from collections.abc import Callable
from pathlib import Path
from libsep.ledger import RunLock
with RunLock(Path(sys.argv[1]), run="other"):
    print("locked", flush=True)
    time.sleep(600)
"""


def test_a_second_process_is_told_who_holds_the_lock_and_takes_it_when_that_one_is_dead(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        match = rf"in use by run other since \d{{4}}-.* \(process {process.pid} on"
        with pytest.raises(LedgerError, match=match), RunLock(tmp_path, run="mine"):
            pass
        process.kill()
        process.wait()
    with RunLock(tmp_path, run="mine") as held:
        held.check()
        assert json.loads(held.path.read_text())["run"] == "mine"
    assert list(tmp_path.iterdir()) == []


def foreign_lock(folder: Path, age_s: float) -> Path:
    path = folder / "lock"
    path.write_text(json.dumps({"token": "t", "host": "far", "machine": "far", "pid": 1}))
    then_s = time.time() - age_s
    os.utime(path, (then_s, then_s))
    return path


def test_a_lock_of_another_host_is_respected_until_it_is_stale(tmp_path: Path) -> None:
    foreign_lock(tmp_path, lock.STALE_S - 20)
    with (
        pytest.raises(LedgerError, match=r"process 1 on far"),
        RunLock(tmp_path, run="mine"),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]
    foreign_lock(tmp_path, lock.STALE_S + 20)
    with RunLock(tmp_path, run="mine") as held:
        assert json.loads(held.path.read_text())["run"] == "mine"


def test_a_process_that_lives_keeps_its_lock_while_the_machine_sleeps(tmp_path: Path) -> None:
    with RunLock(tmp_path, run="first") as held:
        os.utime(held.path, (0, 0))
        with pytest.raises(LedgerError, match="run first"), RunLock(tmp_path, run="second"):
            pass


def test_a_process_that_got_the_number_of_a_dead_one_holds_no_lock(tmp_path: Path) -> None:
    with RunLock(tmp_path, run="first") as held:
        content = json.loads(held.path.read_text())
    content["started"] = "1"
    (tmp_path / "lock").write_text(json.dumps(content))
    assert run_in_work(tmp_path) == ""
    with RunLock(tmp_path, run="second") as held:
        held.check()


def test_a_killed_process_that_nobody_has_asked_for_its_exit_code_holds_no_lock(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        assert run_in_work(tmp_path) == "other"
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert run_in_work(tmp_path) == ""
        with RunLock(tmp_path, run="mine") as held:
            held.check()


def test_a_lock_is_not_given_back_while_its_last_sign_of_life_is_on_the_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In a store the sign would write the lock anew, and shut the next run out."""
    steps, is_on_the_way = [], threading.Event()

    class Slow(held_lock.HeldLock):
        def _take(self) -> None:
            steps.append("taken")

        def _give_sign_of_life(self) -> bool:
            is_on_the_way.set()
            time.sleep(0.05)
            steps.append("sign")
            return True

        def _give_back(self) -> None:
            steps.append("given back")

    monkeypatch.setattr(held_lock, "HEARTBEAT_S", 0.0)
    with Slow("here", "nothing"):
        is_on_the_way.wait()
    assert (steps[0], steps[-2:]) == ("taken", ["sign", "given back"])


def test_a_lock_that_is_gone_with_its_drive_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_lock, "HEARTBEAT_S", 0.01)
    with RunLock(tmp_path / "drive", run="first") as held:
        (tmp_path / "drive").rename(tmp_path / "away")
        assert held._heartbeat.join(timeout=10) is None
        with pytest.raises(LedgerError, match=r"lock: the lock has gone: is its drive there\?$"):
            held.check()


KILLED = """
import fcntl, os, signal, sys
from pathlib import Path
from libsep.ledger import RunLock
fcntl.F_FULLFSYNC = -1  # a Mac does not know that either, and waits by fsync
os.{step} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
RunLock(Path(sys.argv[1]), run="killed").__enter__()
"""


@pytest.mark.parametrize("step", ["fsync", "link"])
def test_a_process_that_is_killed_while_it_locks_keeps_nobody_out(
    tmp_path: Path, step: str
) -> None:
    command = [sys.executable, "-c", KILLED.format(step=step), str(tmp_path)]
    assert subprocess.run(command).returncode == -signal.SIGKILL
    with RunLock(tmp_path, run="mine") as held:
        assert [path.name for path in tmp_path.iterdir()] == [held.path.name]
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_hard_links_has_locks_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "no hard links")

    monkeypatch.setattr("os.link", refuse)
    with RunLock(tmp_path, run="mine") as held:
        held.check()
        with pytest.raises(LedgerError, match="in use by run mine"), RunLock(tmp_path, run="two"):
            pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("waits_by_fsync")
def test_a_full_disk_without_hard_links_is_left_without_a_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        monkeypatch.setattr("os.fsync", full)
        raise OSError(errno.EOPNOTSUPP, "no hard links")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.link", refuse)
    match = "lock: the lock cannot be written: No space left on device"
    with pytest.raises(LedgerError, match=match), RunLock(tmp_path, run="mine"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_another_run_has_just_made_is_not_moved_away_for_a_dead_one(
    tmp_path: Path,
) -> None:
    late = RunLock(tmp_path, run="late")
    with RunLock(tmp_path, run="first") as held:
        late._move_away({"token": "of a dead run"})
        assert json.loads(held.path.read_text())["run"] == "first"
        assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_an_empty_lock_is_one_that_is_just_being_made(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    with pytest.raises(LedgerError, match="in use"), RunLock(tmp_path, run="mine"):
        pass


def test_the_heartbeat_keeps_the_lock_fresh_and_sees_when_it_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_lock, "HEARTBEAT_S", 0.02)
    with RunLock(tmp_path, run="mine") as held:
        os.utime(held.path, (0, 0))
        wait_until(lambda: held.path.stat().st_mtime > 0)
        held.check()
        ledger = Ledger(tmp_path, lock=held)
        ledger.begin("mine")
        ledger.started("a.mp3")
        foreign_lock(tmp_path, 0)
        wait_until(held._lost.is_set)
        with pytest.raises(LedgerError, match="went to another run"):
            ledger.started("b.mp3")
        ledger.close()
        with pytest.raises(LedgerError, match="went to another run"):
            held.check()
    assert json.loads((tmp_path / "lock").read_text())["host"] == "far"


def test_taking_over_does_not_remove_a_lock_that_is_newer_than_the_stale_one(
    tmp_path: Path,
) -> None:
    path = foreign_lock(tmp_path, 0)
    RunLock(tmp_path, run="mine")._move_away({"token": "an older one"})
    assert json.loads(path.read_text())["token"] == "t"


def test_a_folder_that_cannot_be_made_is_an_error_of_the_ledger(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(LedgerError, match="cannot be written"),
        RunLock(tmp_path / "file" / "sub", run="mine"),
    ):
        pass


def test_a_lock_that_cannot_be_given_back_hides_no_error(tmp_path: Path) -> None:
    lock = RunLock(tmp_path, run="r")

    def hold() -> None:
        with lock:
            lock.path.unlink()
            lock.path.mkdir()  # it can neither be read nor deleted
            raise LedgerError("the disk is gone")

    with pytest.raises(LedgerError, match="the disk is gone"):
        hold()

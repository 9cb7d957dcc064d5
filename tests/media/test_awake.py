import os
import sys
from pathlib import Path

import psutil
import pytest

from libsep.media.awake import kept_awake

from ..conftest import KEEPER, Programs
from ..processes import wait_until

KEEPERS = ["caffeinate", "systemd-inhibit"]


@pytest.mark.parametrize("name", KEEPERS)
def test_the_machine_is_kept_awake_as_long_as_the_block_lasts(
    name: str, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin" if name == "caffeinate" else "linux")
    called = programs(name, "exec cat")  # both end with our process, or with their input
    with kept_awake():
        wait_until(called.exists)
        pid, *words = called.read_text().split()
        keeper = psutil.Process(int(pid))
        assert keeper.is_running()
    assert not keeper.is_running()
    if name == "caffeinate":
        assert words == ["-i", "-w", str(os.getpid())]
    else:
        assert words[0] == "--what=idle:sleep"
        assert words[-1] == "cat"


def test_a_system_that_refuses_is_told_of_in_the_log_and_stops_nothing(
    programs: Programs, caplog: pytest.LogCaptureFixture
) -> None:
    # As systemd-inhibit on a machine without a bus; what it leaves behind holds on to its streams.
    called = programs(KEEPER, "sleep 60 & exit 1")
    with caplog.at_level("INFO"), kept_awake():
        wait_until(called.exists)
        refusing = psutil.Process(int(called.read_text().split()[0]))
        wait_until(lambda: refusing.status() == psutil.STATUS_ZOMBIE)
    assert f"free to sleep: {KEEPER} ended before" in caplog.text


def test_a_machine_without_such_a_program_works_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    before = psutil.Process().children()
    with kept_awake():
        assert psutil.Process().children() == before

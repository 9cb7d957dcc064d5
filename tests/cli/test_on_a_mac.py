"""``libsep`` on a system that lacks what only Linux has, as far as Linux can play it."""

import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from libsep import machine
from libsep.ledger import FOLDER, Ledger
from libsep.media.verify import verify_stems

from ..processes import wait_until
from .conftest import GOOD, stems_in

MAC = Path(__file__).parents[1] / "mac"

FOLDERS = "libsep-ray-{pid}-*"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with all that is on PATH but setpriv, which macOS has not."""
    programs = tmp_path_factory.mktemp("programs")
    for folder in reversed(os.environ["PATH"].split(":")):
        for program in Path(folder).glob("*"):
            if program.name != "setpriv":
                (programs / program.name).unlink(missing_ok=True)
                (programs / program.name).symlink_to(program)
    return programs


@pytest.fixture
def on_a_mac(monkeypatch: pytest.MonkeyPatch, programs: Path) -> None:
    """Let the commands that this test starts find themselves on a Mac."""
    monkeypatch.setenv("PYTHONPATH", f"{MAC}:{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("PATH", str(programs))
    assert shutil.which("setpriv") is None


def processes_of(folder: Path) -> list[psutil.Process]:
    """Return the processes that have a folder in their command lines: Ray's own, not workers."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if str(folder) in " ".join(process.info["cmdline"] or ()):
            found.append(process)
    return found


def printed(script: str, *arguments: str) -> str:
    """Return what a script prints in a Python of its own."""
    return subprocess.check_output([sys.executable, "-c", script, *arguments], text=True).strip()


@pytest.mark.ray
@pytest.mark.slow
def test_a_run_that_is_killed_leaves_no_process_and_the_next_does_the_rest(
    on_a_mac: None,
    libsep: Callable[..., Any],
    start_libsep: Callable[..., "subprocess.Popen[str]"],
    library: Path,
    config_file: Path,
    tmp_path: Path,
) -> None:
    stems = tmp_path / "stems"
    running = start_libsep("run", library, stems, "--config", config_file)
    wait_until(lambda: stems.exists() and list(Ledger(stems / FOLDER).rows()))
    # In a group of its own, Ctrl-C in the terminal of a script or of make would not reach it.
    assert os.getpgid(running.pid) == os.getpgid(0)
    (folder,) = Path("/tmp").glob(FOLDERS.format(pid=running.pid))
    assert processes_of(folder)
    running.send_signal(signal.SIGKILL)
    _, err = running.communicate()
    wait_until(lambda: not folder.exists() and not processes_of(folder), 60)
    ended = libsep("run", library, stems, "--config", config_file)
    assert ended.code == 1, err + ended.err
    assert "done" in ended.err
    assert stems_in(stems) == GOOD
    assert all(verify_stems(stems / name).is_conformant for name in GOOD)


@pytest.mark.ray
def test_a_ray_that_is_interrupted_while_it_starts_leaves_no_process(on_a_mac: None) -> None:
    script = (
        "import psutil; from libsep.batch.cluster import connection\n"
        "begin = connection.Node.start_ray_processes\n"
        "def interrupted(node):\n"
        "    begin(node)\n"
        "    raise KeyboardInterrupt\n"
        "connection.Node.start_ray_processes = interrupted\n"
        "try:\n"
        "    with connection.embedded_ray(n_track_slots=1, object_store_bytes=10**8): pass\n"
        "except KeyboardInterrupt: pass\n"
        "print([each.name() for each in psutil.Process().children()])"
    )
    assert printed(script) == "[]"


@pytest.mark.ray
def test_the_store_of_ray_is_no_larger_than_a_mac_may_have(on_a_mac: None) -> None:
    script = (
        "from libsep.batch.cluster.connection import embedded_ray; import ray\n"
        "with embedded_ray(n_track_slots=1, object_store_bytes=3 * 2**30):\n"
        "    print(int(ray.cluster_resources()['object_store_memory']))"
    )
    assert printed(script) == str(2**31)


def test_two_macs_of_one_name_are_two_machines(on_a_mac: None) -> None:
    script = "from libsep.ledger.holder import machine; print(machine())"
    assert printed(script) == f"{socket.gethostname()} {uuid.getnode():012x}"


def test_a_lock_of_a_process_that_lives_is_not_taken_however_long_the_mac_slept(
    on_a_mac: None,
) -> None:
    script = (
        "import subprocess, sys, time\n"
        "from libsep.ledger.holder import describe_self, is_alive, why_dead\n"
        "holder = describe_self('token', 'run')\n"
        "print(repr(why_dead(holder)))\n"
        "print(why_dead({**holder, 'started': '1.0'}).partition('another')[1])\n"
        "child = subprocess.Popen([sys.executable, '-c', ''])\n"
        "while is_alive(child.pid): time.sleep(0.02)\n"  # a zombie then
        "print(why_dead({**holder, 'pid': child.pid}).partition('dead')[1])"
    )
    assert printed(script).split() == ["''", "another", "dead"]


FLUSH = """
import errno, os, sys
from pathlib import Path
from libsep import machine

asked = []
fsync = os.fsync

def flush(handle, request):
    asked.append(f"F_FULLFSYNC {request == machine.fcntl.F_FULLFSYNC}")
    if int(sys.argv[1]):
        raise OSError(int(sys.argv[1]), "refused")

def noted(handle):
    asked.append("fsync")
    fsync(handle)

machine.fcntl.fcntl, os.fsync = flush, noted
try:
    from libsep.media.atomic import write_text
    write_text(Path(sys.argv[2]), "whole")
except Exception as exc:
    asked.append(type(exc).__name__)
print(*asked, sep=", ")
"""
"""Writes a file, and prints what its drive is asked, which answers with an error number or 0."""


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        (0, "F_FULLFSYNC True, F_FULLFSYNC True"),
        (errno.ENOTSUP, "F_FULLFSYNC True, fsync, F_FULLFSYNC True, fsync"),
        (errno.EINVAL, "F_FULLFSYNC True, fsync, F_FULLFSYNC True, fsync"),
        (errno.ENOTTY, "F_FULLFSYNC True, fsync, F_FULLFSYNC True, fsync"),
        (errno.EIO, "F_FULLFSYNC True, StemsError"),
    ],
)
def test_a_drive_is_asked_to_empty_its_memory_before_a_file_counts_as_written(
    on_a_mac: None, tmp_path: Path, answer: int, asked: str
) -> None:
    """On a Mac ``fsync`` leaves it there, where a power cut takes it."""
    goal = tmp_path / "text"
    assert printed(FLUSH, str(answer), str(goal)) == asked
    assert goal.exists() == (answer != errno.EIO)


def test_every_part_of_libsep_asks_the_drive_in_one_way() -> None:
    package = Path(machine.__file__).parent
    found = [path.name for path in package.rglob("*.py") if "os.fsync(" in path.read_text()]
    assert found == ["machine.py"]


def test_windows_is_told_where_libsep_runs() -> None:
    script = "import sys; sys.platform = 'win32'; import libsep"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr.endswith("on Windows install it inside WSL 2\n")

"""Who holds a lock: the process, and whether it still lives."""

import contextlib
import os
import socket
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

import psutil


def describe_self(token: str, run: str) -> dict[str, object]:
    """Return what a lock of this process says; ``token`` is unlike that of any other lock."""
    return {
        "token": token,
        "host": socket.gethostname(),
        "machine": machine(),
        "pid": os.getpid(),
        "started": start_time(os.getpid()),
        "run": run,
        "since": time.strftime("%Y-%m-%d %H:%M:%S %z"),
    }


def why_dead(holder: Mapping[str, object]) -> str | None:
    """Return why the process that wrote a lock is dead; empty if it lives, None if unknown here."""
    pid, started = holder.get("pid"), holder.get("started")
    if holder.get("machine") != machine() or not isinstance(pid, int):
        return None
    if not is_alive(pid):
        return f"process {pid} is dead"
    if started:  # It lives, even if the machine slept for hours.
        return "" if start_time(pid) == started else f"process {pid} is another by now"
    return None


def in_use(place: str, holder: Mapping[str, object]) -> str:
    """Return the message for whoever finds a lock that has an owner."""
    return (
        f"{place}: in use by run {holder.get('run', '?')} since"
        f" {holder.get('since', '?')} (process {holder.get('pid', '?')} on"
        f" {holder.get('host', '?')}); wait until it ends, or stop it"
    )


def machine() -> str:
    """Return what is equal only for processes that see each other's numbers.

    On Linux that is the same host since the same boot. Containers share the name of the host but
    not its process numbers, hence the namespace. A Mac tells no boot: there the address of the
    network card tells machines of one name apart, such as two at one network drive.
    """
    parts = [socket.gethostname()]
    try:
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    except OSError:
        parts.append(f"{uuid.getnode():012x}")
    return " ".join(parts)


def is_alive(pid: int) -> bool:
    """Return whether there is a process of this number that has not ended.

    One that was killed keeps its number until its parent asks for the exit code; the first process
    of many containers never does.
    """
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):  # no system has numbers as large
        return False
    except PermissionError:
        return True
    if sys.platform == "linux":
        return _status(pid)[:1] not in (["Z"], ["X"])
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    return False


def start_time(pid: int) -> str:
    """Return what tells a process from a later one of the same number; empty where unknown.

    On Linux that is field 22 of ``/proc/PID/stat``: clock ticks from the boot to its start, which
    no change of the clock moves. A Mac keeps the time by the clock.
    """
    if sys.platform == "linux":
        return "".join(_status(pid)[19:20])
    with contextlib.suppress(psutil.Error):
        return repr(psutil.Process(pid).create_time())
    return ""


def _status(pid: int) -> list[str]:
    """Return ``/proc/PID/stat`` from field 3, the state, on; nothing where there is none."""
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return status.rpartition(")")[2].split()
    return []

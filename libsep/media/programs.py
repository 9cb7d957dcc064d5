"""The only module that starts programs."""

import functools
import os
import shutil
import subprocess
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def run(
    command: Sequence[str | Path], *, timeout_s: float | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end, and return its exit code and what it printed.

    Raises
    ------
    OSError
        It cannot be started.
    subprocess.TimeoutExpired
        It was killed after ``timeout_s`` seconds.
    """
    return subprocess.run(command, capture_output=True, check=False, timeout=timeout_s, text=True)


def start(command: Sequence[str | bytes]) -> subprocess.Popen[bytes]:
    """Start a program that dies with this process, in a process group of its own."""

    def start_here() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            dying_with_this_thread(command),
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,
        )

    return _starter(os.getpid()).submit(start_here).result()


def dying_with_this_thread(command: Sequence[str | bytes]) -> list[str | bytes]:
    """Return a command that does the same, and that the kernel kills when this thread ends.

    ``setpriv`` asks the kernel for it, which forgets a child whose parent died before it asked. So
    the program is named by a path that leads through this thread's entry in ``/proc``: the entry
    is empty before the kernel looks whom to kill, and from then on nothing starts by that name.
    Without ``setpriv`` or ``/proc`` the command is returned as it is.
    """
    launcher = _launcher()
    if not launcher:
        return list(command)
    program, *arguments = command
    return [*launcher, _while_this_thread_lives(os.fsdecode(program)), *arguments]


@functools.cache
def _starter(pid: int) -> ThreadPoolExecutor:
    """Return the one thread of process ``pid`` that starts programs.

    The kernel kills them when the *thread* that started them ends, so it must live as long as the
    process does.
    """
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"ffmpeg-starter-{pid}")


@functools.cache
def _launcher() -> tuple[str, ...]:
    """Return the command that makes the kernel kill its program when we die; empty without it."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return ()
    launcher = (setpriv, "--pdeathsig", "KILL", "--")
    try:
        done = run([*launcher, _while_this_thread_lives(setpriv), "--version"])
    except OSError:
        return ()
    return launcher if done.returncode == 0 else ()


def _while_this_thread_lives(program: str) -> str:
    """Return a path to a program that leads nowhere once this thread has ended."""
    thread = f"/proc/{os.getpid()}/task/{threading.get_native_id()}"
    return f"{thread}/root{Path(shutil.which(program) or program).absolute()}"

"""End the processes of an embedded Ray with ours, where the kernel does not: on a Mac.

Linux kills them when the process that started them ends. Elsewhere Ray has a helper for that, for
which it moves our process into a group of its own. Then Ctrl-C in a terminal no longer reaches a
run that `make` or a script has started. This file is also a program, which does without.
"""

import contextlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

DOES_KERNEL_REAP = sys.platform == "linux"
"""Whether the kernel ends Ray's processes when ours is killed."""

PROGRAMS = ("gcs_server", "raylet")
"""Programs of Ray that live on; the others end with these."""

END_S = 30.0
"""How long a process of Ray may take to end on a busy machine, once it is killed."""


@contextlib.contextmanager
def reaped(folder: Path) -> Iterator[None]:
    """See to it that Ray's processes end, and its folder goes, also if this process is killed.

    Parameters
    ----------
    folder
        Of this Ray alone; its processes have it in their command lines.
    """
    if DOES_KERNEL_REAP:
        yield
        return
    from libsep.media.programs import start  # not by the program: it may not find libsep

    command = [sys.executable, "-P", __file__, str(folder)]
    with start(command) as reaper:  # its input ends with this process
        try:
            yield
        finally:
            reaper.kill()
            reap(str(folder))  # of a Ray that was interrupted while it started, Ray knows nothing


def reap(folder: str) -> None:
    """Kill the Ray that has ``folder`` in its command lines, and remove that."""
    killed = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            program, *words = process.cmdline() or [""]
            if Path(program).name in PROGRAMS and folder in " ".join(words):
                process.kill()
                killed.append(process)
    psutil.wait_procs(killed, END_S)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.stdin.read()
    reap(sys.argv[1])

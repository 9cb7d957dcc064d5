"""End the processes of an embedded Ray with ours, where the kernel does not: on a Mac.

Linux kills them when the process that started them ends. Elsewhere Ray has a helper for that, for
which it moves our process into a group of its own. Then Ctrl-C in a terminal no longer reaches a
run that `make` or a script has started. The program at the end of this module does without.
"""

import contextlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

from libsep.media.programs import start

DOES_KERNEL_REAP = sys.platform == "linux"
"""Whether the kernel ends Ray's processes when ours is killed."""


@contextlib.contextmanager
def reaped(folder: Path) -> Iterator[None]:
    """See to it that Ray's processes end, and its folder goes, when this process is killed.

    Parameters
    ----------
    folder
        Of this Ray alone; its processes have it in their command lines.
    """
    if DOES_KERNEL_REAP:
        yield
        return
    command = [sys.executable, "-P", "-m", __name__, str(folder)]
    with start(command) as reaper:  # its input ends with this process
        try:
            yield
        finally:
            reaper.kill()


def reap(folder: str) -> None:
    """Kill the processes that have ``folder`` in their command lines, and remove it."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != psutil.Process().pid and folder in " ".join(process.cmdline()):
                process.kill()
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.stdin.read()
    reap(sys.argv[1])

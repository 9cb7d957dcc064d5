"""An ffmpeg that goes wrong on order: a real program, which starts the real ffmpeg.

It is written to the disk beside its orders, and named by ``LIBSEP_FFMPEG``. Where all words of an
order stand in the command line, that order is carried out:

- ``kill``: the real ffmpeg and this program are killed after ``n_bytes`` of samples;
- ``hang``: both stand still after as many;
- ``short``: the real ffmpeg sees the end of its input after as many, and exits with 0;
- ``crash``: the process that started this program is killed, each time;
- ``change``, ``vanish``: the file ``path`` gets longer, or is deleted, and all goes on;
- ``wait``: the file ``path`` appears, with the number of the process that started this program;
  all goes on when there is a file ``path`` whose suffix is ``.go`` instead.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PART_BYTES = 1 << 16


def main() -> None:
    """Carry out the first order that fits, else be the real ffmpeg."""
    orders = json.loads(Path(__file__).with_suffix(".json").read_text())
    command = [orders["real"], *sys.argv[1:]]
    line = " ".join(sys.argv[1:])
    for order in orders["orders"]:
        if all(word in line for word in order["words"]):
            carry_out(order, command)
            break
    os.execv(command[0], command)  # noqa: S606 - that is the point


def carry_out(order: dict[str, object], command: list[str]) -> None:
    """Do what is ordered; return where the real ffmpeg shall go on."""
    path = Path(str(order.get("path", "")))
    match order["do"]:
        case "crash":
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(600)  # the kernel kills us with it
        case "change":
            with path.open("ab") as file:
                file.write(b"one more line")
        case "vanish":
            path.unlink(missing_ok=True)
        case "wait":
            part = path.with_suffix(".part")
            part.write_text(str(os.getppid()))
            part.replace(path)
            while not path.with_suffix(".go").exists():
                time.sleep(0.02)
        case what:
            fail(str(what), int(str(order["n_bytes"])), command)


def fail(what: str, n_bytes: int, command: list[str]) -> None:
    """Let the real ffmpeg work on ``n_bytes`` of samples, and then fail; does not return."""
    writes = "pipe:0" not in command
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL if writes else subprocess.PIPE,
        stdout=subprocess.PIPE if writes else None,
    )
    source, goal = (child.stdout, sys.stdout.buffer) if writes else (sys.stdin.buffer, child.stdin)
    assert source is not None
    assert goal is not None
    moved = 0
    while moved < n_bytes and (part := source.read(min(PART_BYTES, n_bytes - moved))):
        goal.write(part)
        moved += len(part)
    goal.flush()
    if what == "kill":
        child.kill()
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "hang":
        os.killpg(0, signal.SIGSTOP)
    goal.close()
    while source.read(PART_BYTES):
        pass
    with contextlib.suppress(BrokenPipeError):
        sys.exit(child.wait())


if __name__ == "__main__":
    main()

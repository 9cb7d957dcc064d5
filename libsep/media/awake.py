"""Keep a laptop from going to sleep by itself while a run or a training works for hours."""

import contextlib
import logging
import os
import shutil
import sys
from collections.abc import Iterator

from libsep.media.programs import start

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def kept_awake(*, is_wanted: bool = True) -> Iterator[None]:
    """Ask the system not to sleep for want of a user, for the length of the block, if wanted.

    macOS has a program for that, and so has Linux with systemd, which refuses a sleep that a user
    asks for as well. Where there is neither, as in containers, or it is refused, the block runs
    all the same. A closed lid is not asked about.
    """
    command = _command() if is_wanted else []
    if not command:
        yield
        return
    try:
        keeper = start(command)
    except OSError as exc:
        logger.info("the machine may go to sleep: %s: %s", command[0], exc)
        yield
        return
    with keeper:
        try:
            yield
        finally:
            if keeper.poll() is not None:
                logger.info("the machine was free to sleep: %s ended before", command[0])
            keeper.kill()


def _command() -> list[str]:
    """Return a program that keeps the system awake until it or this process ends; maybe none."""
    if sys.platform == "darwin":
        return ["caffeinate", "-i", "-w", str(os.getpid())]
    if shutil.which("systemd-inhibit"):
        # `cat` ends with its input, which is this process.
        why = ("--what=idle:sleep", "--who=libsep", "--why=converts or learns")
        return ["systemd-inhibit", *why, "cat"]
    return []

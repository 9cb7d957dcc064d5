"""The command in a process of its own, and waiting for what other processes do."""

import dataclasses
import json
import sys
import time
from collections.abc import Callable
from typing import Any

COMMAND = (sys.executable, "-c", "from libsep.cli.app import main; main()")

PATIENCE_S = 900.0
"""Limit for what takes no time, on a machine that is busy."""


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)


def wait_until(condition: Callable[[], Any], timeout_s: float = PATIENCE_S) -> Any:
    """Wait until ``condition`` returns something that is true, and return it."""
    deadline_s = time.monotonic() + timeout_s
    while not (found := condition()):
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"not within {timeout_s:g} s: {condition}")
        time.sleep(0.02)
    return found

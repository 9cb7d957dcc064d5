"""The command in this process or one of its own, and waiting for what other processes do."""

import contextlib
import dataclasses
import io
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from libsep.cli.app import main

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


def ended_here(*arguments: object, encoding: str = "utf-8") -> Ended:
    """Run the command in this process, which has imported all of it, on streams of its own."""
    streams = [
        io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict", write_through=True)
        for _ in range(2)
    ]
    with (
        contextlib.redirect_stdout(streams[0]),
        contextlib.redirect_stderr(streams[1]),
        pytest.raises(SystemExit) as ended,
    ):
        main([str(argument) for argument in arguments])
    out, err = (stream.buffer.getvalue().decode(encoding) for stream in streams)
    return Ended(int(ended.value.code or 0), out, err)


def wait_until(condition: Callable[[], Any], timeout_s: float = PATIENCE_S) -> Any:
    """Wait until ``condition`` returns something that is true, and return it."""
    deadline_s = time.monotonic() + timeout_s
    while not (found := condition()):
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"not within {timeout_s:g} s: {condition}")
        time.sleep(0.02)
    return found

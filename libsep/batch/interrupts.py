"""Signals that ask a run to end; they are counted, and the run loop looks at them."""

import contextlib
import dataclasses
import signal
import threading
from collections.abc import Iterator
from types import FrameType


@dataclasses.dataclass(slots=True)
class Interrupts:
    """Signals that asked the run to end: the first drains it, the second aborts it."""

    signal: int | None = None
    count: int = 0

    def note(self, number: int, _frame: FrameType | None) -> None:
        """Take note of a signal; a handler."""
        self.signal = self.signal or number
        self.count += 1


@contextlib.contextmanager
def caught_interrupts(interrupts: Interrupts | None = None) -> Iterator[Interrupts]:
    """Take over SIGINT, SIGTERM and SIGHUP inside the block (only the main thread can).

    They are counted in ``interrupts``, or in a fresh one. A SIGHUP that is ignored stays ignored:
    ``nohup`` asked for that.
    """
    interrupts = interrupts or Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    previous = {number: signal.signal(number, interrupts.note) for number in numbers}
    try:
        yield interrupts
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)

"""The time that a run has: until an hour of the day, for a number of hours, or both."""

import datetime
import math
import time
from collections.abc import Callable

MAX_CORRECTION_S = 12 * 3600.0
"""A clock that is set by less had the wrong time of day; by more, it had the wrong date."""


def steady_s() -> float:
    """Return seconds of a clock that nobody sets, and that goes on while the machine sleeps."""
    if hasattr(time, "CLOCK_BOOTTIME"):  # Linux
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    if hasattr(time, "CLOCK_MONOTONIC"):  # macOS, where time.monotonic() stops while it sleeps
        return time.clock_gettime(time.CLOCK_MONOTONIC)
    return time.monotonic()


def next_time(until: datetime.time, after_s: float) -> float:
    """Return when a clock on the wall shows ``until`` for the next time.

    When clocks go forward over that time, it is when they do. When they go back over it, they show
    it twice, and the first of these that is still to come counts.

    Parameters
    ----------
    until
        Hour and minute of the day, in the time zone of this machine.
    after_s
        Seconds since 1970; the answer is later.

    Returns
    -------
    Seconds since 1970.
    """
    moment_s = math.floor(after_s / 60) * 60
    before = datetime.datetime.fromtimestamp(moment_s)
    while True:  # ends within two days
        moment_s += 60
        shown = datetime.datetime.fromtimestamp(moment_s)
        wanted = datetime.datetime.combine(before.date(), until)
        if wanted <= before:
            wanted += datetime.timedelta(days=1)
        if wanted <= shown or shown.time() == until:
            return float(moment_s)
        before = shown


class Window:
    """Counts down the time that a run has.

    Two clocks count, and the one that comes to its end first closes the window: the clock on the
    wall, which people and time servers set, for ``until``; and one that nobody sets, for the time
    that there was when the window opened. So whoever sets the clock back does not make the night
    longer, and a clock that was slow, or stood still with its virtual machine, and is put right,
    ends it at the hour that it shows then. A clock that is set by more than `MAX_CORRECTION_S` had
    the wrong date: then ``until`` is the next such hour of the right one. Sleep counts as time that
    passes: a laptop that is opened in the morning does not go on with its night.

    Parameters
    ----------
    until
        Hour and minute of the day at which it closes, in the time zone of this machine.
    max_hours
        Hours after which it closes.
    wall, steady
        The two clocks, in seconds; `steady_s` says what the second one is.
    """

    def __init__(
        self,
        *,
        until: datetime.time | None = None,
        max_hours: float | None = None,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = steady_s,
    ) -> None:
        self._wall, self._steady = wall, steady
        self._until = until
        now_s, self._opened_s = wall(), steady()
        self._offset_s = now_s - self._opened_s
        self._at_s = math.inf if until is None else next_time(until, now_s)
        limit_s = math.inf if max_hours is None else 3600 * max_hours
        self._length_s = min(limit_s, self._at_s - now_s)

    @property
    def is_limited(self) -> bool:
        """Whether it ever closes."""
        return self._length_s < math.inf

    def left_s(self) -> float:
        """Return the seconds until it closes; zero or less afterwards, infinity if it never does.

        Only a clock that is set can make them more than they were.
        """
        steady_s, wall_s = self._steady(), self._wall()
        if self._until is not None and abs(wall_s - steady_s - self._offset_s) > MAX_CORRECTION_S:
            self._at_s = next_time(self._until, wall_s)
            self._offset_s = wall_s - steady_s
        return min(self._opened_s + self._length_s - steady_s, self._at_s - wall_s)

    def closes_at(self) -> str:
        """Return the hour and minute, the nearest one, at which a clock shows that it closes."""
        return time.strftime("%H:%M", time.localtime(self._wall() + self.left_s() + 30))

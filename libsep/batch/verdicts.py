"""Whose fault it is when a track's process dies: the track's, or that of a machine that went away.

Ray tells of a process that died at once, but of a node that died only after its health check has
failed several times; a node that is shut down takes its processes first. So the verdict waits.
"""

from collections.abc import Sequence

from libsep.batch.schedule.plan import Attempt

VERDICT_S = 20.0
"""Seconds in which Ray notices that a node has died; by default it needs up to 14."""


class Verdicts:
    """Tracks whose process died a moment ago."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Attempt, float]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, attempt: Attempt, now_s: float) -> None:
        """Take note that the process of a track has died."""
        self._waiting.append((attempt, now_s))

    def settle(
        self, death_times_s: Sequence[float], now_s: float
    ) -> tuple[list[Attempt], list[Attempt]]:
        """Return the innocent and the guilty among those that can be judged now.

        Innocent is who died within `VERDICT_S` of a node. Which node a track was on is not known;
        a guilty track that is taken for innocent now dies again when no node does.
        """
        innocent, guilty, waiting = [], [], []
        for attempt, since_s in self._waiting:
            if any(abs(since_s - death_s) <= VERDICT_S for death_s in death_times_s):
                innocent.append(attempt)
            elif now_s - since_s > VERDICT_S:
                guilty.append(attempt)
            else:
                waiting.append((attempt, since_s))
        self._waiting = waiting
        return innocent, guilty

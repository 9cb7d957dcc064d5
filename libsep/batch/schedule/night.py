"""Which tracks a run may still start: those that can end before its window closes."""

from libsep.batch.schedule.pace import Pace
from libsep.batch.schedule.plan import Attempt
from libsep.batch.schedule.window import Window
from libsep.track import Outcome


class Night:
    """Holds the estimate of each track against the time that is left.

    Parameters
    ----------
    window
        The time of the run.
    pace
        Estimates how long a track takes; learns while the run goes on.
    margin
        Factor by which a track may take longer than estimated and still end in time.
    """

    def __init__(self, window: Window, pace: Pace, *, margin: float) -> None:
        self.window = window
        self._pace = pace
        self._margin = margin

    @property
    def reason(self) -> str:
        """Why no further track is started, once none fits any more."""
        return f"window closed: what is left would not end by {self.window.closes_at()}"

    def fits(self, attempt: Attempt) -> bool:
        """Return whether a track that starts now would end before the window closes."""
        model = attempt.assignment.model if attempt.assignment is not None else None
        expected_s = self._pace.expected_s(model, attempt.expected_s)
        return self._margin * expected_s <= self.window.left_s()

    def note(self, outcome: Outcome, elapsed_s: float) -> None:
        """Learn from a track that has ended ``elapsed_s`` after it was started."""
        self._pace.note(outcome, elapsed_s)

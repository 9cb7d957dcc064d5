"""What a person sees while a run lasts: bars on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Collection

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.table import Column
from rich.text import Text

from libsep.batch.schedule.window import Window
from libsep.cli.lines import describe, markup
from libsep.report.summary import Summary
from libsep.track import Outcome, Track, path_to_text
from libsep.units import counted, format_duration

MAX_LINES = 200
"""Tracks of a run up to which each has its line where there is no terminal; a longer run tells
failures, and how far it is now and then."""

REPORT_S = 600.0
"""Seconds between two lines that tell how far a long run is."""


class Speed:
    """Hours of audio and speed so far, from the seconds of audio that ended and those to come.

    A track whose stem file is only moved or tagged has its length in no time: it does not count,
    and of the time that has passed, only the share of the others does. A track that failed took
    its time and did no audio.
    """

    def __init__(self, total_s: float) -> None:
        self.total_s = total_s
        self.done_s = 0.0
        self._start_s = time.monotonic()
        self._work_s = 0.0
        self._others_s = 0.0

    def count(self, outcome: Outcome, expected_s: float) -> None:
        """Count the audio of a track as done, or as not to be done if nothing was converted."""
        self.total_s -= expected_s
        is_conversion = outcome.status == "done" and outcome.action == "convert"
        if is_conversion:
            self.total_s += outcome.duration_s
            self.done_s += outcome.duration_s
        if is_conversion or outcome.status == "failed":
            self._work_s += outcome.wall_s
        else:
            self._others_s += outcome.wall_s

    def restart(self) -> None:
        """Count from now: the separators are ready."""
        self._start_s = time.monotonic()

    @property
    def times_real_time(self) -> float:
        """Seconds of audio per second of wall clock that goes into conversions and failures."""
        share = self._work_s / (self._work_s + self._others_s) if self._work_s else 1.0
        return self.done_s / max(share * (time.monotonic() - self._start_s), 1e-3)

    def remaining_s(self) -> float | None:
        """Return the seconds that the rest will take at this speed; None before the first track."""
        if not self.done_s:
            return None
        return max(self.total_s - self.done_s, 0.0) / self.times_real_time


class SpeedColumn(ProgressColumn):
    """``2.1 h of 7.9 h · 14.2 × real time · 0:24:10 left · 1 failed``."""

    def __init__(self, speed: Speed, summary: Summary) -> None:
        super().__init__()
        self._speed = speed
        self._summary = summary

    def render(self, task: Task) -> Text:
        """Return the figures of the run so far."""
        return figures(self._speed, self._summary)


def figures(speed: Speed, summary: Summary) -> Text:
    """Return how far a run is: hours of audio, speed, time left, failures."""
    text = Text(f"{_hours(speed.done_s)} of {_hours(speed.total_s)}", no_wrap=True)
    if (left_s := speed.remaining_s()) is not None:
        text.append(f" · {speed.times_real_time:.1f} × real time", style="green")
        text.append(f" · {format_duration(left_s)} left")
    if summary.n_failed:
        text.append(f" · {summary.n_failed} failed", style="bold red")
    return text


class RunDisplay:
    """Listens to a run and shows it on standard error; use it as a context manager.

    On a terminal a bar moves. Elsewhere (systemd, cron, a file) a short run has a line for each
    track, and a long one a line every ten minutes, and for each failure.

    Parameters
    ----------
    tracks
        All tracks that the run will take.
    summary
        Gathers the outcomes.
    window
        The time that the run has.
    moved
        Sources that may be old tracks elsewhere, of which nothing is to be converted then.
    """

    def __init__(
        self,
        tracks: list[Track],
        summary: Summary,
        window: Window,
        moved: Collection[str] = (),
    ) -> None:
        self._console = Console(stderr=True, soft_wrap=True, highlight=False)
        self._summary = summary
        self._window = window
        self._n_tracks = len(tracks)
        self._n_moved = len(moved)
        self._audio_s = {path_to_text(t.source): t.expected_s for t in tracks}
        self._audio_s |= dict.fromkeys(moved, 0.0)
        self._speed = Speed(sum(self._audio_s.values(), 0.0))
        self._in_work: list[str] = []
        self._reported_s = time.monotonic()
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.completed:.0f} of {task.total:.0f} tracks"),
            BarColumn(bar_width=16),
            SpeedColumn(self._speed, summary),
            TextColumn(
                "[cyan]{task.fields[models]}[/] [dim]{task.fields[now]}",
                table_column=Column(no_wrap=True, ratio=1),
            ),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._models = ""
        self._task = self._progress.add_task(
            "run", total=self._n_tracks, models="", now="starting Ray"
        )

    def __enter__(self) -> "RunDisplay":
        """Show the bar, and in which time how much is to be done."""
        if self._window.is_limited or self._is_brief:
            limited = self._window.is_limited
            until = f", window closes at {self._window.closes_at()}" if limited else ""
            audio = _hours(self._speed.total_s)
            moved = f", {self._n_moved:,} of them moved" * bool(self._n_moved)
            tracks = counted(self._n_tracks, "track")
            self._line(f"[dim]{tracks}{moved}, {audio} of audio{until}[/]")
        self._progress.start()
        return self

    def __exit__(self, *exc: object) -> None:
        """Take the bar away."""
        self._progress.stop()

    def separators_ready(self, description: str, n_separators: int) -> None:
        """Show where the network runs, and count time from here."""
        self._speed.restart()
        plural = "s" if n_separators > 1 else ""
        self._line(f"[dim]{n_separators} separator{plural}: {markup(description)}[/]")

    def machines_changed(self, description: str) -> None:
        """Say what a cluster has become."""
        self._line(f"[yellow]cluster: {markup(description)}[/]")

    def models_changed(self, live: dict[str, int]) -> None:
        """Show which models the separators hold, once there is more than one."""
        if len(live) > 1 or self._models:
            self._models = ", ".join(f"{name} × {count}" for name, count in live.items())
            self._progress.update(self._task, models=markup(self._models))
            if self._progress.disable:
                self._line(f"[dim]models: {markup(self._models)}[/]")

    def track_started(self, track: Track) -> None:
        """Show a track as in work."""
        self._in_work.append(path_to_text(track.source))
        self._show_work()

    def track_crashed(self, track: Track) -> None:
        """Take a track out of work: its process died."""
        self._in_work.remove(path_to_text(track.source))
        self._show_work()

    def track_ended(self, outcome: Outcome) -> None:
        """Count an outcome; print a line if it failed, or if there is no bar and few tracks."""
        self._summary.add(outcome)
        self._speed.count(outcome, self._audio_s.get(outcome.source, 0.0))
        if outcome.source in self._in_work:
            self._in_work.remove(outcome.source)
        self._progress.advance(self._task)
        self._show_work()
        if outcome.status == "failed" or (self._progress.disable and not self._is_brief):
            self._line(f"[dim]{self._summary.n_ended}/{self._n_tracks}[/] {describe(outcome)}")
        if self._is_brief and time.monotonic() - self._reported_s >= REPORT_S:
            self._reported_s = time.monotonic()
            n_ended, now = self._summary.n_ended, time.strftime("%H:%M")
            done = figures(self._speed, self._summary).plain
            self._line(f"{now} {n_ended:,} of {self._n_tracks:,} tracks · {done}")

    @property
    def _is_brief(self) -> bool:
        """Whether there is no terminal, and too much to do for a line about each track."""
        return bool(self._progress.disable) and self._n_tracks > MAX_LINES

    def drains(self, reason: str, *, is_interrupted: bool) -> None:
        """Say why no further track is started."""
        has_keyboard = bool(sys.stdin and sys.stdin.isatty())
        again = " Ctrl-C again aborts." if is_interrupted and has_keyboard else ""
        self._line(f"[yellow]{markup(reason)}: finishing the tracks in work.{again}[/]")

    def _show_work(self) -> None:
        first = self._in_work[0].rpartition("/")[2] if self._in_work else ""
        self._progress.update(self._task, now=markup(first[:40]))

    def _line(self, text: str) -> None:
        self._console.print(text)


def _hours(duration_s: float) -> str:
    return f"{duration_s / 3600:.1f} h" if duration_s >= 3600 else f"{duration_s / 60:.1f} min"

"""What a person sees while a network trains: a bar on a terminal, plain lines elsewhere."""

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.text import Text

from libsep.training.gate import with_share
from libsep.units import format_duration


class TrainingDisplay:
    """Shows the records of a training on standard error.

    Parameters
    ----------
    step, n_steps
        Where the training begins and ends.
    best_sdr_db
        Mean SDR of the best weights so far, in dB; minus infinity if there are none.
    """

    def __init__(self, step: int, n_steps: int, best_sdr_db: float) -> None:
        self._console = Console(stderr=True, soft_wrap=True, highlight=False)
        self._n_steps = n_steps
        self._best_sdr_db = best_sdr_db
        self._sdr_db: float | None = None
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("step {task.completed:.0f} of {task.total:.0f}"),
            BarColumn(bar_width=16),
            TextColumn("{task.fields[figures]}"),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._progress.add_task(
            "train", total=n_steps, completed=step, figures="loading"
        )
        self._progress.start()

    def show_numbers(self, step: int, numbers: dict[str, float]) -> None:
        """Show loss, speed and time left; without a terminal as a line."""
        parts = [f"loss {numbers['loss']:.4f}"] if "loss" in numbers else []
        parts.append(f"{numbers['times_real_time']:.1f} × real time")
        if self._sdr_db is not None:
            parts.append(f"SDR {self._sdr_db:.2f} dB, best {self._best_sdr_db:.2f}")
        parts.append(f"{format_duration(60 * numbers['eta_min'])} left")
        figures = " · ".join(parts)
        self._progress.update(self._task, completed=step, figures=figures)
        if self._progress.disable:
            self._console.print(f"step {step} of {self._n_steps} · {figures}")

    def show_scores(self, step: int, numbers: dict[str, float]) -> None:
        """Print a validation as a line: SDR by target, and whether these weights are the best."""
        self._sdr_db = numbers.get("sdr_db/mean", self._sdr_db)
        best = f", best {self._best_sdr_db:.2f}"
        if numbers["is_best"] and self._sdr_db is not None:
            share = numbers.get("start_share", 0.0)
            self._best_sdr_db = numbers.get(f"{with_share('sdr_db', share)}/mean", self._sdr_db)
            kept = f" with {share:g} of the start kept: {self._best_sdr_db:.2f}" if share else ""
            best = f", the best{kept}"
        scores = ", ".join(
            f"{name.removeprefix('sdr_db/')} {value:.2f}"
            for name, value in numbers.items()
            if name.startswith("sdr_db/")
        )
        self._console.print(f"step {step}: SDR {scores} dB{best}")

    def show_warning(self, text: str) -> None:
        """Print what a person should know of."""
        self._console.print(Text(text, "yellow"))

    def close(self) -> None:
        """Take the bar away."""
        self._progress.stop()

"""What a person is asked and told by ``libsep distil``."""

import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from libsep.batch.distillation.run import Result
from libsep.cli.lines import markup
from libsep.config import DistillationConfig, load
from libsep.config.section import parse
from libsep.errors import ConfigError
from libsep.genre.names import GENRES
from libsep.training.distillation.install import licences_of
from libsep.training.distillation.job import STUDENT, DistillationJob
from libsep.training.distillation.judgement import Judgement
from libsep.training.distillation.price import Price
from libsep.units import format_bytes, format_duration

EXIT_NOT_PASSED = 1
EXIT_SIGNAL = 128

REPORT_EVERY = 20
"""Labels between two lines that tell how many there are."""


def distillation_config(
    path: Path | None, *, size: str, genre: str | None, max_gb: float | None, device: str | None
) -> DistillationConfig:
    """Return the configuration: defaults, then the file, then the options.

    Raises
    ------
    ConfigError
        A field is unknown or out of range, or there is no such genre.
    """
    if genre is not None and genre not in GENRES:
        raise ConfigError(f"--genre: {genre!r}, expected one of {', '.join(GENRES)}")
    loaded = load(DistillationConfig, path) if path else DistillationConfig()
    values = loaded.model_dump(exclude_unset=True)
    options: dict[tuple[str, ...], Any] = {
        ("training", "network", "size"): size,
        ("labels", "max_gb"): max_gb,
        ("separation", "device"): device,
    }
    training = loaded.training.model_dump(exclude_unset=True)
    values["training"] = training
    for (*sections, field), value in options.items():
        if value is not None:
            section = values
            for name in sections:
                section = section.setdefault(name, {})
            section[field] = value
    return parse(DistillationConfig, values, origin="options")


class Watcher:
    """Shows a distillation on standard error, and asks before it begins.

    Parameters
    ----------
    job
        What is done.
    is_agreed
        Whether it begins without a question.
    is_dry
        Whether it ends after its price is told.
    """

    def __init__(self, job: DistillationJob, *, is_agreed: bool, is_dry: bool) -> None:
        self._job = job
        self._is_agreed = is_agreed
        self._is_dry = is_dry
        self.console = Console(stderr=True, soft_wrap=True, highlight=False)

    def say(self, message: str) -> None:
        """Show a sentence."""
        self.console.print(markup(message))

    def agrees(self, price: Price) -> bool:
        """Show price and licences; ask, unless that is settled.

        Raises
        ------
        ConfigError
            Nobody is there to be asked.
        """
        self.console.print(_price_table(self._job, price))
        for line in licences_of(self._job):
            self.console.print(f"[yellow]{markup(line)}[/]")
        self.say(
            "The student comes of these weights, so their licences are its own. Whether you may "
            "train on your music is for you to know."
        )
        if self._is_dry:
            return False
        if self._is_agreed:
            return True
        if not sys.stdin.isatty():
            raise ConfigError("nobody is there to be asked whether to begin, expected --yes")
        return self.console.input("Begin? \\[y/N] ").strip().lower() in ("y", "yes")

    def labelled(self, n_done: int, n_blocks: int) -> None:
        """Show how many blocks have their label, now and then."""
        if n_done % REPORT_EVERY == 0 or n_done == n_blocks:
            self.say(f"labels: {n_done} of {n_blocks}")


def ending(job: DistillationJob, result: Result, watcher: Watcher) -> int:
    """Print how it ended; return the exit code."""
    if result.interrupted is not None:
        watcher.say("interrupted; the same command goes on from here")
        return EXIT_SIGNAL + result.interrupted
    if result.judgement is None:
        return 0
    console = Console(highlight=False, soft_wrap=True)
    console.print(_marks_table(result.judgement))
    for reason in result.judgement.reasons:
        console.print(markup(reason))
    if not result.judgement.is_passed:
        console.print(f"not installed; the student lies in {markup(str(job.model))}")
        return EXIT_NOT_PASSED
    if result.installed is not None:
        console.print(
            f"installed: libsep run takes it for {job.genre} from now on "
            f"({markup(str(result.installed))})"
        )
    else:
        console.print(f"passed; use it with: libsep run … --model {markup(str(job.model))}")
    return 0


def _price_table(job: DistillationJob, price: Price) -> Table:
    teacher = job.teacher.name
    n_judges = sum(block.is_held_back for block in price.blocks)
    labels = f"{len(price.blocks)} blocks, {price.hours_of_music:.2f} h, {n_judges} of them judge"
    speed = (
        f"{format_duration(price.label_s)} for {price.n_left} blocks, {price.block_s:.1f} s for "
        f"one, {price.n_at_once} at a time"
        if price.n_left
        else "all there"
    )
    rows = {
        "tracks": f"{price.n_tracks}" + (f" of {job.genre}" if job.genre else ""),
        "labels": labels,
        "disk": f"{format_bytes(price.n_bytes)} at most",
        f"{teacher} takes": speed,
        "the student takes": f"{format_duration(price.training_s)} for {price.n_steps} steps of "
        f"{price.step_s:.2f} s",
        "in all": f"{format_duration(price.label_s + price.training_s)}, without the judgement",
    }
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, text in rows.items():
        table.add_row(markup(name), markup(text))
    return table


def _marks_table(judgement: Judgement) -> Table:
    table = Table(
        "model", "true SDR", "towards the teacher", "speed", box=None, padding=(0, 2, 0, 0)
    )
    for name, marks in judgement.marks.items():
        texts = [
            f"{values['mean']:.2f} dB" if "mean" in values else "-"
            for values in (marks.true, marks.towards_teacher)
        ]
        speed = f"{1 / marks.cost_s:.1f} × real time" if marks.cost_s > 0 else "-"
        label = f"[bold]{name}[/]" if name == STUDENT else markup(name)
        table.add_row(label, *texts, speed)
    return table

"""What a training writes down while it runs: curve, TensorBoard, picture, display."""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from libsep.datasets.songs import Song
from libsep.errors import ConfigError, reason_of
from libsep.media.decode import SAMPLE_RATE
from libsep.training.records import board, plot
from libsep.training.records.board import Board
from libsep.training.records.curve import CURVE, flattened, read_curve
from libsep.training.records.display import TrainingDisplay
from libsep.training.records.excerpt import choose_excerpt, separated
from libsep.training.state import State
from libsep.training.step import as_separation_network
from libsep.training.synthesis.pool import RenderPool

logger = logging.getLogger(__name__)


class Journal:
    """Takes every record of a run; the first worker has one.

    Parameters
    ----------
    folder
        The run's: ``curve.jsonl`` receives a line for each record, ``tensorboard`` the same
        numbers (and excerpts), ``curve.png`` the picture.
    step
        Where the run begins, or goes on.
    songs
        The validation, from which the excerpt comes; none without songs.
    display
        Shows the records to a person; nobody watches without it.
    pool
        The sampler's songs; when fewer new ones come or none any more, that is recorded and told
        with the next record, and told once more at the end.
    """

    def __init__(
        self,
        folder: Path,
        *,
        step: int,
        songs: Sequence[Song],
        display: TrainingDisplay | None = None,
        pool: RenderPool | None = None,
    ) -> None:
        self._folder = folder
        self._display = display
        self._pool = pool
        self._stop = ""
        self._is_drawn = False
        self._board = None
        self._excerpt = None
        if board.IS_INSTALLED:
            self._board = Board(folder, step=step + 1, sample_rate=SAMPLE_RATE)
            self._excerpt = choose_excerpt(songs, SAMPLE_RATE) if songs else None
        missing = [] if board.IS_INSTALLED else ["TensorBoard"]
        missing += [] if plot.IS_INSTALLED else ["curve.png"]
        if missing:
            logger.warning(
                "not installed, so left out: %s (pip install libsep[train])", ", ".join(missing)
            )

    def record(self, step: int, values: Mapping[str, object]) -> None:
        """Write down numbers of a step: metrics with speed, or the scores of a validation."""
        logger.debug("training: step %d: %s", step, values)
        self._append(step, values)
        numbers = flattened(values)
        if self._board is not None:
            self._board.add_numbers(step, numbers)
        is_validation = "is_best" in numbers
        if is_validation:
            self._plot()
        if self._display is not None:
            show = self._display.show_scores if is_validation else self._display.show_numbers
            show(step, numbers)
        stop = self._pool.stop() if self._pool is not None else ""
        if stop not in ("", self._stop):
            self._stop = stop
            self._append(step, {"sampler": stop})
            self._warn(f"step {step}: {stop}")

    def listen(self, state: State, *, is_bfloat16: bool) -> None:
        """Write down what the averaged weights make of the excerpt."""
        if self._board is None or self._excerpt is None:
            return
        network = as_separation_network(state.average)
        estimates = separated(self._excerpt, network, SAMPLE_RATE, is_bfloat16=is_bfloat16)
        self._board.add_excerpt(state.step, self._excerpt, estimates)

    def close(self) -> None:
        """Draw the whole curve, say once more what was amiss, and end TensorBoard and display."""
        if not self._is_drawn:
            self._plot()
        if self._stop:
            self._warn(f"not to be overlooked: {self._stop}")
        if self._board is not None:
            self._board.close()
        if self._display is not None:
            self._display.close()

    def _append(self, step: int, values: Mapping[str, object]) -> None:
        self._is_drawn = False
        line = json.dumps({"time": round(time.time(), 1), "step": step, **values})
        path = self._folder / CURVE
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as exc:
            raise ConfigError(f"{path}: cannot be written: {reason_of(exc)}") from exc

    def _warn(self, text: str) -> None:
        if self._display is None:
            logger.warning("training: %s", text)
        else:
            self._display.show_warning(text)

    def _plot(self) -> None:
        if plot.IS_INSTALLED:
            plot.plot_curve(read_curve(self._folder / CURVE), self._folder / plot.PICTURE)
        self._is_drawn = True

"""The training loop: steps until the end, with log lines, validations and checkpoints between."""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence

from libsep.config import TrainingConfig
from libsep.datasets.songs import Song
from libsep.evaluation.scores import mean_by_target
from libsep.training import distributed
from libsep.training.job import BEST, CHECKPOINT
from libsep.training.records.journal import Journal
from libsep.training.stage import Stage, uses_bfloat16
from libsep.training.state import State
from libsep.training.validate import Measures

Save = Callable[[State, str], None]
"""Saves a state under a name. It is called in all workers, at the same step."""


class Loop:
    """Repeats a stage until its last step.

    Parameters
    ----------
    config
        Length of the training and intervals.
    stage
        What is repeated.
    songs
        The validation; without any there is none.
    journal
        Takes the records; the first worker has one, the others have none.
    save
        Takes the checkpoints.
    """

    def __init__(
        self,
        config: TrainingConfig,
        stage: Stage,
        songs: Sequence[Song],
        *,
        journal: Journal | None,
        save: Save,
    ) -> None:
        self._config = config
        self._stage = stage
        self._songs = songs
        self._journal = journal
        self._save = save

    def run(self) -> None:
        """Step until the end."""
        config, state = self._config, self._stage.state
        speed = _Speed(config, state)
        validated = saved = time.monotonic()
        metrics: dict[str, list[float]] = defaultdict(list)
        if state.step == 0 and self._songs and self._stage.validates_start:
            self._validate()
        while state.step < config.optimiser.n_steps:
            for name, value in self._stage.step().items():
                metrics[name].append(value)
            is_last = state.step == config.optimiser.n_steps
            if state.step % config.log_interval and not is_last:
                continue
            self._write(_means(metrics) | speed.figures())
            metrics.clear()
            is_best = False
            if self._songs and self._is_due(validated, config.validation_interval_s, is_last):
                is_best = self._validate()
                validated = time.monotonic()
            # A training that is resumed knows of the best weights, and does not replace them by
            # others that are better than those before.
            if self._is_due(saved, config.checkpoint_interval_s, is_last or is_best):
                self._save(state, CHECKPOINT)
                saved = time.monotonic()

    def _is_due(self, last_s: float, interval_s: float, is_now: bool) -> bool:  # noqa: FBT001 # private
        return distributed.agreed(is_due=is_now or time.monotonic() - last_s > interval_s)

    def _validate(self) -> bool:
        """Score the averaged weights, each worker on its share of the songs; keep the best.

        Return whether these are the best.
        """
        share = self._songs[distributed.worker() :: distributed.n_workers()]
        shares = distributed.gathered({str(distributed.worker()): self._stage.validate(share)})
        measures: Measures = {}
        for found in shares.values():
            for name, scores in found.items():
                measures.setdefault(name, {}).update(scores)
        means = {name: mean_by_target(scores) for name, scores in measures.items()}
        verdict = self._stage.judge(means)
        if verdict.is_best:
            self._save(self._stage.state.between(verdict.start_share), BEST)
        by_song = {f"{name}_by_song": scores for name, scores in measures.items()}
        verdicts: dict[str, object] = {"is_best": verdict.is_best, "verdict": verdict.reason}
        if verdict.start_share:
            verdicts["start_share"] = verdict.start_share
        self._write({**means, **by_song, **verdicts})
        if self._journal is not None:
            self._journal.listen(self._stage.state, is_bfloat16=uses_bfloat16(self._config))
        return verdict.is_best

    def _write(self, values: dict[str, object]) -> None:
        if self._journal is not None:
            self._journal.record(self._stage.state.step, values)


class _Speed:
    """How fast a run is, since its start."""

    def __init__(self, config: TrainingConfig, state: State) -> None:
        self._config = config
        self._state = state
        self._first = state.step
        self._started = time.monotonic()

    def figures(self) -> dict[str, object]:
        """Return speed, minutes to the end, and hours of audio that all workers have seen."""
        elapsed_s = time.monotonic() - self._started
        n_steps = self._state.step - self._first
        example_s = distributed.n_workers() * self._config.material.segment_s
        step_s = example_s * self._config.optimiser.n_batch
        left_s = (self._config.optimiser.n_steps - self._state.step) * elapsed_s / n_steps
        return {
            "times_real_time": round(n_steps * step_s / elapsed_s, 2),
            "eta_min": round(left_s / 60, 1),
            "audio_h": round(self._state.n_examples * example_s / 3600, 3),
        }


def _means(metrics: dict[str, list[float]]) -> dict[str, object]:
    """Return the mean of each metric to five digits; of the learning rate the last value."""
    means: dict[str, object] = {
        name: float(f"{sum(values) / len(values):.5g}") for name, values in metrics.items()
    }
    return means | {"rate": metrics["rate"][-1]} if "rate" in metrics else means

"""From folders of music to a super-resolution network: the loop with its checkpoints and gate."""

import dataclasses
import functools
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import yaml
from jaxtyping import Float32

from libsep.config import RestorationTrainingConfig
from libsep.datasets.audio_cache import FULL_SCALE, AudioCache
from libsep.evaluation.restoration import Subject, cut_cases, evaluate_restoration, with_band
from libsep.ledger.lock import RunLock
from libsep.media.atomic import write_text
from libsep.media.decode import SAMPLE_RATE
from libsep.separation.cpu import has_native_bfloat16, tune_allocator
from libsep.training.gate import Verdict
from libsep.training.job import BEST, CHECKPOINT, CONFIG
from libsep.training.records.journal import Journal
from libsep.training.restoration.examples import Examples
from libsep.training.restoration.material import (
    Recording,
    find_files,
    load_recordings,
    with_copies,
)
from libsep.training.restoration.step import (
    as_amplitude_phase_net,
    begin,
    restoration_step,
)
from libsep.training.state import State
from libsep.training.weights.checkpoint import load_checkpoint, save_checkpoint

logger = logging.getLogger(__name__)

Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class RestorationJob:
    """What a training is told, and where its files are; the cache may be shared.

    ``start`` is what it begins with: a model's name, its folder, or a checkpoint.
    """

    config: RestorationTrainingConfig
    data: tuple[Path, ...]
    validation: tuple[Path, ...]
    out: Path
    cache: Path
    start: str | None = None


def train_restoration(job: RestorationJob, say: Say = logger.info) -> None:
    """Train until the last step; a checkpoint in the output folder is resumed from.

    The output folder receives ``config.yaml``, ``checkpoint.pt`` (the newest), ``best.pt`` (the
    best on the validation), ``curve.jsonl``, the same as ``curve.png`` and for TensorBoard. The
    same material, seed and number of threads give the same weights. ``say`` is told how far it is.

    Raises
    ------
    ConfigError
        There is no full-band material, the start is not there or damaged, or it or the checkpoint
        belongs to another network.
    LedgerError
        Another training writes to the output folder.
    """
    tune_allocator()
    torch.set_num_threads(job.config.threads)
    with RunLock(job.out, run=job.out.name):
        values = job.config.model_dump(mode="json")
        write_text(job.out / CONFIG, yaml.safe_dump(values, sort_keys=False))
        is_resumed = (job.out / CHECKPOINT).is_file()
        state = begin(job.config, None if is_resumed else job.start)
        if is_resumed:
            load_checkpoint(job.out / CHECKPOINT, state)
            say(f"goes on after step {state.step}")
        recordings, subjects = _load(job, say)
        network = as_amplitude_phase_net(state.network)
        examples = Examples(recordings, job.config.material, SAMPLE_RATE, network.n_fft)
        journal = Journal(job.out, step=state.step, songs=())
        try:
            _Loop(job, state, examples, subjects, journal, say).run()
        finally:
            journal.close()


def judge_distance(state: State, distance: float, config: RestorationTrainingConfig) -> Verdict:
    """Prefer the smallest log-spectral distance; of adversarial steps, the newest that keeps it.

    Once the network hears discriminators, the distance to keep is the best one before, with
    ``adversarial.max_distance_gain`` on top, and is not lowered any more.
    """
    adversarial = config.adversarial
    first = adversarial.from_step + adversarial.n_warmup_steps if adversarial else None
    best = state.best_distance
    if adversarial is None or first is None or state.step <= first or not np.isfinite(best):
        if distance < best:
            state.best_distance = distance
            return Verdict(is_best=True, reason=f"distance {distance:.4f}, the smallest")
        return Verdict(is_best=False, reason=f"distance {distance:.4f}, the best has {best:.4f}")
    limit = best * (1 + adversarial.max_distance_gain)
    if distance <= limit:
        return Verdict(is_best=True, reason=f"distance {distance:.4f}, at most {limit:.4f} allowed")
    reason = f"refused: distance {distance:.4f}, at most {limit:.4f} allowed"
    return Verdict(is_best=False, reason=reason)


class _Loop:
    """Repeats the step, with log lines, validations and checkpoints between."""

    def __init__(
        self,
        job: RestorationJob,
        state: State,
        examples: Examples,
        subjects: Sequence[Subject],
        journal: Journal,
        say: Say,
    ) -> None:
        self._out = job.out
        self._validates_start = job.start is not None
        self._config = job.config
        self._state = state
        self._examples = examples
        self._subjects = subjects
        self._journal = journal
        self._say = say
        precision = job.config.precision
        is_native = precision == "auto" and has_native_bfloat16()
        self._is_bfloat16 = is_native or precision == "bfloat16"
        self._started = time.monotonic()
        self._first = state.step

    def run(self) -> None:
        """Step until the end."""
        config, state = self._config, self._state
        validated = saved = time.monotonic()
        metrics: dict[str, list[float]] = defaultdict(list)
        if self._validates_start and state.step == 0 and self._subjects:
            self._validate()  # the distance to keep, or to lower, is that of the start
        while state.step < config.optimiser.n_steps:
            batch = self._examples.batch(config.seed, state.step, config.optimiser.n_batch)
            step = restoration_step(state, batch, config, is_bfloat16=self._is_bfloat16)
            for name, value in step.items():
                metrics[name].append(value)
            is_last = state.step == config.optimiser.n_steps
            if state.step % config.log_interval and not is_last:
                continue
            self._log(metrics)
            metrics.clear()
            is_best = False
            if self._subjects and (is_last or _is_due(validated, config.validation_interval_s)):
                is_best = self._validate()
                validated = time.monotonic()
            # A training that is resumed knows of the best weights: see `libsep.training.loop`.
            if is_last or is_best or _is_due(saved, config.checkpoint_interval_s):
                save_checkpoint(self._out / CHECKPOINT, state)
                saved = time.monotonic()

    def _log(self, metrics: Mapping[str, list[float]]) -> None:
        state, config = self._state, self._config
        n_steps = config.optimiser.n_steps
        elapsed_s = time.monotonic() - self._started
        step_s = elapsed_s / (state.step - self._first)
        audio_h = state.n_examples * config.material.segment_s / 3600
        values = {name: float(f"{np.mean(list_):.5g}") for name, list_ in metrics.items()}
        left_min = (n_steps - state.step) * step_s / 60
        speed = {"audio_h": round(audio_h, 3), "eta_min": round(left_min, 1)}
        self._journal.record(state.step, values | {"rate": metrics["rate"][-1]} | speed)
        self._say(
            f"step {state.step} of {n_steps} · loss {values['loss']:.4f} · "
            f"{audio_h:.2f} h of audio · {left_min:.0f} min left"
        )

    def _validate(self) -> bool:
        """Measure the averaged weights, and keep them if they are the best; return whether."""
        distances = self._distances()
        distance = float(np.mean(list(distances.values())))
        verdict = judge_distance(self._state, distance, self._config)
        if verdict.is_best:
            save_checkpoint(self._out / BEST, self._state)
        scores = {**distances, "mean": distance}
        values = {"lsd_high": scores, "is_best": verdict.is_best, "verdict": verdict.reason}
        self._journal.record(self._state.step, values)
        told = ", ".join(f"{name} {value:.3f}" for name, value in scores.items())
        self._say(f"step {self._state.step}: LSD above the cut {told}; {verdict.reason}")
        return verdict.is_best

    def _distances(self) -> dict[str, float]:
        """Return the mean log-spectral distance above each cut-off."""
        average = as_amplitude_phase_net(self._state.average)

        def fill(spectrum: torch.Tensor, first_bins: torch.Tensor) -> torch.Tensor:
            with torch.autocast("cpu", torch.bfloat16, enabled=self._is_bfloat16):
                made: torch.Tensor = average(spectrum, first_bins)
            return made

        restore = functools.partial(with_band, sample_rate=SAMPLE_RATE, fill=fill)
        found: dict[str, list[float]] = defaultdict(list)
        for row in evaluate_restoration(self._subjects, {"network": restore}, SAMPLE_RATE):
            found[row.case].append(row.lsd_high)
        return {case: float(np.mean(values)) for case, values in found.items()}


def excerpt(recording: Recording, duration_s: float) -> Float32[np.ndarray, "2 T"]:
    """Return the middle of a recording, full scale ±1.0."""
    length = int(duration_s * SAMPLE_RATE)
    start = max((recording.samples.shape[1] - length) // 2, 0)
    return recording.samples[:, start : start + length].astype(np.float32) / FULL_SCALE


def _load(job: RestorationJob, say: Say) -> tuple[list[Recording], list[Subject]]:
    """Return the material; what is in the validation is not trained on, wherever it lies."""
    config, cache = job.config.material, AudioCache(job.cache, SAMPLE_RATE)
    judged = find_files(job.validation) if job.validation else []
    held_out = {path.resolve() for path in judged}
    files = [f for f in find_files(job.data, config.exclude) if f.resolve() not in held_out]
    found = load_recordings(files, cache, config.min_bandwidth_hz, say)
    recordings = with_copies(found, cache, config, job.config.seed, say)
    subjects = []
    if judged:
        say("validation:")
        for path, recording in load_recordings(judged, cache, config.min_bandwidth_hz, say):
            source = excerpt(recording, job.config.validation_s)
            cases = cut_cases(source, recording.bandwidth_hz, SAMPLE_RATE)
            subjects.append(Subject(str(path), source, recording.bandwidth_hz, cases))
    return recordings, subjects


def _is_due(last_s: float, interval_s: float) -> bool:
    return time.monotonic() - last_s > interval_s

"""Whether a student is better for this music than what there was, on music it has not seen."""

import dataclasses
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from libsep.config import SeparationConfig
from libsep.datasets.audio_cache import AudioCache
from libsep.datasets.songs import Song, find_songs, load_song
from libsep.datasets.sums import targets_of
from libsep.evaluation.scores import Scores, mean_by_target, score_song
from libsep.evaluation.separate import separate_song
from libsep.media.decode import SAMPLE_RATE
from libsep.separation.grid import segment_grid
from libsep.separation.registry import Model
from libsep.separation.separator import Separator
from libsep.track import TARGETS
from libsep.training.distillation.job import STUDENT
from libsep.training.distillation.teacher import as_sources

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Exam:
    """What models are held against: labels of tracks nobody trained on, and true stems.

    ``truths`` may be empty.
    """

    labels: Sequence[Song]
    truths: Sequence[Song]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Marks:
    """How a model did: SDR in dB by source and ``mean``, and CPU or GPU time for each second.

    ``towards_teacher`` is empty for the teacher itself.
    """

    towards_teacher: Mapping[str, float]
    true: Mapping[str, float]
    cost_s: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judgement:
    """Whether the student is installed, and why or why not; ``marks`` are by model."""

    is_passed: bool
    reasons: tuple[str, ...]
    marks: Mapping[str, Marks]


def load_exam(held_back: Path, validation: Sequence[Path], cache: AudioCache) -> Exam:
    """Return the songs of an exam.

    Raises
    ------
    ConfigError
        A song is damaged.
    """
    labels = [load_song(song, cache) for song in find_songs(held_back)]
    truths = [load_song(song, cache) for path in validation for song in find_songs(path)]
    return Exam(labels=labels, truths=truths)


def marks_of(model: Model, exam: Exam, config: SeparationConfig, *, is_teacher: bool) -> Marks:
    """Let a model separate the songs of an exam, as a conversion would.

    Raises
    ------
    ModelError, ConfigError
        It cannot be loaded, or its device is not there.
    SeparationError
        It fails on a song.
    """
    separator = Separator(model, device=config.device, precision=config.precision)
    began_s = time.process_time() if separator.device == "cpu" else time.perf_counter()
    found: list[Scores] = []
    heard_s = 0.0
    for songs in ((), exam.truths) if is_teacher else (exam.labels, exam.truths):
        scores: Scores = {}
        for song in songs:
            estimates = separate_song(
                song, separator, segment_grid(config, model, sample_rate=SAMPLE_RATE)
            )
            scores[song.name] = _scored(song, model, estimates)
            heard_s += song.n_samples / SAMPLE_RATE
        found.append(scores)
    ended_s = time.process_time() if separator.device == "cpu" else time.perf_counter()
    towards, true = (mean_by_target(scores) for scores in found)
    cost_s = (ended_s - began_s) / heard_s if heard_s else float("nan")
    return Marks(towards_teacher=towards, true=true, cost_s=cost_s)


def judge(
    marks: Mapping[str, Marks], *, teacher: str, before: Sequence[str], gain_db: float
) -> Judgement:
    """Pass a student that beats all models which served this music before.

    True stems decide where there are any. Without them the teacher is believed: the student must
    come nearer to its labels than the models before, so it cannot pass if it is one of them that
    taught. A student that is neither better nor cheaper than its teacher never passes.

    Parameters
    ----------
    marks
        Of each model, by name; of the student by `STUDENT`.
    teacher, before
        Names of the models.
    gain_db
        By how much the student's mean must exceed theirs.
    """
    own = marks[STUDENT]
    refusals: list[str] = []
    praises: list[str] = []
    for name in before:
        if own.true and marks[name].true:
            kind, one, other = "true SDR", own.true, marks[name].true
        elif name == teacher:
            refusals.append(
                f"its labels are those of {name}, which serves this music already: only true stems "
                "could show that it is better (--validation)"
            )
            continue
        else:
            kind = "SDR towards the teacher"
            one, other = own.towards_teacher, marks[name].towards_teacher
        gain = _gain_db(one, other)
        text = f"{kind} {gain:+.2f} dB against {name}, at least {gain_db:+.2f} needed"
        (praises if gain >= gain_db else refusals).append(text)
    if own.true and marks[teacher].true and teacher not in before:
        gain = _gain_db(own.true, marks[teacher].true)
        text = f"true SDR {gain:+.2f} dB against its teacher {teacher}"
        if gain < 0 and own.cost_s >= marks[teacher].cost_s:
            refusals.append(f"{text}, and it is not faster than that")
        else:
            praises.append(text)
    return Judgement(is_passed=not refusals, reasons=tuple(refusals or praises), marks=dict(marks))


def _gain_db(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Return the difference of the means over the sources that both have."""
    common = [name for name in one if name in other and name != "mean"]
    if not common:
        return float("-inf")
    return float(np.mean([one[name] - other[name] for name in common]))


def _scored(song: Song, model: Model, estimates: np.ndarray) -> dict[str, float]:
    """Return the SDR of each source that a model gives, alone or as a sum."""
    by_source = as_sources(model.targets, estimates)
    if set(by_source) == set(TARGETS):
        return score_song(song, by_source)
    alone = {target: by_source[target] for target in TARGETS if target in by_source}
    kept = {name for name in song.known_sources if set(targets_of(name)) <= set(alone)}
    sources = {name: song.sources[name] for name in song.sources if name in kept}
    return score_song(Song(song.name, sources), alone) if sources else {}

"""Models and baselines on whole songs, several songs at once."""

import concurrent.futures
import contextlib
import dataclasses
import functools
import itertools
import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from libsep import log
from libsep.config import SeparationConfig
from libsep.datasets.audio_cache import AudioCache
from libsep.datasets.checks import check_song
from libsep.datasets.songs import Song, SongFiles, find_songs, load_song
from libsep.datasets.sums import in_order
from libsep.errors import ConfigError
from libsep.evaluation.baselines import baselines
from libsep.evaluation.measures import BssEval, References, measure_song
from libsep.evaluation.results import Row, SongResult
from libsep.evaluation.separate import separate_song
from libsep.machine import live_with_parent, temporary_folder
from libsep.media.decode import SAMPLE_RATE
from libsep.metrics import residual_db
from libsep.separation.cpu import tune_allocator, use_one_thread
from libsep.separation.grid import segment_grid
from libsep.separation.registry import Model, can_reconstruct, check_reconstruct, read_model
from libsep.separation.segments import SegmentGrid
from libsep.separation.separator import Separator
from libsep.separation.stream import SegmentSeparator
from libsep.track import TARGETS
from libsep.units import samples_to_seconds

logger = logging.getLogger(__name__)

MAX_RESIDUAL_DB = -15.0
"""Above this, a song's mixture is not the sum of its sources; mastering stays below."""

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What every song is put through.

    ``models`` are those to compare, by the name that results give them; the baselines are
    always beside them. With ``bss_eval`` SIR and SAR are measured too.
    """

    models: Mapping[str, Model]
    separation: SeparationConfig
    bss_eval: BssEval | None = None

    def name_of(self, model: Model) -> str:
        """Return the name that results give a model.

        Raises
        ------
        KeyError
            It is none of the plan's.
        """
        folders = {planned.folder.resolve(): name for name, planned in self.models.items()}
        return folders[model.folder.resolve()]

    def separation_of(self, model: Model) -> SeparationConfig:
        """Return how a model runs: what it has no choice in is not told to it."""
        if self.separation.reconstruct is None or can_reconstruct(model):
            return self.separation
        return self.separation.model_copy(update={"reconstruct": None})

    def without_choice(self) -> list[str]:
        """Return the names of models that run as ever though ``reconstruct`` is told.

        Raises
        ------
        ConfigError
            All of them do, so that it would change nothing.
        """
        reconstruct = self.separation.reconstruct
        if reconstruct is None:
            return []
        without = [name for name, model in self.models.items() if not can_reconstruct(model)]
        if len(without) == len(self.models):
            check_reconstruct(self.models[without[0]], reconstruct)
        return without


def plan_models(models: Sequence[Model]) -> dict[str, Model]:
    """Return models by their names, or by their folders where two have one name.

    Raises
    ------
    ConfigError
        One of them does not work at the sample rate of stem files.
    """
    planned: dict[str, Model] = {}
    for model in models:
        if model.sample_rate != SAMPLE_RATE:
            raise ConfigError(
                f"model {model.name}: works at {model.sample_rate} Hz, expected {SAMPLE_RATE} Hz"
            )
        if planned.get(model.name, model).folder.resolve() == model.folder.resolve():
            planned[model.name] = model
        else:
            planned[str(model.folder)] = model
    return planned


def gather_songs(datasets: Sequence[Path]) -> list[SongFiles]:
    """Return the songs of all datasets, each looked at by its headers; names become unique.

    Raises
    ------
    ConfigError
        A dataset holds no songs, or one of its songs is not whole; see
        `libsep.datasets.checks.check_song`.
    """
    songs: dict[str, SongFiles] = {}
    for dataset in datasets:
        found = find_songs(dataset)
        if not found:
            raise ConfigError(
                f"{dataset}: no songs (expected folders with drums, bass, other, vocals, or stem "
                "files, or a YAML list of songs)"
            )
        for song in found:
            check_song(song)
            if sums := set(in_order(song.files)) - set(TARGETS):
                raise ConfigError(
                    f"song {song.name}: {min(sums)} is one source, expected each target alone"
                )
            names = itertools.chain(
                (song.name, f"{dataset.stem}/{song.name}"),
                (f"{song.name} ({number})" for number in itertools.count(2)),
            )
            name = next(name for name in names if name not in songs)
            songs[name] = dataclasses.replace(song, name=name)
    return list(songs.values())


def evaluate(
    songs: Sequence[SongFiles],
    plan: Plan,
    *,
    n_jobs: int,
    on_song: Callable[[SongResult], None],
) -> list[SongResult]:
    """Return the results of all songs, in their order; the same for any number of processes.

    Parameters
    ----------
    songs
        What to separate.
    plan
        With what.
    n_jobs
        Processes of one thread each; every one takes a song at a time, and holds its sources and
        the estimates of one model.
    on_song
        Is told each song's result as soon as it is there.

    Raises
    ------
    ConfigError, ModelError, TrackError
        A song or a model cannot be used; or a process died.
    """
    with _processes(n_jobs) as pool:
        futures = [pool.submit(evaluate_song, song, plan) for song in songs]
        try:
            for future in concurrent.futures.as_completed(futures):
                on_song(future.result())
        except concurrent.futures.BrokenExecutor as exc:
            raise ConfigError(
                f"a process of the evaluation died: {exc} (too little memory? try fewer --jobs)"
            ) from exc
        finally:
            pool.shutdown(cancel_futures=True)
    return [future.result() for future in futures]


def evaluate_song(files: SongFiles, plan: Plan) -> SongResult:
    """Decode one song, separate it with every model and every baseline, and measure."""
    config = plan.separation
    with temporary_folder("libsep-evaluate-") as folder:
        song = load_song(files, AudioCache(folder, SAMPLE_RATE), with_mixture=True)
        references = References(song, SAMPLE_RATE)
        rows: list[Row] = []
        for name, model in plan.models.items():
            separator = _separator(model.folder, plan.separation_of(model))
            grid = segment_grid(config, model, sample_rate=SAMPLE_RATE)
            rows += _measure(references, name, model.targets, separator, grid, plan.bss_eval)
        grid = segment_grid(config, sample_rate=SAMPLE_RATE)
        for name, baseline in baselines(song, grid, SAMPLE_RATE).items():
            rows += _measure(references, name, TARGETS, baseline, grid, plan.bss_eval)
        return SongResult(
            song=song.name,
            genre=song.genre,
            duration_s=samples_to_seconds(song.n_samples, SAMPLE_RATE),
            rows=tuple(rows),
            warnings=_warnings(song),
        )


def _measure(
    references: References,
    name: str,
    targets: Sequence[str],
    separator: SegmentSeparator,
    grid: SegmentGrid,
    bss_eval: BssEval | None,
) -> list[Row]:
    song = references.song
    stems = separate_song(song, separator, grid)
    measures = measure_song(references, dict(zip(targets, stems, strict=True)), bss_eval)
    return [
        Row(model=name, song=song.name, genre=song.genre, target=target, measures=found)
        for target, found in measures.items()
    ]


def _warnings(song: Song) -> tuple[str, ...]:
    """Say so if a recorded mixture is another recording than the sources."""
    if song.recorded_mixture is None:
        return ()
    sources = dataclasses.replace(song, recorded_mixture=None).mixture()
    residual = residual_db(song.mixture(), sources[None])
    if not residual > MAX_RESIDUAL_DB:
        return ()
    return (f"{song.name}: its mixture is not the sum of its sources ({residual:.1f} dB remain)",)


@functools.lru_cache(maxsize=16)
def _separator(folder: Path, config: SeparationConfig) -> Separator:
    """Load a model once in each process."""
    return Separator(
        read_model(folder),
        device=config.device,
        precision=config.precision,
        reconstruct=config.reconstruct,
    )


@contextlib.contextmanager
def _processes(n_jobs: int) -> Iterator[concurrent.futures.ProcessPoolExecutor]:
    """Yield processes whose libraries compute in one thread, as torch does there."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        with concurrent.futures.ProcessPoolExecutor(
            n_jobs, mp_context=multiprocessing.get_context("spawn"), initializer=_start
        ) as pool:
            yield pool
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _start() -> None:
    """Prepare a process of the pool."""
    live_with_parent()
    log.setup()
    tune_allocator()
    use_one_thread()

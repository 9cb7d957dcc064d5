"""Synthetic songs on disk, which processes of their own keep renewing while others read them."""

import dataclasses
import functools
import gc
import logging
import signal
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NoReturn

import numpy as np
from jaxtyping import Float32, Int16

from libsep.datasets.audio_cache import FULL_SCALE, AudioCache
from libsep.errors import ConfigError, reason_of
from libsep.machine import live_with_parent
from libsep.separation.cpu import tune_allocator, use_one_thread
from libsep.track import TARGETS
from libsep.training.synthesis.chance import weighted
from libsep.training.synthesis.clips import Collection
from libsep.training.synthesis.failure import Failure
from libsep.training.synthesis.material import load_collection
from libsep.training.synthesis.song import render_song
from libsep.training.synthesis.styles import style_weights
from libsep.training.vocals_stage import VocalsStage
from libsep.units import counted

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 10
"""Songs in a row that meet a damaged recording before a process gives up."""

Song = Int16[np.ndarray, "S 2 T"]


class RenderPool:
    """A file of equally long synthetic songs, shared by all processes.

    Song number ``n`` of a run is always in the same place, whoever renders it. A reader may meet a
    song while it is being replaced, and hear the first part of the new one and the rest of the old
    one. Its sources are true sources even then, so nothing is locked.

    Parameters
    ----------
    folder
        Where the file is; it is made if missing.
    n_songs
        Songs that the pool holds.
    n_samples
        Length of each.
    """

    def __init__(self, folder: Path, n_songs: int, n_samples: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.failure = Failure(folder)
        shape = (n_songs, len(TARGETS), 2, n_samples)
        songs, rounds = folder / "songs.npy", folder / f"rounds-{n_songs}x{n_samples}.npy"
        if not _has_shape(songs, shape):
            rounds.unlink(missing_ok=True)  # of a pool that had another shape since
        self._songs = _mapped(songs, shape, np.int16)
        self._rounds = _mapped(rounds, (n_songs,), np.int64)

    def __len__(self) -> int:
        return len(self._songs)

    @property
    def n_ready(self) -> int:
        """How many songs can be read, from the first on."""
        missing = np.flatnonzero(self._rounds == 0)
        return int(missing[0]) if len(missing) else len(self)

    def song(self, place: int) -> Song:
        """Return the sources of a song, in the order of `TARGETS`."""
        song: np.ndarray = self._songs[place]
        return song

    def sharers(self, worker: int, n_workers: int) -> list[int]:
        """Return between which workers, this one among them, the places are divided.

        Those of one that has stopped are filled by the others, and then left as they are: a song
        that ends whoever renders it shall not end them all.
        """
        has_stopped = [] if self.n_ready == len(self) else self.failure.reasons()
        stopped = {index for index, reason in enumerate(has_stopped) if reason} - {worker}
        return [index for index in range(n_workers) if index not in stopped]

    def next_song(self, worker: int, n_workers: int) -> int:
        """Return the number of the song that a worker renders next, each having its places."""
        places = np.arange(len(self))[worker::n_workers]
        return int((self._rounds[places] * len(self) + places).min())

    def put(self, number: int, song: Song) -> None:
        """Write song ``number``, counted from the beginning of the run, over an older one."""
        place = number % len(self)
        self._songs[place] = song
        self._rounds[place] = number // len(self) + 1

    def stop(self) -> str:
        """Return since when there are fewer new songs or none, and why; nothing if all is well."""
        reasons = self.failure.reasons()
        n_stopped = len([*filter(None, reasons)])
        if not n_stopped:
            return ""
        moment = self.failure.moment()
        if n_stopped < len(reasons):
            what = (
                f"at {moment} {n_stopped} of the sampler's {len(reasons)} processes had stopped, "
                "whose songs stay as they are"
            )
        else:
            heard = counted(self.n_ready, "song")
            what = f"the sampler stopped at {moment}, only its {heard} so far are heard"
        return f"{what}: {_joined(reasons)}"

    def wait(self, n_songs: int, timeout_s: float = 600.0) -> None:
        """Return when this many songs can be read.

        Raises
        ------
        ConfigError
            All that renders has stopped: the material does not let it.
        TimeoutError
            They are not there after ``timeout_s``: what renders is dead or too slow.
        """
        deadline = time.monotonic() + timeout_s
        while self.n_ready < min(n_songs, len(self)):
            reasons = self.failure.reasons()
            if reasons and all(reasons):
                raise ConfigError(_joined(reasons))
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.n_ready} of {n_songs} songs after {timeout_s:.0f} s")
            time.sleep(0.2)


@dataclasses.dataclass(frozen=True)
class RenderPlan:
    """What the processes that render are told: material, pool, length, genres and pace.

    ``materials``: packs and lists of samples. ``interval_s``: between two new songs, once the pool
    is full. ``vocals_stage``: a model whose leavings stand for the vocals, if any (see
    `libsep.training.vocals_stage`).
    """

    materials: tuple[Path, ...]
    cache: Path
    folder: Path
    n_songs: int
    duration_s: float
    sample_rate: int
    seed: int
    interval_s: float
    styles: Mapping[str, float]
    n_workers: int = 1
    vocals_stage: str | None = None

    def pool(self) -> RenderPool:
        """Open the pool."""
        return RenderPool(self.folder, self.n_songs, int(self.duration_s * self.sample_rate))

    def collection(self) -> Collection:
        """Open the material."""
        return load_collection(self.materials, AudioCache(self.cache, self.sample_rate))

    def stage(self) -> VocalsStage | None:
        """Open the vocals stage, if there is one."""
        return VocalsStage(self.vocals_stage) if self.vocals_stage else None

    def render(self, collection: Collection, number: int, stage: VocalsStage | None = None) -> Song:
        """Return a song, which depends on seed, styles, material, number and stage alone.

        Another song takes the place of one that meets a damaged recording; the log names that once.

        Raises
        ------
        ConfigError
            `MAX_ATTEMPTS` songs in a row met one.
        """
        for attempt in range(MAX_ATTEMPTS):
            try:
                song = self._rendered(collection, [self.seed, number, *[attempt] * bool(attempt)])
                break
            except ConfigError as exc:
                if attempt == MAX_ATTEMPTS - 1:
                    raise
                _warn(str(exc))
        if stage is not None:
            song = np.clip(stage.leave(song), -1, 1)
        values: Song = np.rint(song * FULL_SCALE).astype(np.int16)
        return values

    def _rendered(self, collection: Collection, seed: list[int]) -> Float32[np.ndarray, "S 2 T"]:
        rng = np.random.default_rng(seed)
        style = weighted(style_weights(self.styles), rng)
        return render_song(collection, style, rng, self.duration_s, self.sample_rate)


def keep_rendering(plan: RenderPlan, worker: int = 0) -> None:
    """Fill the places of a worker in a pool, then renew one at a time, for ever.

    The entry point of a process; it ends when it is terminated, or by an error of the material or
    the disk, which the log and the pool tell. Who waits for the first songs hears of that if no
    other process is left; a training that has begun goes on with the songs that are there, and
    says so.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the training, and that ends this
    live_with_parent()
    tune_allocator()
    use_one_thread()
    pool = plan.pool()
    try:
        _keep_rendering(plan, worker, pool)
    except (ConfigError, OSError) as exc:
        pool.failure.tell(worker, reason_of(exc))


@functools.cache
def _warn(reason: str) -> None:
    logger.warning("sampler: a song is left out: %s", reason)


def _keep_rendering(plan: RenderPlan, worker: int, pool: RenderPool) -> NoReturn:
    collection, stage = plan.collection(), plan.stage()
    gc.freeze()  # a million notes of MIDI files need not be searched for garbage again and again
    while True:
        started = time.monotonic()
        sharers = pool.sharers(worker, plan.n_workers)
        number = pool.next_song(sharers.index(worker), len(sharers))
        pool.put(number, plan.render(collection, number, stage))
        if number >= plan.n_songs:
            pause_s = plan.interval_s * plan.n_workers - (time.monotonic() - started)
            time.sleep(max(pause_s, 0))


def _joined(reasons: Iterable[str]) -> str:
    """Return different reasons as one."""
    return "; ".join(dict.fromkeys(filter(None, reasons)))


def _has_shape(path: Path, shape: tuple[int, ...]) -> bool:
    """Return whether a file holds an array of this shape; one that is torn holds none."""
    try:
        return path.is_file() and np.load(path, mmap_mode="r").shape == shape
    except (ValueError, EOFError):
        return False


def _mapped(path: Path, shape: tuple[int, ...], dtype: type[np.generic]) -> np.ndarray:
    """Return the array in a file, which is made, or made anew if its shape is another."""
    if _has_shape(path, shape):
        found: np.ndarray = np.load(path, mmap_mode="r+")
        return found
    made: np.ndarray = np.lib.format.open_memmap(path, "w+", np.dtype(dtype), shape)
    return made

"""Length and genres of many files, read in other processes."""

import contextlib
import dataclasses
import itertools
import logging
import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import resource_tracker
from pathlib import Path

from libsep.errors import TrackError
from libsep.library.names import TRACK_EXTENSIONS, extension_of
from libsep.library.reasons import LeftOut, Reason
from libsep.machine import live_with_parent
from libsep.media.blame import is_from_outside
from libsep.media.stems import is_stem_file
from libsep.media.tags import Header, read_header
from libsep.track import FoundFile, Outcome, path_to_text

logger = logging.getLogger(__name__)

_BATCH_FILES = 64
_BATCHES_PER_WORKER = 4
_MP4_EXTENSIONS = frozenset(("mp4", "m4a", "m4b", "m4v", "mov", "alac"))


@dataclasses.dataclass(slots=True)
class _Batch:
    """Files in the order of the scan; ``future`` holds the headers of the files in ``unread``."""

    files: list[FoundFile]
    unread: list[int]
    on_left_out: Callable[[LeftOut], None]
    future: Future[list[Header | None]] | None = None

    def paths(self) -> list[Path]:
        return [self.files[index].path for index in self.unread]

    def merged(self, headers: list[Header | None]) -> Iterator[FoundFile]:
        """Yield the files with their headers; a file whose header is None is no track."""
        by_index = dict(zip(self.unread, headers, strict=True))
        for index, file in enumerate(self.files):
            if index not in by_index:
                yield file
            elif (header := by_index[index]) is None:
                self.on_left_out(LeftOut(file.source, Reason.STEMS))
            else:
                yield with_header(file, header)


class _Pool:
    """Processes that read headers; started with the first batch."""

    def __init__(self, n_workers: int) -> None:
        self._n_workers = n_workers
        self._executor: ProcessPoolExecutor | None = None

    def submit(self, paths: list[Path]) -> Future[list[Header | None]]:
        """Return the headers to come; those of a pool that has broken are its exception."""
        if self._executor is None:
            # Not fork: the caller may run threads, such as those that start Ray meanwhile.
            context = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(
                self._n_workers, mp_context=context, initializer=live_with_parent
            )
        try:
            with _uninterrupted():
                return self._executor.submit(read_headers, paths)
        except BrokenProcessPool as exc:
            broken: Future[list[Header | None]] = Future()
            broken.set_exception(exc)
            return broken

    def close(self) -> None:
        """Stop the processes; the next batch starts new ones."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
        self._executor = None


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let the processes that start in the block never hear of Ctrl-C, which is for this one."""
    resource_tracker.ensure_running()  # which would end the block for us
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def with_headers(
    files: Iterable[FoundFile],
    known: Mapping[str, Outcome],
    n_workers: int,
    *,
    on_left_out: Callable[[LeftOut], None],
) -> Iterator[FoundFile]:
    """Yield ``files`` in their order with length and genres, without those that are stem files.

    Parameters
    ----------
    files
        Files as the walk found them; read only a bounded number ahead.
    known
        Last outcome of each source: a file that has not changed since is not opened, if its outcome
        tells the genres of its tags.
    n_workers
        Number of processes; fewer files than a batch are read in this process instead.
    on_left_out
        Called for each stem file that is not called one.
    """
    remaining = iter(files)
    waiting: deque[_Batch] = deque()
    with contextlib.closing(_Pool(n_workers)) as pool:
        while found := list(itertools.islice(remaining, _BATCH_FILES)):
            batch = _batch(found, known, on_left_out)
            if len(found) < _BATCH_FILES and not waiting:
                yield from batch.merged(read_headers(batch.paths()))
                return
            if batch.unread:
                batch.future = pool.submit(batch.paths())
            waiting.append(batch)
            if len(waiting) > n_workers * _BATCHES_PER_WORKER:
                yield from _next_batch(waiting, pool)
        while waiting:
            yield from _next_batch(waiting, pool)


def with_header(file: FoundFile, header: Header) -> FoundFile:
    """Return ``file`` with the length and the genres of its header."""
    return dataclasses.replace(
        file,
        duration_s=header.duration_s,
        genres=tuple(header.genres),
        is_header_known=header.is_known,
    )


def read_headers(paths: list[Path]) -> list[Header | None]:
    """Return the header of each file: an empty one if it cannot be read, None for a stem file.

    One that cannot be read now, but perhaps another time, is not known.
    """
    headers: list[Header | None] = []
    for path in paths:
        try:
            extension = extension_of(path.name)
            may_be_stems = extension in _MP4_EXTENSIONS or extension not in TRACK_EXTENSIONS
            is_stems = may_be_stems and is_stem_file(path)
            headers.append(None if is_stems else read_header(path))
        except (TrackError, OSError) as exc:
            logger.debug("%s: header not read: %s", path, exc)
            headers.append(Header(is_known=not is_from_outside(exc, path)))
    return headers


def _batch(
    found: list[FoundFile], known: Mapping[str, Outcome], on_left_out: Callable[[LeftOut], None]
) -> _Batch:
    files, unread = [], []
    for index, file in enumerate(found):
        described = with_known_header(file, known)
        if described is None:
            unread.append(index)
        files.append(described or file)
    return _Batch(files, unread, on_left_out)


def with_known_header(file: FoundFile, known: Mapping[str, Outcome]) -> FoundFile | None:
    """Return ``file`` with length and genres of its last outcome; None if it must be read.

    It must where it has changed since, or where the outcome does not know the genres of its tags.
    """
    row = known.get(path_to_text(file.source_name))
    if row is None or row.tag_genres is None:
        return None
    if (row.size_bytes, row.mtime_ns) != (file.size_bytes, file.mtime_ns):
        return None
    return dataclasses.replace(file, duration_s=row.duration_s or None, genres=row.tag_genres)


def _next_batch(waiting: deque[_Batch], pool: _Pool) -> Iterator[FoundFile]:
    batch = waiting.popleft()
    if batch.future is None:
        return batch.merged([])
    try:
        return batch.merged(batch.future.result())
    except BrokenProcessPool:
        # A file took the process down. Each time, one batch goes on without headers, so it ends.
        logger.warning("%s and %d more: no headers, their reader died", *_first_and_count(batch))
        pool.close()
        for other in waiting:
            if other.future is not None:
                other.future = pool.submit(other.paths())
        return batch.merged([Header(is_known=False) for _ in batch.unread])


def _first_and_count(batch: _Batch) -> tuple[Path, int]:
    return batch.paths()[0], len(batch.unread) - 1

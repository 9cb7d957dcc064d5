"""Many stem files into plain audio files, on all cores."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from libsep.config import StorageConfig
from libsep.errors import TransferError
from libsep.extraction.extract import Extracted, Job, extract
from libsep.extraction.selection import track_path
from libsep.library.on_disk import is_same_file
from libsep.machine import n_cores
from libsep.media.atomic import NOBODYS_S, remove_stale
from libsep.media.drives import Drive
from libsep.media.file_names import file_key
from libsep.media.stems import EXTENSION
from libsep.storage.places import RemoteFolder
from libsep.storage.stem_files import StemFile, stem_files

MAX_WAITING = 2
"""Files in hand for each core: a folder of 20,000 is walked while it is worked on."""


def extract_all(
    places: Iterable[str],
    job: Job,
    storage: StorageConfig,
    *,
    on_end: Callable[[Extracted], None] = lambda _: None,
) -> list[Extracted]:
    """Extract the given stem files, and those of the given folders; one bad file stops none.

    What a run that was killed left beside the files, a day ago or earlier, is removed.

    Parameters
    ----------
    places
        Paths and URIs of files and folders. The files of a folder keep their places in it.
    job
        What is wanted.
    storage
        How stores are reached.
    on_end
        Told of each file as it ends.

    Returns
    -------
    What became of each, in the order in which they ended.

    Raises
    ------
    ConfigError
        A store does not answer, or refuses; or the output folder has gone, or cannot be made.
    KeyboardInterrupt
        The user stopped it; no half file is left.
    """
    ended: list[Extracted] = []

    def end(extracted: Extracted) -> None:
        ended.append(extracted)
        on_end(extracted)

    stop = threading.Event()
    running: set[Future[Extracted]] = set()
    with ThreadPoolExecutor(n_cores()) as pool:
        try:
            for file, source in _without_clashes(
                _rooted(stem_files(places, storage), job), Drive(job.output), end
            ):
                running.add(pool.submit(_extract, file, source, job, storage, stop))
                running = _collected(running, end, until=MAX_WAITING * n_cores() - 1)
            _collected(running, end, until=0)
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    folders = {file.parent for each in ended for file in each.files}
    for folder in {job.output, *folders} if ended else ():
        remove_stale(folder, untouched_s=NOBODYS_S)
    return ended


def _collected(
    running: set[Future[Extracted]], end: Callable[[Extracted], None], *, until: int
) -> set[Future[Extracted]]:
    """Wait until at most so many are running, and return those."""
    while len(running) > until:
        done, running = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            end(future.result())
    return running


def _rooted(files: Iterable[StemFile], job: Job) -> Iterator[StemFile]:
    """Yield files as long as the output folder, which the first one makes, is there."""
    for file in files:
        job.root.expect()
        yield file


def _without_clashes(
    files: Iterable[StemFile], drive: Drive, end: Callable[[Extracted], None]
) -> Iterator[tuple[StemFile, Path]]:
    """Yield stem files, each with the path that its files get in the output folder.

    One whose files would replace those of another ends as failed.
    """
    spellings: dict[str, str] = {}
    taken: dict[str, StemFile] = {}
    for file in files:
        track = drive.fitting(track_path(_relative(file)).as_posix())
        first = spellings.setdefault(file_key(track), track)
        key = track if first != track and drive.names.tells_case else first
        other = taken.setdefault(key, file)
        if other is file:
            yield file, Path(track + EXTENSION)
        elif not _is_same(file, other):  # else it was given twice
            end(_in_the_way(file, other.name))


def _is_same(file: StemFile, other: StemFile) -> bool:
    """Return whether both are one file, whatever the spelling of its path, or links to it."""
    if file.name == other.name or file.stored is not None or other.stored is not None:
        return file.name == other.name
    try:
        return is_same_file(Path(file.name), Path(other.name))
    except OSError:
        return False


def _relative(file: StemFile) -> Path:
    if file.stored is not None:
        return Path(file.stored.name)
    path = Path(file.name)
    if isinstance(file.place, RemoteFolder) or path == file.place:
        return Path(path.name)
    return path.relative_to(file.place)


def _in_the_way(file: StemFile, other: str) -> Extracted:
    message = f"its files would replace those of {other}; extract it into another folder"
    return Extracted(source=file.name, status="failed", message=message)


def _extract(
    file: StemFile, source: Path, job: Job, storage: StorageConfig, stop: threading.Event
) -> Extracted:
    try:
        with file.readable(storage) as path:
            return extract(path, source, job, name=file.name, stop=stop)
    except TransferError as exc:
        return Extracted(source=file.name, status="failed", message=f"{exc.stage}: {exc.message}")

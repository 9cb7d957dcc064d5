"""Many stem files into plain audio files, on all cores."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from libsep.config import StorageConfig
from libsep.errors import TransferError
from libsep.extraction.extract import Extracted, Job, Stopped, extract
from libsep.extraction.selection import track_path
from libsep.machine import n_cores
from libsep.storage.places import RemoteFolder, parse_place
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
        A store does not answer, or refuses.
    KeyboardInterrupt
        The user stopped it; no half file is left.
    """
    stop = threading.Event()
    ended: list[Extracted] = []
    running: set[Future[Extracted]] = set()

    def collect(*, until: int) -> None:
        nonlocal running
        while len(running) > until:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                ended.append(future.result())
                on_end(ended[-1])

    with ThreadPoolExecutor(n_cores()) as pool:
        try:
            taken: dict[Path, str] = {}
            for file, source in _sources(places, storage):
                track = track_path(source)
                other = taken.get(track)
                taken.setdefault(track, file.name)
                if other == file.name:  # given twice
                    continue
                if other is not None:
                    ended.append(_in_the_way(file, other))
                    on_end(ended[-1])
                    continue
                running.add(pool.submit(_extract, file, source, job, storage, stop))
                collect(until=MAX_WAITING * n_cores() - 1)
            collect(until=0)
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    return ended


def _sources(places: Iterable[str], storage: StorageConfig) -> Iterator[tuple[StemFile, Path]]:
    """Yield stem files, each with the path that its files get in the output folder."""
    for text in places:
        place = parse_place(text)
        for file in stem_files([text], storage):
            yield file, _relative(file, place)


def _relative(file: StemFile, place: Path | RemoteFolder) -> Path:
    if file.stored is not None:
        return Path(file.stored.name)
    path = Path(file.name)
    if isinstance(place, RemoteFolder) or path == place:
        return Path(path.name)
    return path.relative_to(place)


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
    except Stopped:
        return Extracted(source=file.name, status="failed", message="stopped")

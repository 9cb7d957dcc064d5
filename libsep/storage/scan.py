"""The scan of a library in an object store: one listing, and the headers of what is new."""

import itertools
import logging
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from libsep.config import ScanConfig, StorageConfig
from libsep.errors import TagError, TransferError
from libsep.library.headers import read_headers, with_header, with_known_header
from libsep.library.names import (
    is_track_name,
    why_not_any,
    why_not_content,
    why_not_file,
)
from libsep.library.reasons import LeftOut, Reason
from libsep.library.rebuild import outcome_of
from libsep.library.sniff import sniff
from libsep.library.walk import Problem, log_left_out
from libsep.media.stems import EXTENSIONS
from libsep.media.tags import Header, read_fingerprint
from libsep.storage.partial import copy_header
from libsep.storage.scratch import Scratch
from libsep.storage.store import Store, StoredObject
from libsep.track import FoundFile, Outcome

logger = logging.getLogger(__name__)

_BATCH_OBJECTS = 512
_SCRATCH_BYTES_PER_READER = 33 << 20


def scan_store(
    store: Store,
    scan: ScanConfig,
    storage: StorageConfig,
    *,
    known: Mapping[str, Outcome],
    on_problem: Callable[[Problem], None],
    on_left_out: Callable[[LeftOut], None] = log_left_out,
    beside: str | None = None,
) -> Iterator[FoundFile]:
    """Yield the tracks of a library in a store, as `libsep.library.scan.scan` does of a folder.

    Parameters
    ----------
    store
        The library.
    scan
        Which objects are tracks.
    storage
        How many headers are read at once, and where their copies lie meanwhile.
    known
        Last outcome of each source: an object of the same size and time is not read.
    on_problem
        Called for objects whose names cannot be those of files.
    on_left_out
        Called for every object that is left out, and once for a folder of them.
    beside
        Folder inside the library that is the output, and is left out.

    Raises
    ------
    TransferError
        The library cannot be listed or has no objects at all, or the scratch folder has no room.
    """
    found = store.objects()
    if not found:
        raise TransferError(Path(str(store.folder)), "there is nothing; is the name right?")
    if beside is not None:
        found = [each for each in found if not _is_in(each.name, beside)]
    may_be_track = _Names(scan, on_problem, on_left_out)
    tracks = sorted((each for each in found if may_be_track(each.name)), key=_place)
    files = iter([(_as_file(each), each) for each in tracks])
    n_readers = min(storage.n_readers, storage.max_scratch_bytes // _SCRATCH_BYTES_PER_READER)
    with (
        Scratch(storage).room(n_readers * _SCRATCH_BYTES_PER_READER, Path("headers")) as folder,
        ThreadPoolExecutor(n_readers) as pool,
    ):

        def described(pair: tuple[FoundFile, StoredObject]) -> FoundFile | LeftOut:
            known_file = with_known_header(pair[0], known)
            return known_file or _with_header(store, pair, folder, scan.extensions)

        while batch := list(itertools.islice(files, _BATCH_OBJECTS)):
            for found_file in pool.map(described, batch):
                if isinstance(found_file, LeftOut):
                    on_left_out(found_file)
                else:
                    yield found_file


def outcomes_from_store(store: Store, storage: StorageConfig) -> Iterator[Outcome]:
    """Yield an outcome for each stem file that libsep made, as `outcomes_from_files` does.

    Raises
    ------
    TransferError
        The output cannot be listed or read.
    """
    for stored in store.objects():
        parts = stored.name.split("/")
        if any(why_not_any(part, ()) for part in parts):
            continue
        if not parts[-1].casefold().endswith(EXTENSIONS):
            continue
        with Scratch(storage).room(_SCRATCH_BYTES_PER_READER, Path(stored.name)) as folder:
            copy = folder / "header.stem.mp4"
            copy_header(store, stored, copy)
            try:
                fingerprint = read_fingerprint(copy)
            except TagError as exc:
                logger.warning("%s: left out: %s", store.uri_of(stored.name), exc)
                continue
        if fingerprint is None:
            logger.info("%s: left out, no fingerprint", store.uri_of(stored.name))
            continue
        yield outcome_of(
            fingerprint,
            Path(stored.name),
            size_bytes=stored.size_bytes,
            mtime_ns=stored.mtime_ns,
        )


class _Names:
    """Tells whether an object may be a track by its name, and whoever is to know if it is none."""

    def __init__(
        self,
        scan: ScanConfig,
        on_problem: Callable[[Problem], None],
        on_left_out: Callable[[LeftOut], None],
    ) -> None:
        self._scan = scan
        self._on_problem = on_problem
        self._on_left_out = on_left_out
        self._folders: set[Path] = set()

    def __call__(self, name: str) -> bool:
        source = Path(name)
        if any(part in ("", ".", "..") or "\0" in part for part in name.split("/")):
            self._on_problem(Problem(source, "no path of a file: empty parts, '.' or '..'"))
            self._on_left_out(LeftOut(source, Reason.UNREADABLE))
            return False
        for folder in reversed((source, *source.parents[:-1])):
            if why := why_not_any(folder.as_posix(), self._scan.exclude):
                if folder not in self._folders:
                    self._folders.add(folder)
                    self._on_left_out(LeftOut(folder, *why))
                return False
        if is_track_name(source.name, self._scan.extensions):
            return True
        why = why_not_file(source.name)
        if why:
            self._on_left_out(LeftOut(source, *why))
        return why is None


def _with_header(
    store: Store,
    pair: tuple[FoundFile, StoredObject],
    folder: Path,
    extensions: Collection[str],
) -> FoundFile | LeftOut:
    """Return a file with length and genres, or why it is no track after all."""
    file, stored = pair
    copy = folder / f"{uuid.uuid4().hex}{file.source.suffix[:16]}"
    try:
        copy_header(store, stored, copy)
        name = file.source.name
        if not is_track_name(name, extensions) and (why := why_not_content(name, sniff(copy))):
            return LeftOut(file.source, *why)
        (header,) = read_headers([copy])
    except TransferError as exc:
        logger.warning("%s: header not read: %s", store.uri_of(stored.name), exc)
        header = Header(is_known=False)
    finally:
        copy.unlink(missing_ok=True)
    if header is None:
        return LeftOut(file.source, Reason.STEMS)
    return with_header(file, header)


def _as_file(stored: StoredObject) -> FoundFile:
    return FoundFile(
        path_name=stored.name,
        source_name=stored.name,
        size_bytes=stored.size_bytes,
        mtime_ns=stored.mtime_ns,
    )


def _is_in(name: str, folder: str) -> bool:
    return name.startswith(f"{folder}/")


def _place(stored: StoredObject) -> tuple[tuple[int, bytes], ...]:
    """Return what sorts objects as `Walk` sorts files: those of a folder, then its folders'."""
    *folders, name = stored.name.encode().split(b"/")
    return *((1, folder) for folder in folders), (0, name)

"""The scan of a library in an object store: one listing, and the headers of what is new."""

import dataclasses
import itertools
import logging
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from libsep.config import ScanConfig, StorageConfig
from libsep.errors import TagError, TransferError
from libsep.library.headers import read_headers, with_known_header
from libsep.library.rebuild import outcome_of
from libsep.library.sniff import sniff
from libsep.library.walk import FoundFile, Problem, is_left_out
from libsep.media.stems import EXTENSIONS
from libsep.media.tags import Header, read_fingerprint
from libsep.storage.partial import copy_header
from libsep.storage.scratch import Scratch
from libsep.storage.store import Store, StoredObject
from libsep.track import Outcome

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
    tracks = [each for each in found if beside is None or not _is_in(each.name, beside)]
    tracks = sorted(
        (each for each in tracks if _may_be_track(each.name, scan, on_problem)), key=_place
    )
    files = iter([(_as_file(each), each) for each in tracks])
    n_readers = min(storage.n_readers, storage.max_scratch_bytes // _SCRATCH_BYTES_PER_READER)
    with (
        Scratch(storage).room(n_readers * _SCRATCH_BYTES_PER_READER, Path("headers")) as folder,
        ThreadPoolExecutor(n_readers) as pool,
    ):

        def described(pair: tuple[FoundFile, StoredObject]) -> FoundFile | None:
            file, stored = pair
            return with_known_header(file, known) or _with_header(store, file, stored, folder)

        while batch := list(itertools.islice(files, _BATCH_OBJECTS)):
            yield from (file for file in pool.map(described, batch) if file is not None)


def outcomes_from_store(store: Store, storage: StorageConfig) -> Iterator[Outcome]:
    """Yield an outcome for each stem file that libsep made, as `outcomes_from_files` does.

    Raises
    ------
    TransferError
        The output cannot be listed or read.
    """
    for stored in store.objects():
        parts = stored.name.split("/")
        if any(part.startswith(".") for part in parts):
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


def _may_be_track(name: str, scan: ScanConfig, on_problem: Callable[[Problem], None]) -> bool:
    parts = name.split("/")
    source = Path(name)
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        on_problem(Problem(source, "no path of a file: empty parts, '.' or '..'"))
        return False
    for folder in (source, *source.parents[:-1]):
        if is_left_out(folder, scan.exclude):
            return False
    file_name = parts[-1].casefold()
    if file_name.endswith(EXTENSIONS):
        return False
    extension = source.suffix[1:].lower()
    return not extension or extension in scan.extensions


def _with_header(
    store: Store, file: FoundFile, stored: StoredObject, folder: Path
) -> FoundFile | None:
    """Return a file with length and genres; None if it is no track after all."""
    copy = folder / f"{uuid.uuid4().hex}{file.source.suffix[:16]}"
    try:
        copy_header(store, stored, copy)
        if not file.source.suffix and sniff(copy) is None:
            return None
        (header,) = read_headers([copy])
    except TransferError as exc:
        logger.warning("%s: header not read: %s", store.uri_of(stored.name), exc)
        header = Header()
    finally:
        copy.unlink(missing_ok=True)
    if header is None:
        return None
    return dataclasses.replace(file, duration_s=header.duration_s, genres=tuple(header.genres))


def _as_file(stored: StoredObject) -> FoundFile:
    source = Path(stored.name)
    return FoundFile(
        path=source, source=source, size_bytes=stored.size_bytes, mtime_ns=stored.mtime_ns
    )


def _is_in(name: str, folder: str) -> bool:
    return name.startswith(f"{folder}/")


def _place(stored: StoredObject) -> tuple[tuple[int, bytes], ...]:
    """Return what sorts objects as `Walk` sorts files: those of a folder, then its folders'."""
    *folders, name = stored.name.encode().split(b"/")
    return *((1, folder) for folder in folders), (0, name)

"""The ledger of an output in an object store: written here, copied there while a run lasts."""

import contextlib
import hashlib
import logging
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path, PurePosixPath

from libsep.config import StorageConfig
from libsep.errors import ConfigError, LedgerError, TransferError, reason_of
from libsep.ledger import FOLDER, Ledger, RunLock, compaction, table
from libsep.library.noted import is_another, text_of
from libsep.library.omissions import NOTE
from libsep.storage.lock import StoreLock
from libsep.storage.places import RemoteFolder, parse_place
from libsep.storage.scan import outcomes_from_store
from libsep.storage.store import Store, StoredObject
from libsep.track import Outcome

logger = logging.getLogger(__name__)

_LISTINGS = 5
"""How often the ledger in a store is listed at most, where a run merges its files meanwhile."""

LIBRARY_NOTE = f"{FOLDER}/library"
"""Object that says whose stems the output holds."""


class CopiedLedger(Ledger):
    """A ledger in a local folder that is copied to the store of its output.

    Rows are on the local disk when a call returns, as in any `Ledger`. A thread copies what there
    is every `StorageConfig.sync_ledger_s`, and `close` once more; the store then holds the Parquet
    files of each run, at first without the rows that were still to come.

    Parameters
    ----------
    folder
        Local folder that holds journals and Parquet files.
    store
        The output.
    locks
        Those of the folder and of the output: nothing is written any more when one is lost.
    every_s
        Time between two copies, in seconds.
    """

    def __init__(
        self, folder: Path, store: Store, *, locks: tuple[RunLock, StoreLock], every_s: float
    ) -> None:
        super().__init__(folder, lock=locks[0])
        self._store = store
        self._store_lock = locks[1]
        self._every_s = every_s
        self._closed = threading.Event()
        self._copying = threading.Lock()
        self._copier = threading.Thread(target=self._copy_often, name="ledger copier", daemon=True)

    def started(self, source: str, *, attempt: int = 1) -> None:
        """Note that ``source`` is handed out, as `Ledger.started` does, while the lock is ours."""
        self._store_lock.check()
        super().started(source, attempt=attempt)

    def append(self, outcome: Outcome) -> None:
        """Note what became of a track, as `Ledger.append` does, while the lock is ours."""
        self._store_lock.check()
        super().append(outcome)

    def append_all(self, outcomes: Iterable[Outcome]) -> int:
        """Note many tracks, as `Ledger.append_all` does, while the lock is ours."""
        self._store_lock.check()
        return super().append_all(outcomes)

    def pull(self, *, tolerant: bool) -> None:
        """Take the rows that the store knows and this machine does not.

        Parameters
        ----------
        tolerant
            Whether a damaged file of the store is left out, with a warning.

        Raises
        ------
        LedgerError
            The store does not answer, a file is damaged, or the local disk is full or read-only.
        """
        try:
            for name in table.FOLDERS:
                (self.folder / name).mkdir(parents=True, exist_ok=True)
                for found in self._store.objects(f"{FOLDER}/{name}"):
                    self._pull(found, self.folder / name, tolerant=tolerant)
        except TransferError as exc:
            raise LedgerError(f"{self._store.folder}: no ledger: {exc}") from exc
        except OSError as exc:
            raise LedgerError(f"{self.folder}: cannot be written: {reason_of(exc)}") from exc

    def _pull(self, found: StoredObject, folder: Path, *, tolerant: bool) -> None:
        path = folder / found.name.rpartition("/")[2]
        if path.suffix != ".parquet" or _is_copy(path, found.size_bytes, found.mtime_ns):
            return
        with tempfile.TemporaryDirectory(dir=self.folder) as temporary:
            fetched = Path(temporary, path.name)
            self._store.download(found.name, fetched)
            os.utime(fetched, ns=(found.mtime_ns, found.mtime_ns))
            self._take(fetched, path, tolerant=tolerant)

    def push(self) -> None:
        """Copy what the store lacks; a copy that fails is a warning, the next one makes up for it.

        Rows of open journals are copied as Parquet files of the run's name.
        """
        with self._copying:
            try:
                self._store_lock.check()
                self._push()
            except (TransferError, LedgerError, OSError) as exc:
                logger.warning("%s: ledger not copied now: %s", self._store.folder, exc)

    def start_copying(self) -> None:
        """Copy from now on, every few minutes."""
        self._copier.start()

    def stop_copying(self) -> None:
        """Copy no more, but for a last time now."""
        self._closed.set()
        if self._copier.ident is not None:
            self._copier.join()
        self.push()

    def _copy_often(self) -> None:
        while not self._closed.wait(self._every_s):
            self.push()

    def _push(self) -> None:
        there = {
            found.name: found
            for folder in reversed(table.FOLDERS)
            for found in self._store.objects(f"{FOLDER}/{folder}")
        }
        journals = self._journal_paths()
        files = {self._name_of(path): path for path in reversed(self._parquet_paths())}
        for name, path in files.items():
            found = there.get(name)
            if found is None or not _is_copy(path, found.size_bytes, found.mtime_ns):
                stored = self._store.upload(path, name)
                os.utime(path, ns=(stored.mtime_ns, stored.mtime_ns))
        for path in journals:
            self._push_journal(path, files)
        open_runs = {path.stem for path in journals}
        for name in there.keys() - files.keys():
            if PurePosixPath(name).stem not in open_runs:
                self._store.delete(name)  # its rows are in a merged file now

    def _push_journal(self, path: Path, files: Collection[str]) -> None:
        """Copy what an open journal says, but for what is in one of the ``files`` already."""
        with tempfile.TemporaryDirectory(dir=self.folder) as temporary:
            for snapshot in compaction.settle(
                path, lambda name: Path(temporary, f"{name}.parquet")
            ):
                name = f"{FOLDER}/{snapshot.stem}/{path.stem}.parquet"
                if name not in files:
                    self._store.upload(snapshot, name)

    def _name_of(self, path: Path) -> str:
        """Return the name in the store of a file of the ledger."""
        return f"{FOLDER}/{path.relative_to(self.folder).as_posix()}"

    def _take(self, fetched: Path, path: Path, *, tolerant: bool) -> None:
        """Put a fetched file in its place; rows that are only in the local one stay."""
        try:
            rows = table.read(fetched)
        except LedgerError as exc:
            damage = str(exc).removeprefix(f"{fetched}: ")
            place = self._store.uri_of(self._name_of(path))
            if not tolerant:
                raise LedgerError(f"{place}: {damage}") from exc
            logger.warning("%s: left out: %s", place, damage)
            return
        if path.exists():
            try:
                known = table.read(path)
            except LedgerError:
                if not tolerant:
                    raise
                fetched.replace(path)
                return
            table.write(table.united([known, rows]), path)
        elif not (self.folder / "journal" / f"{path.stem}.jsonl").exists():
            fetched.replace(path)


def state_folder(output: RemoteFolder, config: StorageConfig) -> Path:
    """Return the local folder that stands for an output in a store: journals, ledger and logs."""
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    root = config.state or Path(home) / "libsep"
    return root / _folder_name(output, config)


@contextlib.contextmanager
def copied_ledger(
    library: Path | RemoteFolder,
    output: RemoteFolder,
    config: StorageConfig,
    *,
    run: str,
    rebuild: bool = False,
) -> Iterator[CopiedLedger]:
    """Hold the lock of an output in a store, and yield its ledger, ready to begin.

    An output with stem files of libsep but without a ledger, there and here, gets one that is
    rebuilt from them.

    Parameters
    ----------
    library
        The library, which the output remembers.
    output
        Where the stem files go.
    config
        How the store is reached.
    run
        Name of the run.
    rebuild
        Whether damaged files of the ledger are left out, and rows read back from the stem files.

    Raises
    ------
    LedgerError
        Another run holds the lock, the store does not answer, or the ledger is damaged.
    ConfigError
        The output holds the stems of another library.
    """
    folder = state_folder(output, config) / FOLDER
    store = Store(output, config)
    with RunLock(folder, run=run) as lock, StoreLock(store, run=run) as store_lock:
        locks = (lock, store_lock)
        ledger = CopiedLedger(folder, store, locks=locks, every_s=config.sync_ledger_s)
        try:
            _remember_library(store, library, config)
            ledger.pull(tolerant=rebuild)
            if rebuild or ledger.has_no_outcomes():
                found = list(outcomes_from_store(store, config))
                if rebuild or found:
                    ledger.rebuild(found, run=f"{run}-rebuilt")
        except TransferError as exc:
            raise LedgerError(f"{output}: {exc}") from exc
        ledger.start_copying()
        try:
            yield ledger
        finally:
            try:
                ledger.close()
            finally:  # else the copies would go on without the locks
                ledger.stop_copying()


def fetched_ledger(output: RemoteFolder, config: StorageConfig, folder: Path) -> Ledger:
    """Return the ledger of an output to read: what the store has, and what only this machine has.

    Parameters
    ----------
    output
        Where the stem files lie.
    config
        How the store is reached.
    folder
        An empty local folder for the copy.

    Raises
    ------
    TransferError
        The store does not answer.
    """
    store = Store(output, config)
    local = state_folder(output, config) / FOLDER
    for kind in ("journal", *table.FOLDERS):
        (folder / kind).mkdir(parents=True)
        for path in local.glob(f"{kind}/[!.]*"):
            with contextlib.suppress(FileNotFoundError):  # compacted meanwhile
                shutil.copyfile(path, folder / kind / path.name)
    for kind in table.FOLDERS:
        for n_left in reversed(range(_LISTINGS)):
            if _fetch_all(store, f"{FOLDER}/{kind}", folder / kind, is_last=n_left == 0):
                break
    if store.find(f"{FOLDER}/{NOTE}") is not None:
        store.download(f"{FOLDER}/{NOTE}", folder / NOTE)
    return Ledger(folder)


def _fetch_all(store: Store, name: str, folder: Path, *, is_last: bool) -> bool:
    """Fetch what is listed and not here yet; False if a file has gone, merged into another one."""
    is_whole = True
    for found in store.objects(name):
        path = folder / f"store-{found.name.rpartition('/')[2]}"
        if path.exists():
            continue
        try:
            store.download(found.name, path)
        except TransferError:
            if is_last or store.find(found.name) is not None:
                raise
            is_whole = False
    return is_whole


def _remember_library(store: Store, library: Path | RemoteFolder, config: StorageConfig) -> None:
    """Refuse a second library: tracks of the same relative path would replace each other."""
    ours = library.uri if isinstance(library, RemoteFolder) else text_of(library)
    if store.find(LIBRARY_NOTE) is not None:
        noted = store.read(LIBRARY_NOTE).decode("utf-8")
        if noted == ours:
            return
        if _is_there(noted, ours, config):
            raise ConfigError(
                f"{store.folder}: holds the stems of {noted}; choose another output (or delete"
                f" {store.uri_of(LIBRARY_NOTE)} if the library has moved)"
            )
    store.write(LIBRARY_NOTE, ours.encode("utf-8"))


def _is_there(noted: str, ours: str, config: StorageConfig) -> bool:
    """Return whether another library that an output remembers still exists, as seen from here."""
    if "://" not in noted:
        return is_another(noted, ours)
    place = parse_place(noted)
    return place.is_dir() if isinstance(place, Path) else Store(place, config).is_there()


def _is_copy(path: Path, size_bytes: int, mtime_ns: int) -> bool:
    """Return whether a local file is the copy of an object, or the object its copy."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return False
    return (status.st_size, status.st_mtime_ns) == (size_bytes, mtime_ns)


def _folder_name(output: RemoteFolder, config: StorageConfig) -> str:
    """Return a name that says where the output is, and is unlike that of any other output."""
    digest = hashlib.sha256(f"{config.endpoint or ''} {output.uri}".encode()).hexdigest()[:16]
    return f"{re.sub(r'[^A-Za-z0-9.-]+', '-', output.path_of())[:80].strip('.-')}-{digest}"

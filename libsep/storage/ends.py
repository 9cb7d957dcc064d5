"""The two ends of a run: where its library is read and its stem files go, here or in a store."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from libsep.config import ScanConfig, StorageConfig
from libsep.errors import ConfigError, LedgerError, TransferError, reason_of
from libsep.ledger import FOLDER, Ledger, ledger_of, run_in_work
from libsep.library.omissions import NOTE, Omission, write_note
from libsep.library.on_disk import is_same_file, spelled
from libsep.library.plan import OutputSize
from libsep.library.reasons import LeftOut
from libsep.library.survey import ListFiles, locked_ledger
from libsep.library.walk import Problem
from libsep.machine import temporary_folder
from libsep.media.atomic import expect_folder
from libsep.media.mounts import expect_drive
from libsep.storage.connection import resolved
from libsep.storage.ledger import LIBRARY_NOTE, copied_ledger, fetched_ledger, state_folder
from libsep.storage.lock import run_in_store
from libsep.storage.places import RemoteFolder, parse_place
from libsep.storage.scan import scan_store
from libsep.storage.staging import Staging
from libsep.storage.store import Store
from libsep.track import FoundFile, Outcome


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """Where a run reads and writes: local folders, or folders of object stores.

    ``storage`` says how stores are reached. A store that does not answer at the start of a run is
    an error of the run, not of a track.
    """

    library: Path | RemoteFolder
    stems: Path | RemoteFolder
    storage: StorageConfig

    @classmethod
    def of(cls, library: str, stems: str, storage: StorageConfig) -> "Ends":
        """Return the ends that a command line names; see `parse_place`.

        Raises
        ------
        ConfigError
            A URI is wrong, or both are the same folder of a store.
        """
        ends = cls(
            library=_absolute(parse_place(library)),
            stems=_absolute(parse_place(stems)),
            storage=resolved(storage),
        )
        if isinstance(ends.library, RemoteFolder) and ends.library == ends.stems:
            raise ConfigError(f"{ends.library}: library and output folder are the same")
        return ends

    @property
    def local_library(self) -> Path | None:
        """The library, if it is a local folder."""
        return self.library if isinstance(self.library, Path) else None

    @property
    def local_stems(self) -> Path | None:
        """The output, if it is a local folder."""
        return self.stems if isinstance(self.stems, Path) else None

    @property
    def root(self) -> Path:
        """The local folder that holds ``.libsep``: the output, or what stands for it here."""
        return root_of(self.stems, self.storage)

    @property
    def staging(self) -> Staging | None:
        """How tracks get from and to the stores; None if both ends are local folders."""
        if self.local_library is not None and self.local_stems is not None:
            return None
        return Staging(
            library=self.library if isinstance(self.library, RemoteFolder) else None,
            output=self.stems if isinstance(self.stems, RemoteFolder) else None,
            config=self.storage,
        )

    def check(self) -> None:
        """Do nothing if the library is there and the output is, or can become, another folder.

        Raises
        ------
        ConfigError
            They are not, the drive of one is not mounted, or the library's store does not answer.
        """
        if isinstance(self.library, Path):
            expect_drive(self.library)
            is_there = self.library.is_dir()
        else:
            try:
                is_there = Store(self.library, self.storage).is_there()
            except TransferError as exc:
                message = f"{self.library}: cannot be looked at: {exc.message}"
                raise ConfigError(message) from exc
        if not is_there:
            raise ConfigError(f"{self.library}: expected a folder of music")
        here, there = self.local_library, self.local_stems
        if there is not None:
            expect_folder(there)
        # Before anything is written there: it would be the first file of ours in the music.
        if here is not None and there is not None and there.exists() and is_same_file(here, there):
            raise ConfigError(f"{here}: library and output folder are the same")

    @contextlib.contextmanager
    def ledger(self, run: str, *, rebuild: bool = False) -> Iterator[Ledger]:
        """Hold the lock of the output, and yield its ledger, readable and ready to begin.

        Parameters
        ----------
        run
            Name of the run.
        rebuild
            Whether damaged files of the ledger are mended from the stem files.

        Raises
        ------
        LedgerError
            Another run holds the lock, the ledger is damaged, or the store does not answer.
        ConfigError
            The output holds the stems of another library.
        """
        if isinstance(self.stems, Path):
            library = self.library if isinstance(self.library, Path) else self.library.uri
            with locked_ledger(library, self.stems, run, rebuild=rebuild) as ledger:
                yield ledger
            return
        with copied_ledger(
            self.library, self.stems, self.storage, run=run, rebuild=rebuild
        ) as copied:
            yield copied

    def listing(self) -> Path | ListFiles:
        """Return the library if it is a local folder, else what lists it.

        Listing raises `ConfigError` where the store does not answer, or refuses.
        """
        return self.library if isinstance(self.library, Path) else self._list_store

    def sizes(self) -> Path | OutputSize:
        """Return the output if it is a local folder, else what tells the sizes of its objects.

        Raises
        ------
        ConfigError
            The store does not answer, or refuses.
        """
        if isinstance(self.stems, Path):
            return self.stems
        try:
            found = Store(self.stems, self.storage).objects()
        except TransferError as exc:
            raise ConfigError(f"{self.stems}: cannot be listed: {exc.message}") from exc
        sizes = {each.name: each.size_bytes for each in found}
        return sizes.get

    def note_left_out(self, omissions: Sequence[Omission]) -> None:
        """Keep what a run left out of the library beside its ledger, for ``libsep status``.

        Raises
        ------
        LedgerError
            It cannot be written.
        """
        path = write_note(self.root / FOLDER, omissions)
        if isinstance(self.stems, RemoteFolder):
            try:
                Store(self.stems, self.storage).write(f"{FOLDER}/{NOTE}", path.read_bytes())
            except TransferError as exc:
                raise LedgerError(f"{self.stems}: {exc}") from exc

    def _list_store(
        self,
        scan: ScanConfig,
        known: Mapping[str, Outcome],
        on_problem: Callable[[Problem], None],
        on_left_out: Callable[[LeftOut], None],
    ) -> Iterator[FoundFile]:
        if isinstance(self.library, Path):
            raise ValueError(f"{self.library}: is no folder of a store")
        beside = None
        if isinstance(self.stems, RemoteFolder) and self.library.holds(self.stems):
            beside = self.stems.path_of().removeprefix(self.library.path_of()).strip("/")
        store = Store(self.library, self.storage)
        try:
            yield from scan_store(
                store,
                scan,
                self.storage,
                known=known,
                on_problem=on_problem,
                on_left_out=on_left_out,
                beside=beside,
            )
        except TransferError as exc:
            raise ConfigError(f"{self.library}: cannot be listed: {exc.message}") from exc


@contextlib.contextmanager
def readable_ledger(stems: Path | RemoteFolder, storage: StorageConfig) -> Iterator[Ledger]:
    """Yield the ledger of an output for reading, whoever writes it meanwhile; perhaps empty.

    Raises
    ------
    ConfigError
        The store does not answer, or refuses; or the disk of temporary files is full.
    """
    if isinstance(stems, Path):
        yield Ledger(stems / FOLDER)
        return
    with temporary_folder("libsep-ledger-") as folder:
        try:
            ledger = fetched_ledger(stems, storage, folder)
        except TransferError as exc:
            raise ConfigError(f"{stems}: cannot be read: {exc.message}") from exc
        except OSError as exc:
            raise ConfigError(f"{folder}: cannot be written: {reason_of(exc)}") from exc
        yield ledger


@contextlib.contextmanager
def opened_output(stems: str, storage: StorageConfig) -> Iterator[tuple[Ledger, str]]:
    """Yield the ledger of an output, and the name of the run that is in work on it; empty if none.

    Parameters
    ----------
    stems
        The output, as on the command line.
    storage
        How stores are reached.

    Raises
    ------
    ConfigError
        There is no ledger, or the store does not answer.
    """
    place, storage = parse_place(stems), resolved(storage)
    if isinstance(place, Path):
        local = ledger_of(place)
        yield local, run_in_work(local.folder)
        return
    with readable_ledger(place, storage) as ledger:
        if not any(ledger.folder.glob("*/*")):
            raise ConfigError(f"{stems}: no ledger of libsep here (expected the folder {FOLDER})")
        try:
            in_work = run_in_store(Store(place, storage))
        except TransferError as exc:
            raise ConfigError(f"{stems}: cannot be read: {exc.message}") from exc
        yield ledger, in_work


def root_of(stems: Path | RemoteFolder, storage: StorageConfig) -> Path:
    """Return the local folder that holds ``.libsep``: the output, or what stands for it here."""
    return stems if isinstance(stems, Path) else state_folder(stems, resolved(storage))


def noted_library(place: Path | RemoteFolder, storage: StorageConfig) -> str:
    """Return the library that an output was made from, as the output remembers it; else nothing.

    Raises
    ------
    ConfigError
        The store does not answer, or refuses.
    """
    if isinstance(place, Path):
        note = place / FOLDER / "library"
        return note.read_text(encoding="utf-8") if note.is_file() else ""
    store = Store(place, resolved(storage))
    try:
        return store.read(LIBRARY_NOTE).decode() if store.find(LIBRARY_NOTE) is not None else ""
    except TransferError as exc:
        raise ConfigError(f"{place}: cannot be read: {exc.message}") from exc


def _absolute(place: Path | RemoteFolder) -> Path | RemoteFolder:
    """Return a place that means the same in other working folders and spellings."""
    return spelled(place) if isinstance(place, Path) else place

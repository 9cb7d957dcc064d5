"""Stem files wherever they lie, one after the other at a local path, to look into them."""

import contextlib
import dataclasses
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from libsep.config import StorageConfig
from libsep.errors import ConfigError, TransferError
from libsep.media.stems import EXTENSIONS
from libsep.media.verify import find_stem_files
from libsep.storage.connection import resolved
from libsep.storage.places import RemoteFolder, parse_place
from libsep.storage.scratch import Scratch
from libsep.storage.staging import fitting_name
from libsep.storage.store import Store, StoredObject


@dataclasses.dataclass(frozen=True, slots=True)
class StemFile:
    """A stem file: how it is called, and the object that it is if it lies in a store.

    ``place`` is what was given: the file itself, or the folder in which it was found.
    """

    name: str
    place: Path | RemoteFolder
    store: Store | None = None
    stored: StoredObject | None = None

    @contextlib.contextmanager
    def readable(self, storage: StorageConfig) -> Iterator[Path]:
        """Yield a local path of the file, for as long as the block lasts.

        Raises
        ------
        TransferError
            It cannot be fetched.
        """
        if self.store is None or self.stored is None:
            yield Path(self.name)
            return
        with Scratch(storage).room(self.stored.size_bytes, Path(self.stored.name)) as folder:
            path = folder / fitting_name(Path(self.stored.name))
            self.store.download(self.stored.name, path)
            yield path


def stem_files(places: Iterable[str], storage: StorageConfig) -> Iterator[StemFile]:
    """Yield the given files, and the stem files of the given folders, in the order of names.

    One that is given by itself and with its folder, before or after it, is yielded once, with the
    outermost folder that is given.

    Parameters
    ----------
    places
        Paths and URIs of files and folders.
    storage
        How stores are reached.

    Raises
    ------
    ConfigError
        A store does not answer, or refuses.
    """
    seen: set[str] = set()
    for place in _outer_first([parse_place(text) for text in places]):
        found: Iterator[StemFile]
        if isinstance(place, Path):
            found = (StemFile(str(path), place) for path in find_stem_files([place]))
        else:
            found = _in_store(place, resolved(storage))
        for file in found:
            is_here = file.stored is None
            name = os.path.abspath(file.name) if is_here else file.name  # noqa: PTH100 - links stay
            if name not in seen:
                seen.add(name)
                yield file


def _outer_first(places: Sequence[Path | RemoteFolder]) -> list[Path | RemoteFolder]:
    """Return places in their order, but none before one that it lies in."""
    parts = [_parts(place) for place in places]
    known = set(parts)
    depths = [sum(each[:length] in known for length in range(1, len(each))) for each in parts]
    return [places[index] for index in sorted(range(len(places)), key=depths.__getitem__)]


def _parts(place: Path | RemoteFolder) -> tuple[str, ...]:
    if isinstance(place, Path):
        return Path(os.path.abspath(place)).parts  # noqa: PTH100 - links stay
    return f"{place.scheme}://", *place.path_of().split("/")


def _in_store(place: RemoteFolder, storage: StorageConfig) -> Iterator[StemFile]:
    folder, _, name = place.prefix.rpartition("/")
    try:
        if name.casefold().endswith(EXTENSIONS):
            store = Store(RemoteFolder(place.scheme, place.bucket, folder), storage)
            found = store.find(name)
            if found is not None:
                yield StemFile(store.uri_of(name), place, store, found)
                return
        store = Store(place, storage)
        objects = sorted(store.objects(), key=lambda each: each.name.encode())
    except TransferError as exc:
        raise ConfigError(f"{place}: cannot be listed: {exc.message}") from exc
    for each in objects:
        *_, name = each.name.split("/")
        if name.casefold().endswith(EXTENSIONS) and not name.startswith("._"):
            yield StemFile(store.uri_of(each.name), place, store, each)

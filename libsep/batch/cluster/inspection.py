"""What a machine has of what a run needs; every node looks at itself, and so does the driver."""

import dataclasses
import os
import platform
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
import torch

from libsep import __version__
from libsep.errors import ConfigError, LibsepError, TransferError
from libsep.ledger import FOLDER
from libsep.machine import temporary_root
from libsep.media.atomic import replacing
from libsep.media.ffmpeg import find_ffmpeg, version
from libsep.model_folder.tensors import check_sha256
from libsep.restoration.model import RestorationModel
from libsep.separation.registry import Model, files_of, located
from libsep.storage.scratch import scratch_folder
from libsep.storage.staging import Staging
from libsep.storage.store import Store
from libsep.transients.model import HitModel, SoundModel
from libsep.units import format_bytes

MIN_SCRATCH_BYTES = 1_000_000_000
"""Free space in the folder for temporary files, below which a machine cannot take part."""


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """What a machine has of one part of what a run needs, or why that is not usable."""

    found: str
    is_usable: bool = True


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a run needs of a machine; by default no more than programs and scratch space.

    Parameters
    ----------
    ffmpeg
        The program, if the configuration names one.
    models
        Models whose weights every machine must hold.
    tracks
        Some files of the library, each with its size in bytes: paths, or names in the store.
    output_root
        Folder of the stem files, which all machines must share and be able to write.
    staging
        Which ends of the run are in a store; ``output_root`` does not count if the output is.
    mark
        What the driver writes into the output, and every machine reads there.
    """

    ffmpeg: Path | None = None
    models: tuple[Model | RestorationModel | HitModel | SoundModel, ...] = ()
    tracks: tuple[tuple[Path, int], ...] = ()
    output_root: Path | None = None
    staging: Staging | None = None
    mark: str = dataclasses.field(default_factory=lambda: secrets.token_hex(16))

    @property
    def library(self) -> Store | None:
        """The store of the library, if it lies in one."""
        return self._store(self.staging and self.staging.library)

    @property
    def output(self) -> "Store | Folder | None":
        """Where the stem files go, if that matters."""
        store = self._store(self.staging and self.staging.output)
        if store is None and self.output_root is not None:
            return Folder(self.output_root)
        return store

    @property
    def mark_name(self) -> str:
        """Name of the file in the output that carries the mark."""
        return f"{FOLDER}/preflight-{self.mark}"

    def _store(self, folder: Any) -> Store | None:
        if self.staging is None or folder is None:
            return None
        return Store(folder, self.staging.config)


class Folder:
    """A local folder, with those methods of a `Store` that a look at the output needs."""

    def __init__(self, root: Path) -> None:
        self.folder = root

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        return (self.folder / name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        """Write a file as a stem file is written: whole, synced, renamed."""
        with replacing(self.folder / name) as part:
            part.write_bytes(content)

    def delete(self, name: str) -> None:
        """Delete a file, if it is there."""
        (self.folder / name).unlink(missing_ok=True)


def look(needs: Needs) -> dict[str, Finding]:
    """Return what this machine has of what a run needs, part by part."""
    findings = {
        "libsep": Finding(__version__),
        "Python": Finding(".".join(platform.python_version_tuple()[:2])),
        "Ray": Finding(str(ray.__version__)),
        "torch": Finding(torch.__version__.partition("+")[0]),  # what follows is CPU or CUDA
        "ffmpeg": _tried(_ffmpeg, needs),
    }
    for model in needs.models:
        findings[f"model {model.name}"] = _tried(_model, model)
    if needs.tracks:
        findings["library"] = _tried(_library, needs)
    if needs.output is not None:
        findings["stems folder"] = _tried(_output, needs)
    findings["scratch space"] = _tried(_scratch, needs)
    return findings


def _tried(part: Callable[[Any], str], argument: Any) -> Finding:
    """Return what a part of the look finds, or why it is not usable."""
    try:
        return Finding(part(argument))
    except LibsepError as exc:
        return Finding(str(exc), is_usable=False)
    except OSError as exc:
        where = f"{exc.filename}: " if exc.filename else ""
        return Finding(f"{where}{exc.strerror or exc}", is_usable=False)


def _ffmpeg(needs: Needs) -> str:
    return version(find_ffmpeg(needs.ffmpeg)).partition("\n")[0].partition(" Copyright")[0]


def _model(model: Model | RestorationModel | HitModel | SoundModel) -> str:
    for each in files_of(located(model)) if isinstance(model, Model) else (model,):
        check_sha256(each.weights_path, each.sha256)
    return f"sha256 {model.sha256[:12]}"


def _library(needs: Needs) -> str:
    """Look for some of the tracks, and read a byte of each."""
    store = needs.library
    for path, size_bytes in needs.tracks:
        found_bytes = _size(path) if store is None else _size_in_store(store, path)
        if found_bytes != size_bytes:
            raise ConfigError(f"{path}: {found_bytes} bytes, expected {size_bytes}")
    return "readable"


def _size(path: Path) -> int:
    with path.open("rb") as file:
        file.read(1)
        return os.fstat(file.fileno()).st_size


def _size_in_store(store: Store, path: Path) -> int:
    found = store.find(path.as_posix())
    if found is None:
        raise ConfigError(f"{store.uri_of(path.as_posix())}: not there")
    store.read_range(path.as_posix(), 0, 1)
    return found.size_bytes


def _output(needs: Needs) -> str:
    """Find the driver's mark in the output, and write there."""
    output = needs.output
    assert output is not None
    try:
        mark = output.read(needs.mark_name)
    except (FileNotFoundError, TransferError):
        mark = b""
    if mark != needs.mark.encode():
        raise ConfigError(f"{output.folder}: not the driver's, whose mark is not in it (a mount?)")
    probe = f"{needs.mark_name}-{secrets.token_hex(4)}"
    try:
        output.write(probe, mark)
    finally:
        output.delete(probe)
    return "writable"


def _scratch(needs: Needs) -> str:
    folder = temporary_root() if needs.staging is None else scratch_folder(needs.staging.config)
    while not folder.exists():  # it is made when the first track comes
        folder = folder.parent
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < MIN_SCRATCH_BYTES:
        free, needed = format_bytes(free_bytes), format_bytes(MIN_SCRATCH_BYTES)
        raise ConfigError(f"{free} free in {folder}, expected {needed}")
    return "enough"

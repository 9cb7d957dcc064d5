"""The public models that can be pulled: a list that comes with libsep."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from libsep import config
from libsep.errors import ConfigError, ModelError
from libsep.separation.model import ModelInfo

CATALOGUE_PATH = Path(__file__).with_name("catalogue.yaml")


class CheckpointFile(config.Section):
    """One file of a public checkpoint."""

    url: Annotated[str, Field(pattern=r"^https?://")]
    """Where it is fetched from; its last part is the file's name."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """Of the file; None: nobody whom we trust has published it, so the user has to name it."""

    size_bytes: Annotated[int, Field(gt=0)] | None = None
    """Length of the file, where it is known."""

    prefix: str = ""
    """What stands before the names of its tensors in our network."""

    members: Mapping[str, str] = Field(default_factory=dict)
    """Files in an archive that are needed, with their SHA-256: they are taken without it too."""

    @property
    def name(self) -> str:
        """The file's name."""
        return self.url.rpartition("/")[2]


class CatalogueEntry(ModelInfo):
    """A public model: what it is, and where its checkpoint lies."""

    files: Annotated[tuple[CheckpointFile, ...], Field(min_length=1)]
    """The checkpoint."""

    spleeter_sources: tuple[str, ...] = ()
    """Of an archive of Spleeter: the sources in the order of its networks; else none."""

    ignored: tuple[str, ...] = ()
    """Names of tensors in the checkpoint that no network needs."""

    is_restricted: bool = False
    """Whether the licence allows less than everything, so that the user has to accept it."""

    def info(self) -> ModelInfo:
        """Return what becomes the description of the pulled model."""
        return ModelInfo(**self.model_dump(include=set(ModelInfo.model_fields)))

    @property
    def size_bytes(self) -> int | None:
        """Length of the whole checkpoint, where it is known."""
        sizes = [file.size_bytes for file in self.files if file.size_bytes is not None]
        return sum(sizes) if len(sizes) == len(self.files) else None


class Catalogue(config.Section):
    """What the file holds."""

    models: tuple[CatalogueEntry, ...]
    """Public models, by name."""


def read_catalogue() -> tuple[CatalogueEntry, ...]:
    """Return the public models that can be pulled.

    Raises
    ------
    ModelError
        The list cannot be read, so the installation is damaged.
    """
    try:
        return config.load(Catalogue, CATALOGUE_PATH).models
    except ConfigError as exc:
        raise ModelError(str(exc)) from exc


def find_entry(name: str) -> CatalogueEntry:
    """Return the public model of this name.

    Raises
    ------
    ModelError
        There is none; the message lists the names that exist.
    """
    entries = {entry.name: entry for entry in read_catalogue()}
    if name not in entries:
        names = ", ".join(entries)
        raise ModelError(f"no public model is called {name!r}, there are: {names}")
    return entries[name]

"""What a model folder says about its model; read without torch."""

import dataclasses
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar, get_args

import pydantic
import yaml
from pydantic import Field

import libsep
from libsep import config
from libsep.config.plain_values import plain_values
from libsep.errors import ConfigError, ModelError

DESCRIPTION_FILE = "model.yaml"
WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "README.md"


class Description(config.Section):
    """What every model says about itself; each kind of model adds fields of its own."""

    kind: str
    """What the model is for; a folder is only read as what it is."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
    """What users call it, and the name of its folder."""

    description: str = ""
    """One sentence for the list of models."""

    architecture: str
    """Name of the network."""

    arguments: dict[str, pydantic.JsonValue]
    """Keyword arguments of the network."""

    sample_rate: Annotated[int, Field(gt=0)]
    """Of the audio that it expects, in Hz."""

    licence: str
    """Of the weights: an SPDX identifier, or what they are for where no licence is named."""

    data: tuple[str, ...] = ()
    """What it was trained on: one line for each source, with its licence."""

    training: str = ""
    """How it was trained: hardware, time, steps."""

    @property
    def network_identity(self) -> dict[str, Any]:
        """What the weights file must say about its network."""
        return {"architecture": self.architecture, "arguments": self.arguments}

    @pydantic.field_validator("arguments", mode="before")
    @classmethod
    def _as_stored(cls, arguments: Any) -> Any:
        """Take tuples for lists, as JSON and YAML do."""
        try:
            return json.loads(json.dumps(arguments))
        except TypeError as exc:
            raise ValueError("expected numbers, texts, lists and mappings") from exc


class Stored(config.Section):
    """Where a model lies on this machine, and which file its weights are."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Of the weights file."""

    name: str
    """What users call it; see `Description`."""

    folder: Annotated[Path, Field(exclude=True)]
    """Where it lies; not part of the description."""

    @property
    def weights_path(self) -> Path:
        """The weights file; it need not exist."""
        return self.folder / WEIGHTS_FILE

    @property
    def is_here(self) -> bool:
        """Whether this machine has its weights."""
        return self.weights_path.is_file()


StoredType = TypeVar("StoredType", bound=Stored)

_WORDS = {
    "separator": "a model that separates",
    "cascade": "a cascade of models that separate",
    "super_resolution": "a model for super-resolution",
    "classifier": "a genre classifier",
    "drum_hits": "a model for hits of drums",
    "drum_sounds": "a model for sounds of drums",
}
"""Kinds of models in words, for messages."""


def read_folder(section: type[StoredType], folder: Path) -> StoredType:
    """Return what ``folder`` says about its model; the weights are not looked at.

    Parameters
    ----------
    section
        The kind of model that is expected: a `Description` that is also `Stored`.
    folder
        With a ``model.yaml``.

    Raises
    ------
    ModelError
        The description is missing, cannot be read, has a wrong field or one twice, or is that of
        another kind of model.
    """
    path = folder / DESCRIPTION_FILE
    values = _read_values(path)
    _check_kind(section, values, folder)
    return described(section, {**values, "folder": folder}, path)


def described(
    section: type[config.SectionType], values: dict[str, Any], path: Path
) -> config.SectionType:
    """Return what ``values`` say about the model in ``path``.

    Raises
    ------
    ModelError
        A field is wrong or missing.
    """
    try:
        return config.parse(section, values, origin=str(path))
    except ConfigError as exc:
        raise ModelError(str(exc)) from exc


def _check_kind(section: type[Stored], values: dict[str, Any], folder: Path) -> None:
    field = section.model_fields["kind"]
    kinds = get_args(field.annotation)
    if not kinds or (found := values.get("kind", field.default)) in kinds:
        return
    places = (models_folder(), pulled_folder())
    fitting = [each.name for kind in kinds for p in places for each in folders_of_kind(kind, p)]
    raise ModelError(
        f"{folder}: is {_WORDS.get(str(found), f'of the kind {found!r}')}, expected "
        f"{_WORDS[kinds[0]]}, such as {', '.join(fitting) or 'none of those that are here'}"
    )


def folder_of(name_or_path: str | Path) -> Path | None:
    """Return the folder of the model of this name that came with libsep or was pulled, or None.

    Anything with a slash in it is a path, there or not; it is made absolute, because other
    processes have other work folders.
    """
    if isinstance(name_or_path, Path) or re.search(r"[/\\]", name_or_path):
        return Path(name_or_path).absolute()
    folders = (place / name_or_path for place in (models_folder(), pulled_folder()))
    return next((folder for folder in folders if (folder / DESCRIPTION_FILE).is_file()), None)


def located(model: StoredType, find: Callable[[], StoredType]) -> StoredType:
    """Return a model as it lies on this machine, for one that was found on another.

    It is the same folder if there is one here. Else it is the model of this name that came with
    libsep, or was pulled: the two machines have libsep in different places.

    Parameters
    ----------
    model
        As it lies there.
    find
        Finds the model of the same name here.

    Raises
    ------
    ModelError
        Neither is there, or the one of this name has other weights.
    """
    if model.is_here:
        return model
    try:
        found = find()
    except ModelError as exc:
        raise ModelError(f"{model.weights_path}: not on this machine, and {exc}") from exc
    if found.sha256 != model.sha256:
        raise ModelError(
            f"{model.weights_path}: not on this machine, and {found.folder} has other weights"
        )
    return found


def folders_of_kind(kind: str, folder: Path) -> list[Path]:
    """Return the model folders in ``folder`` that hold a model of this kind, by name.

    A folder that does not exist holds none. Hidden ones are left out: a model that was being
    exchanged when its process was killed may lie there.

    Raises
    ------
    ModelError
        A description in it cannot be read.
    """
    paths = sorted(folder.glob(f"[!.]*/{DESCRIPTION_FILE}"))
    return [path.parent for path in paths if _read_values(path).get("kind") == kind]


@dataclasses.dataclass(frozen=True)
class Shelf(Generic[StoredType]):
    """The models of one kind: those that came with libsep, those pulled, and any folder.

    Parameters
    ----------
    section, kind
        What a folder of the kind says, and how it calls the kind.
    words, maker
        The kind in words, and the configuration that trains one, for messages.
    """

    section: type[StoredType]
    kind: str
    words: str
    maker: str

    def all(self) -> list[StoredType]:
        """Return the models that came with libsep, by name, then those that were pulled.

        Raises
        ------
        ModelError
            The description of one of them is damaged.
        """
        return [read_folder(self.section, folder) for folder in self._folders()]

    def find(self, name_or_path: str | Path) -> StoredType:
        """Return the model of this name that came with libsep or was pulled, or in this folder.

        Anything with a slash in it is a path.

        Raises
        ------
        ModelError
            There is none; the message lists those that exist. Or its description is damaged.
        """
        if (folder := folder_of(name_or_path)) is not None:
            return read_folder(self.section, folder)
        known = ", ".join(folder.name for folder in self._folders()) or "none"
        raise ModelError(
            f"no {self.words} is called {name_or_path!r}, there are: {known} "
            f"(a path needs a slash; libsep train {self.maker} makes one)"
        )

    def located(self, model: StoredType) -> StoredType:
        """Return a model as it lies on this machine, for one that was found on another.

        Raises
        ------
        ModelError
            It is not here, or the one of this name has other weights.
        """
        return located(model, lambda: self.find(model.name))

    def _folders(self) -> list[Path]:
        places = (models_folder(), pulled_folder())
        return [folder for place in places for folder in folders_of_kind(self.kind, place)]


def kind_of(name_or_path: str | Path) -> str | None:
    """Return the kind of the model of this name or in this folder; None if there is none.

    Raises
    ------
    ModelError
        Its description cannot be read.
    """
    for folder in (models_folder() / name_or_path, pulled_folder() / name_or_path):
        if (folder / DESCRIPTION_FILE).is_file():
            return str(_read_values(folder / DESCRIPTION_FILE).get("kind"))
    path = Path(name_or_path) / DESCRIPTION_FILE
    return str(_read_values(path).get("kind")) if path.is_file() else None


def models_folder() -> Path:
    """Return the folder of the models that come with libsep.

    It lies inside the package where that was installed, and beside it in a source checkout.

    Raises
    ------
    ModelError
        There is none, so the installation is damaged.
    """
    package = Path(libsep.__file__).parent
    for folder in (package / "models", package.parent / "models"):
        if folder.is_dir():
            return folder
    raise ModelError(f"{package / 'models'}: not found, expected the models of libsep there")


def pulled_folder() -> Path:
    """Return the folder of the models that were pulled; it need not exist.

    ``LIBSEP_MODELS`` names it; without it, it is ``libsep/models`` in the user's cache folder
    (``XDG_CACHE_HOME``, else ``~/.cache``).
    """
    if chosen := os.environ.get("LIBSEP_MODELS"):
        return Path(chosen).expanduser()
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG specification: a relative path there is to be ignored.
    root = cache if cache.is_absolute() else Path.home() / ".cache"
    return root / "libsep" / "models"


def _read_values(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ModelError(f"{path}: not found, expected the description of a model")
    try:
        values = plain_values(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise ModelError(f"{path}: cannot be read as YAML: {config.why_unreadable(exc)}") from exc
    if not isinstance(values, dict):
        raise ModelError(f"{path}: expected a mapping, found {type(values).__name__}")
    return values

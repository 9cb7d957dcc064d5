"""Which separation models there are, and where: a folder each, read without torch."""

import re
from pathlib import Path

from libsep.errors import ModelError
from libsep.model_folder import description
from libsep.model_folder.description import (
    DESCRIPTION_FILE,
    folders_of_kind,
    models_folder,
    pulled_folder,
    read_folder,
)
from libsep.separation.catalogue import read_catalogue
from libsep.separation.model import KIND, Model, ModelInfo

__all__ = ["Model", "ModelInfo", "find_model", "list_models", "located", "read_model"]


def list_models(folder: Path | None = None) -> list[Model]:
    """Return the models in ``folder``, by name; without one those of libsep, then those pulled.

    Raises
    ------
    ModelError
        The description of one of them is damaged.
    """
    folders = [models_folder(), pulled_folder()] if folder is None else [folder]
    return [read_model(path) for place in folders for path in folders_of_kind(KIND, place)]


def find_model(name_or_path: str | Path) -> Model:
    """Return the model of this name that came with libsep or was pulled, or the one in this folder.

    Anything with a slash in it is a path.

    Raises
    ------
    ModelError
        There is no such model; the message lists the names that exist, or says how to pull it.
        Or its description is damaged.
    """
    if isinstance(name_or_path, Path) or re.search(r"[/\\]", name_or_path):
        return read_model(Path(name_or_path).absolute())  # other processes have other work folders
    for place in (models_folder(), pulled_folder()):
        if (place / name_or_path / DESCRIPTION_FILE).is_file():
            return read_model(place / name_or_path)
    if name_or_path in (entry.name for entry in read_catalogue()):
        raise ModelError(
            f"model {name_or_path!r} is not on this machine yet: libsep models pull {name_or_path}"
        )
    names = ", ".join(model.name for model in list_models()) or "none"
    raise ModelError(
        f"no model is called {name_or_path!r}, there are: {names} (a path needs a slash)"
    )


def read_model(folder: Path) -> Model:
    """Return the model in ``folder``; its weights are not looked at.

    Raises
    ------
    ModelError
        The description is missing, cannot be read, or has a wrong field.
    """
    return read_folder(Model, folder)


def located(model: Model) -> Model:
    """Return a model as it lies on this machine, for one that was found on another.

    Raises
    ------
    ModelError
        It is not here, or the one of this name has other weights.
    """
    return description.located(model, lambda: find_model(model.name))

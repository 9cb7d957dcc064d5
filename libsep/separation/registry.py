"""Which separation models there are, and where: a folder each, read without torch."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from libsep.errors import ConfigError, ModelError
from libsep.media.atomic import expect_folder
from libsep.model_folder import description
from libsep.model_folder.description import (
    DESCRIPTION_FILE,
    WEIGHTS_FILE,
    folder_of,
    folders_of_kind,
    models_folder,
    pulled_folder,
    read_folder,
)
from libsep.separation.catalogue import read_catalogue
from libsep.separation.model import (
    BLEND,
    CASCADE,
    KINDS,
    MAGNITUDE_ARCHITECTURES,
    Model,
    ModelInfo,
    Stage,
)

__all__ = [
    "Model",
    "ModelInfo",
    "base_of",
    "can_reconstruct",
    "check_place",
    "check_reconstruct",
    "files_of",
    "find_model",
    "list_models",
    "located",
    "networks_of",
    "read_model",
]

VOCALS = "vocals"
"""What the first stage of a cascade takes off the mixture."""

OTHER = "other"
"""Where those vocals go that the second stage of a cascade finds in the rest."""


def list_models(folder: Path | None = None) -> list[Model]:
    """Return the models in ``folder``, by name; without one those of libsep, then those pulled.

    Raises
    ------
    ModelError
        The description of one of them is damaged.
    """
    folders = [models_folder(), pulled_folder()] if folder is None else [folder]
    found = [sorted(path for kind in KINDS for path in folders_of_kind(kind, p)) for p in folders]
    return [read_model(path) for paths in found for path in paths]


def find_model(name_or_path: str | Path) -> Model:
    """Return the model of this name that came with libsep or was pulled, or the one in this folder.

    Anything with a slash in it is a path.

    Raises
    ------
    ModelError
        There is no such model; the message lists the names that exist, or says how to pull it.
        Or its description is damaged.
    """
    if (folder := folder_of(name_or_path)) is not None:
        return read_model(folder)
    if str(name_or_path) in (entry.name for entry in read_catalogue()):
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


def check_reconstruct(model: Model, reconstruct: str | None) -> None:
    """Refuse to tell a model where the phase comes from that has no choice; None tells nothing.

    Raises
    ------
    ConfigError
        Neither the model nor a stage of it estimates magnitudes.
    ModelError
        As `networks_of`.
    """
    if reconstruct is not None and not can_reconstruct(model):
        architectures = [part.architecture for part in networks_of(model)]
        raise ConfigError(
            f"reconstruct: {reconstruct}, but model {model.name} ({', '.join(architectures)}) has "
            f"no choice, only models of {', '.join(MAGNITUDE_ARCHITECTURES)} have"
        )


def can_reconstruct(model: Model) -> bool:
    """Return whether a model, or a stage of it, has a choice of where the phase comes from.

    Raises
    ------
    ModelError
        As `networks_of`.
    """
    return any(part.architecture in MAGNITUDE_ARCHITECTURES for part in networks_of(model))


def networks_of(model: Model) -> tuple[Model, ...]:
    """Return the models whose networks a model runs one after the other: itself, or its stages.

    The stages of a cascade are looked for beside it, then under their names.

    Raises
    ------
    ModelError
        A stage of a cascade is not on this machine, has other weights than the cascade says, is a
        cascade, or does not fit: the first must give vocals, the second all the others.
    """
    if model.kind != CASCADE:
        return (model,)
    first, second = (_stage_of(model, stage.name, stage.sha256) for stage in model.stages)
    if VOCALS not in first.targets:
        raise ModelError(f"{model.name}: its first stage {first.name} gives no {VOCALS}")
    if missing := set(model.targets) - {VOCALS} - set(second.targets):
        lacking = ", ".join(sorted(missing))
        raise ModelError(f"{model.name}: its second stage {second.name} lacks {lacking}")
    if extra := set(second.targets) - set(model.targets) or {VOCALS, OTHER} - set(model.targets):
        lost = ", ".join(sorted(extra))
        raise ModelError(
            f"{model.name}: {lost} of its stages would be lost (a cascade gives all that its "
            f"second stage does, {OTHER} and {VOCALS})"
        )
    return first, second


def base_of(info: ModelInfo, folder: Path) -> Model | None:
    """Return the model whose weights one in ``folder`` shares; None if that holds all of its own.

    It is looked for beside the folder, then under its name.

    Raises
    ------
    ModelError
        It is not on this machine, has other weights than the description says or another network,
        or shares weights itself.
    """
    if info.base is None:
        return None
    try:
        found = stage_named(info.base.name, folder)
    except ModelError as exc:
        raise ModelError(f"{info.name}: shares the weights of {info.base.name}: {exc}") from exc
    if found.sha256 != info.base.sha256:
        raise ModelError(
            f"{info.name}: shares the weights of {found.name}, whose sha256 in {found.folder} is "
            f"{found.sha256}, expected {info.base.sha256} (another version of libsep?)"
        )
    is_same = network_in(found, info.base.member) == (info.architecture, info.arguments)
    if not is_same or found.base is not None:
        kind = "shares weights itself" if is_same else "is another network"
        raise ModelError(f"{info.name}: shares the weights of {found.name}, which {kind}")
    return found


def network_in(model: ModelInfo, member: int | None) -> tuple[Any, Any] | None:
    """Return architecture and arguments of a model, or of this member of a blend, if it has it."""
    if member is None:
        return model.architecture, model.arguments
    members = model.arguments.get("members") if model.architecture == BLEND else None
    found = dict(enumerate(members)).get(member) if isinstance(members, list) else None
    if not isinstance(found, Mapping):
        return None
    return found.get("architecture"), found.get("arguments")


def files_of(model: Model) -> tuple[Model, ...]:
    """Return the models whose weights files a model needs: of its networks, and their bases.

    Raises
    ------
    ModelError
        As `networks_of` and `base_of`.
    """
    networks = networks_of(model)
    bases = [base for each in networks if (base := base_of(each, each.folder)) is not None]
    return tuple({each.folder: each for each in (*networks, *bases)}.values())


def reference(model: Model, folder: Path) -> Stage:
    """Return how the description of a model in ``folder`` names another one that it needs.

    By its name alone where that finds it, else by its whole path.

    Raises
    ------
    ModelError
        ``folder`` has the same name, so it would be found in the other's place.
    """
    name = model.folder.name
    if folder.name == name:
        raise ModelError(f"{folder}: would take the place of {name}, expected another name")
    try:
        is_found = stage_named(name, folder).sha256 == model.sha256
    except ModelError:
        is_found = False
    return Stage(name=name if is_found else str(model.folder), sha256=model.sha256)


def check_place(folder: Path, parts: Iterable[Model], architecture: str, *, shares: bool) -> None:
    """Refuse to write a model of ``parts`` over anything but a former model of its kind.

    Raises
    ------
    ConfigError
        ``folder`` is a file.
    ModelError
        ``folder`` is that of a part or of another kind of model, or holds other files.
    """
    expect_folder(folder)
    if any(folder.resolve() == part.folder.resolve() for part in parts):
        raise ModelError(f"{folder}: is one of the parts, which would be lost; name a new folder")
    if (folder / DESCRIPTION_FILE).is_file():
        former = read_model(folder)
        if (former.architecture, former.base is not None) != (architecture, shares):
            kind = former.architecture + (" that shares weights" if former.base else "")
            raise ModelError(f"{folder}: holds another model, a {kind}; name a new folder")
    elif folder.is_dir() and not {entry.name for entry in folder.iterdir()} <= {WEIGHTS_FILE}:
        raise ModelError(f"{folder}: holds other files, expected an empty folder or a new one")


def stage_named(name: str, folder: Path) -> Model:
    """Return the model that a description in ``folder`` calls so: beside it, else of this name.

    Raises
    ------
    ModelError
        There is none.
    """
    beside = folder.parent / name
    return read_model(beside) if (beside / DESCRIPTION_FILE).is_file() else find_model(name)


def _stage_of(model: Model, name: str, sha256: str) -> Model:
    found = stage_named(name, model.folder)
    if found.sha256 != sha256:
        names = " ".join(stage.name for stage in model.stages)
        raise ModelError(
            f"{model.name}: its stage {name} in {found.folder} has sha256 {found.sha256}, expected "
            f"{sha256} (libsep models chain {model.folder} {names} takes the stages as they are)"
        )
    if found.kind == CASCADE or found.sample_rate != model.sample_rate:
        raise ModelError(
            f"{model.name}: its stage {name} is a {found.kind} of {found.sample_rate} Hz, expected "
            f"one network of {model.sample_rate} Hz"
        )
    return found

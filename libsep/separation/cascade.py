"""Make a cascade: a model of two, of which the second splits what the first leaves."""

from pathlib import Path
from typing import Any

from libsep.errors import ModelError
from libsep.media.atomic import expect_folder
from libsep.model_folder.description import DESCRIPTION_FILE, described
from libsep.model_folder.tensors import write_description
from libsep.separation.model import CASCADE, Model, ModelInfo, segments_of
from libsep.separation.registry import (
    VOCALS,
    networks_of,
    read_model,
    reference,
    stage_named,
)


def chain(folder: Path, first: str, second: str) -> Model:
    """Write ``folder`` as a cascade of two models; of one that lies there, exchange the stages.

    What the description says stays. Its scores go if a stage is another one than before: they were
    not measured with it.

    Parameters
    ----------
    folder
        Its last part is the name of the cascade.
    first
        What takes the vocals off: the name of a model, which may lie beside ``folder``.
    second
        What splits the rest; what it takes for vocals goes to ``other``.

    Raises
    ------
    ConfigError
        ``folder`` is a file.
    ModelError
        A model does not exist, the two do not fit, what lies in ``folder`` is no cascade, it is
        called as one of them, or it cannot be written.
    """
    expect_folder(folder)
    found = [stage_named(name, folder.absolute()) for name in (first, second)]
    values = _values(folder, found)
    stages = tuple(reference(stage, folder.absolute()) for stage in found)
    is_other = tuple(values.get("stages", ())) != stages
    values |= {"stages": stages} | ({"scores": ()} if is_other else {})
    info = described(ModelInfo, values, folder)
    return _written(info, folder)


def redescribed(cascade: Model, **values: Any) -> Model:
    """Return a cascade whose description says these values, after writing them.

    Parameters
    ----------
    cascade
        Whose stages stay.
    values
        Fields of `ModelInfo`.

    Raises
    ------
    ModelError
        As `chain`.
    """
    kept = {name: getattr(cascade, name) for name in ModelInfo.model_fields}
    return _written(described(ModelInfo, kept | values, cascade.folder), cascade.folder)


def _written(info: ModelInfo, folder: Path) -> Model:
    networks_of(Model(**info.model_dump(), folder=folder.absolute()))
    kept = info.model_dump(mode="json", exclude={"architecture", "arguments"})
    write_description(folder, kept)
    return read_model(folder)


def _values(folder: Path, stages: list[Model]) -> dict[str, Any]:
    """Return what the cascade says of itself, or what follows from its stages."""
    if (folder / DESCRIPTION_FILE).is_file():
        model = read_model(folder)
        if model.kind != CASCADE:
            raise ModelError(f"{folder}: is a {model.kind}, expected a cascade or an empty folder")
        return {name: getattr(model, name) for name in ModelInfo.model_fields}
    first, second = stages
    costs = [stage.cost for stage in stages if stage.cost is not None]
    return {
        "kind": CASCADE,
        "name": folder.absolute().name,
        "description": f"{first.name} takes the vocals off, {second.name} splits the rest.",
        "targets": (*(t for t in second.targets if t != VOCALS), VOCALS),
        "sample_rate": first.sample_rate,
        **segments_of(stages),
        "cost": round(sum(costs), 3) if len(costs) == len(stages) else None,
        "licence": " AND ".join(dict.fromkeys(stage.licence for stage in stages)),
        "notice": " ".join(dict.fromkeys(stage.notice for stage in stages if stage.notice)),
    }

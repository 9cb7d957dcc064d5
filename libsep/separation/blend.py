"""Make a blend: a model of several for the same targets, whose estimates are averaged."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from libsep.errors import ModelError
from libsep.model_folder.description import described
from libsep.separation.architectures import BLEND, build_network
from libsep.separation.model import Model, ModelInfo, segments_of
from libsep.separation.registry import find_model
from libsep.separation.weights import load_network, save_model


def blend(
    folder: Path, names: Sequence[str], weights: Sequence[float], *, is_8_bit: bool = False
) -> Model:
    """Write ``folder`` as a model that averages the estimates of others.

    It holds their weights, so it does not need them any more. Its scores are to be measured.

    Parameters
    ----------
    folder
        Its last part is the name of the blend.
    names
        Models with the same targets, by name or folder.
    weights
        Of each; only their ratios count.
    is_8_bit
        Whether matrices and kernels are stored in 8 bit, see `libsep.model_folder.eight_bit`.

    Raises
    ------
    ModelError
        A model does not exist or is a cascade, they differ in targets or sample rate, weights and
        models are not equally many, or the folder cannot be written.
    """
    members = [find_model(name) for name in names]
    networks = [load_network(member) for member in members]
    if len(set(member.sample_rate for member in members)) != 1:
        raise ModelError(f"{' and '.join(names)}: differ in their sample rates")
    info = described(ModelInfo, _values(folder.absolute().name, members, weights), folder)
    whole = build_network(info)
    for place, network in enumerate(networks):
        whole.get_submodule(f"members.{place}").load_state_dict(network.state_dict())
    return save_model(folder, info, whole.eval(), is_8_bit=is_8_bit)


def _values(name: str, members: Sequence[Model], weights: Sequence[float]) -> dict[str, Any]:
    """Return what follows for a blend from its members."""
    costs = [member.cost for member in members if member.cost is not None]
    return {
        "kind": "separator",
        "name": name,
        "description": f"The mean of what {' and '.join(member.name for member in members)} find.",
        "architecture": BLEND,
        "arguments": {
            "members": [
                {"architecture": member.architecture, "arguments": member.arguments}
                for member in members
            ],
            "weights": list(weights),
        },
        "targets": members[0].targets,
        "sample_rate": members[0].sample_rate,
        **segments_of(members),
        "cost": sum(costs) if len(costs) == len(members) else None,
        "licence": " AND ".join(dict.fromkeys(member.licence for member in members)),
        "notice": " ".join(dict.fromkeys(member.notice for member in members if member.notice)),
        "data": tuple(dict.fromkeys(line for member in members for line in member.data)),
        "training": "; ".join(f"{member.name}: {member.training}" for member in members),
    }

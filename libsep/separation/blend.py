"""Make a blend, a model of several whose estimates are averaged; exchange one, or take it out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from libsep.errors import ModelError
from libsep.model_folder.description import described
from libsep.nets.blend import Blend, member_name
from libsep.nets.network import SeparationNetwork
from libsep.separation.architectures import build_network
from libsep.separation.model import BLEND, Base, Model, ModelInfo, segments_of
from libsep.separation.registry import (
    check_place,
    find_model,
    network_in,
    reference,
    stage_named,
)
from libsep.separation.weights import load_network, save_model


def blend(
    folder: Path, names: Sequence[str], weights: Sequence[float], *, is_8_bit: bool = False
) -> Model:
    """Write ``folder`` as a model that averages the estimates of others.

    It holds their weights, so it does not need them any more. Its scores are to be measured. Its
    estimates are filtered as theirs are, if all say the same and see one transform.

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
        There are fewer than two, one does not exist, is a cascade or a blend, they differ in
        targets or sample rate, weights and models are not equally many, or the folder cannot be
        written or holds something else.
    """
    if len(names) < 2:
        raise ModelError(f"{len(names)} model to blend, expected two or more")
    members = [find_model(name) for name in names]
    check_place(folder, members, BLEND, shares=False)
    if blends := [member.name for member in members if member.architecture == BLEND]:
        raise ModelError(f"{blends[0]}: is a blend, expected single networks, such as its parts")
    networks = [load_network(member) for member in members]
    parts = [{"architecture": each.architecture, "arguments": each.arguments} for each in members]
    arguments = {"members": parts, "weights": list(weights)}
    info = described(ModelInfo, _values(folder.absolute().name, members, arguments), folder)
    whole = build_network(info)
    are_alike = all(member.wiener == members[0].wiener for member in members)
    if are_alike and isinstance(whole, Blend) and whole.transform is not None:
        info = info.model_copy(update={"wiener": members[0].wiener})
    for place, network in enumerate(networks):
        whole.get_submodule(member_name(place)).load_state_dict(network.state_dict())
    return save_model(folder, info, whole.eval(), is_8_bit=is_8_bit)


def exchange(folder: Path, name: str, place: int, member: str) -> Model:
    """Write ``folder`` as a blend that differs from another one in one of its networks.

    It holds the weights of that network only, so it needs the other blend wherever it is used.
    Its scores are to be measured.

    Parameters
    ----------
    folder
        Its last part is the name of the new blend.
    name
        The other blend; it may lie beside ``folder``.
    place
        Which of its networks to exchange, from 0.
    member
        A model of the same network as that one.

    Raises
    ------
    ModelError
        A model does not exist, ``name`` is no blend or has no such place, ``member`` is another
        network than that one or of another sample rate, ``folder`` is called as the other blend,
        or it cannot be written or holds something else.
    """
    base, found = _blend_named(name, folder, place), find_model(member)
    if network_in(base, place) != (found.architecture, found.arguments):
        raise ModelError(
            f"{member}: is another network than {place} of {name}, expected the same architecture, "
            f"size and targets"
        )
    values = _values(folder.absolute().name, (base, found), base.arguments) | {
        "description": f"{base.name} with {found.name} for one of its networks.",
        "cost": base.cost,
        "wiener": base.wiener,
        "base": _base(base, folder),
    }
    check_place(folder, (base, found), BLEND, shares=True)
    network = load_network(base)
    network.get_submodule(member_name(place)).load_state_dict(load_network(found).state_dict())
    return save_model(folder, described(ModelInfo, values, folder), network, is_8_bit=True)


def part(folder: Path, name: str, place: int) -> Model:
    """Write ``folder`` as one of the networks of a blend: faster, and not as good.

    It holds no weights, so it needs the blend wherever it is used. Its scores and its cost are to
    be measured. Its estimates are filtered as those of the blend.

    Parameters
    ----------
    folder
        Its last part is the name of the new model.
    name
        The blend; it may lie beside ``folder``.
    place
        Which of its networks, from 0.

    Raises
    ------
    ModelError
        There is no such blend, it has no such place or shares weights itself, ``folder`` is called
        as the blend, or it cannot be written or holds something else.
    """
    base = _blend_named(name, folder, place)
    architecture, arguments = network_in(base, place) or ("", {})
    values = base.model_dump(exclude={"folder", "sha256", "scores", "published", "cost"}) | {
        "name": folder.absolute().name,
        "description": f"Network {place} of {base.name} alone.",
        "architecture": architecture,
        "arguments": arguments,
        "base": _base(base, folder, member=place),
    }
    check_place(folder, (base,), architecture, shares=True)
    network = load_network(base).get_submodule(member_name(place))
    assert isinstance(network, SeparationNetwork)
    return save_model(folder, described(ModelInfo, values, folder), network)


def _blend_named(name: str, folder: Path, place: int) -> Model:
    """Return the blend of this name, which may lie beside ``folder``, and has such a place.

    Raises
    ------
    ModelError
        There is none.
    """
    found = stage_named(name, folder.absolute())
    members = found.arguments.get("members") if found.architecture == BLEND else None
    if not isinstance(members, list):
        raise ModelError(f"{name}: is a {found.architecture}, expected a {BLEND}")
    if not 0 <= place < len(members):
        raise ModelError(f"{name}: has no network {place}, only 0 to {len(members) - 1}")
    return found


def _base(model: Model, folder: Path, member: int | None = None) -> Base:
    """Return how the description of a model in ``folder`` names the one whose weights it shares."""
    stage = reference(model, folder.absolute())
    return Base(name=stage.name, sha256=stage.sha256, member=member)


def _values(name: str, members: Sequence[Model], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return what follows for a blend from the models that it is made of.

    Raises
    ------
    ModelError
        They differ in their sample rates.
    """
    if len(set(member.sample_rate for member in members)) != 1:
        names = " and ".join(member.name for member in members)
        raise ModelError(f"{names}: differ in their sample rates")
    costs = [member.cost for member in members if member.cost is not None]
    return {
        "kind": "separator",
        "name": name,
        "description": f"The mean of what {' and '.join(member.name for member in members)} find.",
        "architecture": BLEND,
        "arguments": arguments,
        "targets": members[0].targets,
        "sample_rate": members[0].sample_rate,
        **segments_of(members),
        "cost": round(sum(costs), 3) if len(costs) == len(members) else None,
        "licence": " AND ".join(dict.fromkeys(member.licence for member in members)),
        "notice": " ".join(dict.fromkeys(member.notice for member in members if member.notice)),
        "data": tuple(dict.fromkeys(line for member in members for line in member.data)),
        "training": "; ".join(f"{member.name}: {member.training}" for member in members),
    }

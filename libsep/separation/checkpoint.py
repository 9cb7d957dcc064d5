"""Public checkpoints: pickles that are read as plain tensors, and nothing else of them."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from libsep.errors import ModelError, reason_of
from libsep.model_folder.tensors import check_sha256, write_folder
from libsep.nets.unet import UNet
from libsep.separation.architectures import build_network
from libsep.separation.catalogue import CatalogueEntry, CheckpointFile
from libsep.separation.model import Model, ModelInfo
from libsep.separation.registry import read_model
from libsep.separation.spleeter import read_spleeter

WRAPPERS = ("best_state", "state", "state_dict")
"""Keys under which training programs put the weights beside their own state."""

_DAMAGES = (
    pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError, LookupError,
    TypeError, AttributeError, AssertionError,
)  # fmt: skip


def convert(
    entry: CatalogueEntry, paths: Mapping[str, Path], folder: Path, sha256: Mapping[str, str]
) -> Model:
    """Write a public checkpoint as a model folder.

    The weights stay as they are, but those of Spleeter become half precision.

    Parameters
    ----------
    entry
        What the model is.
    paths
        Where each file of ``entry`` lies, by its name.
    folder
        Is created.
    sha256
        Of each file, by its name.

    Raises
    ------
    ModelError
        A file is missing, is another one than the hash says, holds something else than tensors
        or not those of the network; or the folder cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    for file in entry.files:
        path = paths[file.name]
        if entry.spleeter_sources:
            tensors |= read_spleeter(
                file, path, sha256[file.name], entry.spleeter_sources, _n_levels(entry)
            )
            continue
        check_sha256(path, sha256[file.name])
        tensors |= _tensors_of(file, read_checkpoint(path), entry.ignored)
    origin = "; ".join(f"{file.url} (sha256 {sha256[file.name]})" for file in entry.files)
    info = entry.info()
    _check_names(info, tensors, origin)
    write_folder(folder, info.model_copy(update={"source": f"{entry.source}: {origin}"}), tensors)
    return read_model(folder)


def _n_levels(entry: CatalogueEntry) -> int:
    """Return how many levels the networks have that a Spleeter archive is read into."""
    with torch.device("meta"):
        network = build_network(entry)
    if not isinstance(network, UNet):
        raise ModelError(f"{entry.name}: Spleeter's networks are no {entry.architecture}")
    return network.n_levels


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Return the weights in a file that ``torch.save`` wrote, on the CPU.

    Only tensors and plain containers are read: what a pickle wants to execute is refused.

    Raises
    ------
    ModelError
        The file is truncated, is no checkpoint, or holds something else than weights.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except _DAMAGES as exc:
        reason = reason_of(exc).partition("\n")[0]
        message = (
            f"{path}: no checkpoint of plain tensors (damaged, or made to run code?): {reason}"
        )
        raise ModelError(message) from exc
    for key in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    return _as_tensors(path, content)


def _as_tensors(path: Path, content: Any) -> dict[str, Tensor]:
    if not isinstance(content, dict) or not content:
        raise ModelError(f"{path}: holds {type(content).__name__}, expected named tensors")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            kind = type(value).__name__
            raise ModelError(f"{path}: {name!r} is {kind}, expected named tensors only")
    return {name.removeprefix("module."): value for name, value in content.items()}


def _tensors_of(
    file: CheckpointFile, state: Mapping[str, Tensor], ignored: tuple[str, ...]
) -> dict[str, Tensor]:
    """Return the tensors under the names of our network, each in memory of its own."""
    return {
        file.prefix + name: tensor.detach().clone(memory_format=torch.contiguous_format)
        for name, tensor in state.items()
        if name not in ignored
    }


def _check_names(info: ModelInfo, tensors: Mapping[str, Tensor], origin: str) -> None:
    """Compare names and shapes with those of the network, which is not filled with numbers."""
    with torch.device("meta"):
        expected = build_network(info).state_dict()
    for name in sorted(expected.keys() | tensors.keys()):
        found = tuple(tensors[name].shape) if name in tensors else "missing"
        wanted = tuple(expected[name].shape) if name in expected else "no such tensor"
        if found != wanted:
            raise ModelError(
                f"{info.name}: {name} is {found}, expected {wanted} in {info.architecture} "
                f"(another checkpoint?): {origin}"
            )

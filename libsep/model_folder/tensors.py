"""The tensors of a model folder: data that is hashed and read, never unpickled."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import safetensors
import torch
import yaml
from safetensors.torch import save
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from libsep.errors import ModelError, StemsError, reason_of
from libsep.media.atomic import replacing
from libsep.model_folder.description import (
    DESCRIPTION_FILE,
    WEIGHTS_FILE,
    Description,
    Stored,
)
from libsep.model_folder.eight_bit import SCALE, in_8_bit, unpacked

NetworkType = TypeVar("NetworkType", bound=nn.Module)

UNFIT = (TypeError, ValueError, LookupError, ArithmeticError, RuntimeError)
"""What Python and torch raise where arguments of a network do not fit it."""


def read_tensors(path: Path, description: Description, sha256: str) -> dict[str, Tensor]:
    """Return the tensors of a weights file, on the CPU; those in 8 bit as float32.

    Parameters
    ----------
    path
        The weights file.
    description
        What the file must say about its network: architecture and arguments.
    sha256
        Of the file, in hexadecimal digits.

    Raises
    ------
    ModelError
        The file is missing or damaged, is not the one that was named, or belongs to another
        network.
    """
    check_sha256(path, sha256)
    stored, tensors = _read(path)
    if stored != description.network_identity:
        raise ModelError(
            f"{path}: holds {stored}, expected {description.network_identity} "
            f"({DESCRIPTION_FILE} of another model?)"
        )
    try:
        return unpacked(tensors)
    except ValueError as exc:
        raise ModelError(f"{path}: {exc}") from exc


def made(
    description: Description, make: Callable[..., NetworkType], arguments: Mapping[str, Any]
) -> NetworkType:
    """Return the network that ``make`` builds of the arguments of a description.

    Raises
    ------
    ModelError
        They do not fit it.
    """
    try:
        return make(**arguments)
    except UNFIT as exc:
        raise ModelError(
            f"{description.name}: arguments of {description.architecture}: {exc}"
        ) from exc


def filled(
    build: Callable[[], NetworkType],
    description: Description,
    stored: Stored,
    rest: Mapping[str, Tensor] | None = None,
) -> NetworkType:
    """Return a network with the weights of a model folder, ready to evaluate on the CPU.

    Parameters
    ----------
    build
        Makes the network that ``description`` describes; called when the weights have been read.
    description, stored
        What the folder says about its model, and where it lies.
    rest
        Tensors for those that the folder lacks.

    Raises
    ------
    ModelError
        The weights are missing or damaged, are not those that the description names, or do not
        fit the network.
    """
    tensors = read_tensors(stored.weights_path, description, stored.sha256)
    tensors = {**(rest or {}), **tensors}
    with _NoRandomWeights():
        network = build()
    fill(network, tensors, stored.weights_path)
    return network.eval().requires_grad_(requires_grad=False)


def fill(network: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Give ``network`` the tensors that were read from the weights file at ``path``.

    Raises
    ------
    ModelError
        They do not fit the network.
    """
    try:
        network.load_state_dict(tensors)
    except RuntimeError as exc:
        raise ModelError(f"{path}: the weights do not fit the network: {exc}") from exc


def write_folder(folder: Path, description: Description, tensors: Mapping[str, Tensor]) -> None:
    """Write a model folder: the tensors as they are, then the description with their hash.

    Each file appears whole or not at all; after a crash between the two, `read_tensors` reports
    that they do not belong together. Equal tensors give equal bytes.

    Parameters
    ----------
    folder
        Is created; files of a former model in it are replaced.
    description
        What the model is.
    tensors
        On the CPU, contiguous, each in memory of its own.

    Raises
    ------
    ModelError
        The folder cannot be written.
    """
    content = save(dict(tensors), metadata={"network": json.dumps(description.network_identity)})
    write_file(folder / WEIGHTS_FILE, content)
    sha256 = hashlib.sha256(content).hexdigest()
    write_description(folder, {**description.model_dump(mode="json"), "sha256": sha256})


def write_description(folder: Path, values: Mapping[str, Any]) -> None:
    """Write what a model folder says about its model, whole or not at all.

    Raises
    ------
    ModelError
        It cannot be written.
    """
    text = yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True, width=100)
    write_file(folder / DESCRIPTION_FILE, text.encode())


def write_network(
    folder: Path,
    description: Description,
    network: nn.Module,
    expected: nn.Module,
    *,
    is_8_bit: bool = False,
    base: Mapping[str, Tensor] | None = None,
) -> None:
    """Write a model folder of a network: matrices and kernels in half precision, or in 8 bit.

    Parameters
    ----------
    folder, description
        As for `write_folder`.
    network
        Is not changed; may lie on any device.
    expected
        The network that ``description`` describes, with any weights.
    is_8_bit
        See `libsep.model_folder.eight_bit`.
    base
        Tensors that the folder need not hold, because another model has them; by default none.

    Raises
    ------
    ModelError
        The two networks differ in their tensors, a weight is not finite in half precision, or the
        folder cannot be written.
    """
    weights = {name: halved(name, tensor) for name, tensor in network.state_dict().items()}
    packed = in_8_bit(network) if is_8_bit else weights
    shapes = {name: tensor.shape for name, tensor in expected.state_dict().items()}
    if {name: tensor.shape for name, tensor in weights.items()} != shapes:
        raise ModelError(
            f"{description.name}: the network is no {description.architecture}"
            f" of {description.arguments}"
        )
    state = network.state_dict()
    shared = {name for name, tensor in (base or {}).items() if _are_equal(tensor, state[name])}
    own = {name: each for name, each in packed.items() if name.removesuffix(SCALE) not in shared}
    write_folder(folder, description, own)


def halved(name: str, tensor: Tensor) -> Tensor:
    """Return a tensor as model folders keep it: matrices and kernels in half precision.

    That costs nothing that can be heard; vectors (biases and the statistics of normalisations)
    stay float32, because some are too small for it, and what is no floating point number stays.

    Raises
    ------
    ModelError
        ``tensor``, called ``name``, is not finite in its new precision.
    """
    tensor = tensor.detach().cpu()
    if tensor.is_floating_point():
        tensor = tensor.to(torch.float16 if tensor.ndim > 1 else torch.float32)
        if not tensor.isfinite().all():
            raise ModelError(f"{name}: not finite in {tensor.dtype} (did the training diverge?)")
    return tensor.contiguous()


def write_file(path: Path, content: bytes) -> None:
    """Write a file of a model folder, whole or not at all.

    Raises
    ------
    ModelError
        It cannot be written.
    """
    try:
        with replacing(path) as part:
            part.write_bytes(content)
    except (OSError, StemsError) as exc:
        raise ModelError(f"{path}: cannot be written: {reason_of(exc)}") from exc


def check_sha256(path: Path, expected: str) -> None:
    """Check that a file is the one with this SHA-256.

    Raises
    ------
    ModelError
        It cannot be read, or is another one.
    """
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        raise ModelError(f"{path}: the weights cannot be read: {exc.strerror}") from exc
    if found != expected:
        raise ModelError(
            f"{path}: sha256 is {found}, expected {expected} (incomplete download or copy?)"
        )


class _NoRandomWeights(TorchFunctionMode):
    """Leaves weights unset that are to be read: drawing them takes longer, and their memory.

    Nor are they copied to another memory format, as long as there is nothing in them.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        if getattr(func, "__module__", None) == nn.init.__name__:
            return args[0] if args else named["tensor"]
        if func is Tensor.to and _only_moves(args, named):
            return torch.empty_like(args[0], **named)
        return func(*args, **named)


def _are_equal(one: Tensor, other: Tensor) -> bool:
    """Return whether two tensors of a network are the same numbers in float32."""
    return torch.equal(one.float(), other.detach().cpu().float())


def _only_moves(args: Sequence[Any], named: Mapping[str, Any]) -> bool:
    """Return whether these arguments of `Tensor.to` give a parameter nothing but another layout.

    A module gives neither device nor precision by place, and does not ask for haste.
    """
    is_plain = all(given is None or given is False for given in args[1:])
    return is_plain and isinstance(args[0], nn.Parameter) and set(named) == {"memory_format"}


def _read(path: Path) -> tuple[Any, dict[str, Tensor]]:
    """Return what a weights file says about its network, and its tensors."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            stored = json.loads((file.metadata() or {})["network"])
            return stored, {name: file.get_tensor(name) for name in file.offset_keys()}
    except safetensors.SafetensorError as exc:
        raise ModelError(f"{path}: no safetensors file: {exc}") from exc
    except (KeyError, json.JSONDecodeError) as exc:
        message = f"{path}: holds no description of its network (was it written by libsep?)"
        raise ModelError(message) from exc

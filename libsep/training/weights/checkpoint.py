"""Checkpoints: whole or absent, and read as data."""

import contextlib
import os
import pickle
from pathlib import Path

import torch
from torch import nn

from libsep.errors import ConfigError, ModelError, reason_of
from libsep.machine import sync
from libsep.nets.band_split_unet import BandSplitUNet
from libsep.nets.network import SeparationNetwork
from libsep.nets.unet import UNet
from libsep.separation.registry import find_model
from libsep.separation.weights import load_network
from libsep.training.state import State
from libsep.training.weights.growth import can_grow, grow
from libsep.training.weights.transfer import can_transfer, transfer

READ_ERRORS = (OSError, RuntimeError, KeyError, ValueError, EOFError, pickle.UnpicklingError)
"""What torch raises for a file that is no checkpoint, or one of another network."""


def save_checkpoint(path: Path, state: State) -> None:
    """Write ``state``; a crash leaves the former checkpoint in place.

    Raises
    ------
    ConfigError
        It cannot be written; the former one stays.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            torch.save(state.state_dict(), file)
            file.flush()
            sync(file.fileno())
        partial.replace(path)
    except (OSError, RuntimeError) as exc:  # torch makes the latter of a full disk
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        reason = reason_of(exc).partition("\n")[0]
        raise ConfigError(f"{path}: cannot be written (disk full?): {reason}") from exc


def load_checkpoint(path: Path, state: State) -> None:
    """Give ``state`` the values of a checkpoint of the same network.

    Raises
    ------
    ConfigError
        The file is no checkpoint, is damaged, or belongs to another network.
    """
    try:
        values = torch.load(path, map_location="cpu", weights_only=True)
        state.load_state_dict(values)
    except READ_ERRORS as exc:
        raise ConfigError(
            f"{path}: cannot be resumed from (damaged, or another size of network?): "
            f"{reason_of(exc)}"
        ) from exc


def load_weights(origin: str, network: SeparationNetwork) -> None:
    """Give ``network`` the weights of a model, or the averaged weights of a checkpoint.

    A model that is smaller, or that has targets which ``network`` lacks, is grown (see
    `libsep.training.weights.growth`). A U-Net for several targets may begin with one for their sum
    (see `libsep.training.weights.transfer`).

    Parameters
    ----------
    origin
        Name of a model, its folder, or a checkpoint (``.pt``).
    network
        Is changed in place.

    Raises
    ------
    ConfigError
        There is no such model or file, it is damaged, or ``network`` cannot grow out of it.
    """
    if origin.endswith(".pt"):
        load_average(origin, network)
        return
    try:
        model = find_model(origin)
        trained = load_network(model)
    except ModelError as exc:
        raise ConfigError(f"{origin}: cannot be started from: {exc}") from exc
    if not _begun(network, trained):
        raise ConfigError(
            f"{origin}: this {model.architecture} cannot begin the network (is it larger, or does "
            f"it lack one of the targets {', '.join(network.targets)}?)"
        )


def load_average(path: str, network: nn.Module) -> None:
    """Give ``network`` the averaged weights of a checkpoint.

    Raises
    ------
    ConfigError
        There is no such file, it is damaged, or it belongs to another network.
    """
    try:
        values = torch.load(Path(path), map_location="cpu", weights_only=True)
        network.load_state_dict(values["average"])
    except READ_ERRORS as exc:
        raise ConfigError(
            f"{path}: cannot be started from (damaged, or another size of network?): "
            f"{reason_of(exc)}"
        ) from exc


def _begun(network: SeparationNetwork, trained: SeparationNetwork) -> bool:
    """Give a network the weights of another; return whether they fit."""
    if isinstance(network, BandSplitUNet) and isinstance(trained, BandSplitUNet):
        if can_grow(trained, network):
            grow(network, trained)
            return True
        return False
    if isinstance(network, UNet) and isinstance(trained, UNet) and can_transfer(trained, network):
        transfer(network, trained)
        return True
    if type(network) is not type(trained) or network.targets != trained.targets:
        return False
    try:
        network.load_state_dict(trained.state_dict())
    except RuntimeError:  # other sizes
        return False
    return True

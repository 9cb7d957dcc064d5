"""A U-Net for several targets that begins with a trained one for their sum.

A network that has learnt from much music what an accompaniment is hears drums, basses and guitars
already; it only does not tell them apart. The new network has all of its features, and the finest
ones once for each target; so at first all targets have the same gain, and differ after one step.

References
----------
Yosinski et al., "How transferable are features in deep neural networks?", NIPS 2014.
"""

import torch

from libsep.nets.unet import JOINT, UNet

SUMS = ("accompaniment", "other")
"""Targets that a model may have for the sum of drums, bass and other; the first one counts."""


def can_transfer(trained: UNet, network: UNet) -> bool:
    """Return whether `transfer` can begin ``network`` with features of ``trained``.

    ``network`` is a joint one of the same spectrogram and sizes, and ``trained`` has a network for
    one of `SUMS`.
    """
    alike = ("n_fft", "hop_length", "n_channels", "n_seen_bins", "hpss")
    if any(getattr(trained, name) != getattr(network, name) for name in alike):
        return False
    if JOINT not in network.networks or not _sums(trained):
        return False
    old, new = (each.state_dict() for each in _pair(trained, network))
    return set(old) == set(new) and all(
        value.shape == new[name].shape or name in _finest(old) for name, value in old.items()
    )


@torch.no_grad()
def transfer(network: UNet, trained: UNet) -> None:
    """Give ``network``, which is changed in place, the features of ``trained``.

    `can_transfer` must hold.
    """
    old, new = (each.state_dict() for each in _pair(trained, network))
    for name, value in old.items():
        if name not in _finest(old):
            new[name].copy_(value)
            continue
        # A transposed convolution has its outputs second, all others have them first.
        axis = 1 if value.ndim == 4 and name.startswith("up.") else 0
        repeats = [1] * value.ndim
        repeats[axis] = new[name].shape[axis] // value.shape[axis]
        new[name].copy_(value.repeat(repeats))


def _sums(trained: UNet) -> list[str]:
    return [name for name in SUMS if name in trained.networks]


def _pair(trained: UNet, network: UNet) -> tuple[torch.nn.Module, torch.nn.Module]:
    return trained.networks[_sums(trained)[0]], network.networks[JOINT]


def _finest(state: dict[str, torch.Tensor]) -> set[str]:
    """Return the names of what has outputs for each target: the last block, and what follows it."""
    n_levels = len({name.split(".")[1] for name in state if name.startswith("up.")})
    prefixes = (f"up.{n_levels - 1}.", "last.")
    return {name for name, value in state.items() if name.startswith(prefixes) and value.ndim > 0}

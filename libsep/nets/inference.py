"""What networks for inference share: weights that are not trained, and a few frames at a time."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

N_FRAMES_AT_ONCE = 32
"""Frames that a CPU takes at once: few, so that they stay in its cache and need little memory."""


def kept(tensor: Tensor, dtype: torch.dtype | None = None) -> nn.Buffer:
    """Return a copy of a weight that belongs to a module without being trained."""
    return nn.Buffer(tensor.detach().to(dtype or tensor.dtype, copy=True).contiguous())


def kept_kernel(tensor: Tensor, dtype: torch.dtype | None = None) -> nn.Buffer:
    """Return the same for a kernel of two dimensions, in the memory format of its features."""
    copied = tensor.detach().to(dtype or tensor.dtype, copy=True)
    return nn.Buffer(copied.contiguous(memory_format=torch.channels_last))


def in_parts(axis: int, *tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Yield a few frames of each tensor at a time, on a GPU all of them at once.

    Parameters
    ----------
    axis
        That of the frames, counted from behind if the tensors differ in their number of axes.
    tensors
        Equally many frames, on one device.
    """
    is_on_cpu = tensors[0].device.type == "cpu"
    n_at_once = N_FRAMES_AT_ONCE if is_on_cpu else max(tensors[0].shape[axis], 1)
    return zip(*(torch.split(tensor, n_at_once, dim=axis) for tensor in tensors), strict=True)

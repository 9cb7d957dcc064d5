"""Errors of a device that a process cannot get over."""

import torch

_MARKS = ("CUDA error:", "cuDNN error:")


def is_sticky(exc: RuntimeError) -> bool:
    """Return whether the device is lost to this process, so that only a new one can use it.

    After a failed assertion or an illegal access in a kernel, CUDA answers every further call with
    the same error. Too little memory is no such error.
    """
    if isinstance(exc, torch.OutOfMemoryError):
        return False
    return isinstance(exc, torch.AcceleratorError) or any(mark in str(exc) for mark in _MARKS)

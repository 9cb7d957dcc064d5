"""Which errors of a device a process cannot get over."""

import pytest
import torch

from libsep.separation.faults import is_sticky


@pytest.mark.parametrize(
    ("exc", "expected"),
    [
        (torch.AcceleratorError("CUDA error: device-side assert triggered"), True),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling sgemm"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), False),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied (3x4 and 5x6)"), False),
    ],
)
def test_only_a_lost_device_is_sticky(exc: RuntimeError, expected: bool) -> None:
    assert is_sticky(exc) == expected

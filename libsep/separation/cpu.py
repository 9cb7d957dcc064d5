"""What the processor and the C library can do for a network on one core."""

import ctypes
import functools
import gc
import logging
import math
import platform
import time

import torch
import torch.nn.functional as F

logger = logging.getLogger(__name__)

_MALLOPT_SETTINGS = {"M_MMAP_THRESHOLD": (-3, 2**31 - 1), "M_TRIM_THRESHOLD": (-1, 2**31 - 1),
                     "M_TOP_PAD": (-2, 2**28)}  # fmt: skip


def tune_allocator() -> bool:
    """Let this process keep the memory that it frees, instead of returning it after each layer.

    Without it the kernel clears the same pages again and again, which costs up to a third of the
    time of a network. The price is that memory stays at its peak. Call it before any work; only
    glibc can be told so.

    Returns
    -------
    Whether every setting was accepted.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    refused = [name for name, setting in _MALLOPT_SETTINGS.items() if libc.mallopt(*setting) != 1]
    if refused:
        logger.warning("glibc refused %s: the network will be slower", ", ".join(refused))
    return not refused


def return_free_memory() -> None:
    """Give back what this process has freed so far and, as `tune_allocator` wants it, has kept."""
    if platform.libc_ver()[0] == "glibc":
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)


def use_one_thread() -> None:
    """Let torch compute in the calling thread only: one process per core beats threads."""
    torch.set_num_threads(1)


def has_native_bfloat16() -> bool:
    """Return whether bfloat16 is fast here: emulation is slower than float32, up to ten times.

    What x86 processors say of themselves is what PyTorch uses. Those of Arm may say so and PyTorch
    may not: its build for Macs lacks the library that does. So there it is tried.
    """
    capabilities = torch.cpu.get_capabilities()
    if any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16")):
        return True
    return bool(capabilities.get("bf16", False)) and convolves_faster_in_bfloat16()


@functools.cache
def convolves_faster_in_bfloat16() -> bool:
    """Return whether a convolution takes less CPU time in bfloat16 than in float32, here and now.

    It is one as in the networks, and takes half a second at most. Where bfloat16 is native it takes
    half of the time, elsewhere many times as long, so a busy machine does not mislead.
    """
    times_s = {torch.float32: math.inf, torch.bfloat16: math.inf}
    with torch.inference_mode():
        for _ in range(3):
            for dtype in times_s:
                sounds = torch.ones(1, 64, 32, 64, dtype=dtype)
                kernels = torch.ones(64, 64, 3, 3, dtype=dtype)
                start_s = time.thread_time()
                F.conv2d(sounds, kernels)
                times_s[dtype] = min(times_s[dtype], time.thread_time() - start_s)
    return times_s[torch.bfloat16] < times_s[torch.float32]


def processor_name() -> str:
    """Return the name of the processor, as it gives it itself."""
    return str(torch.cpu.get_capabilities().get("cpu_name", "")) or platform.machine()

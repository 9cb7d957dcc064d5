"""What the processor and the C library can do for a network on one core."""

import ctypes
import gc
import logging
import platform

import torch

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
    """Return whether the processor multiplies bfloat16 itself; emulation is slower than float32."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def processor_name() -> str:
    """Return the name of the processor, as it gives it itself."""
    return str(torch.cpu.get_capabilities().get("cpu_name", "")) or platform.machine()

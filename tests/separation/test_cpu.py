import ctypes
import logging
import platform
import resource
import subprocess
import sys
import weakref
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from libsep.batch.separators.networks import loaded
from libsep.config import SeparationConfig
from libsep.separation import cpu
from libsep.separation.registry import Model

BLOCK_BYTES, N_BLOCKS = 1 << 16, 2000

FAULTS = """
import resource
from libsep.separation.cpu import tune_allocator
import torch
if {tuned}:
    assert tune_allocator()
for _ in range(10):
    torch.ones(10_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    torch.ones(10_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_memory_is_kept_for_the_next_layer() -> None:
    faults = {
        tuned: int(subprocess.check_output([sys.executable, "-c", FAULTS.format(tuned=tuned)]))
        for tuned in (False, True)
    }
    assert faults[True] < faults[False] / 10


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_a_loaded_model_leaves_no_memory_behind_that_was_freed_on_the_way(
    tiny_model: Model,
) -> None:
    class Circle:
        """Garbage that refers to itself."""

    circle = Circle()
    circle.itself = circle
    found = weakref.ref(circle)
    # Blocks below one that is still in use stay with the process when they are freed.
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    blocks = [ctypes.c_void_p(libc.malloc(BLOCK_BYTES)) for _ in range(N_BLOCKS)]
    for block in blocks:
        ctypes.memset(block, 1, BLOCK_BYTES)
    for block in blocks[:-1]:
        libc.free(block)
    del circle
    before = resident_bytes()
    loaded(tiny_model, SeparationConfig(device="cpu"), None)
    after = resident_bytes()
    libc.free(blocks[-1])
    assert found() is None
    assert after < before - N_BLOCKS * BLOCK_BYTES / 2


def resident_bytes() -> int:
    """Return the memory of this process that is in use."""
    n_pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return n_pages * resource.getpagesize()


def test_other_c_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not cpu.tune_allocator()


def test_a_refused_setting_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.17"))
    old_glibc = SimpleNamespace(mallopt=lambda name, _: int(name != -3))
    monkeypatch.setattr(ctypes, "CDLL", lambda _: old_glibc)
    with caplog.at_level(logging.WARNING):
        assert not cpu.tune_allocator()
    assert "M_MMAP_THRESHOLD" in caplog.text


def test_one_thread_is_one_thread() -> None:
    script = (
        "import torch; from libsep.separation.cpu import use_one_thread; use_one_thread(); "
        "print(torch.get_num_threads())"
    )
    assert subprocess.check_output([sys.executable, "-c", script]) == b"1\n"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the flags of Arm do not tell")
def test_bfloat16_follows_the_flags_of_the_processor() -> None:
    with open("/proc/cpuinfo") as file:  # noqa: PTH123 - a pseudo file
        flags = set(file.read().split())
    assert cpu.has_native_bfloat16() == bool(flags & {"avx512_bf16", "amx_bf16"})


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the flags of Arm do not tell")
def test_what_a_convolution_tells_of_bfloat16_is_what_the_processor_tells() -> None:
    cpu.convolves_faster_in_bfloat16.cache_clear()
    assert cpu.convolves_faster_in_bfloat16() == cpu.has_native_bfloat16()


@pytest.mark.parametrize("is_faster", [True, False])
def test_on_arm_bfloat16_is_used_only_if_it_is_faster(
    monkeypatch: pytest.MonkeyPatch, *, is_faster: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"bf16": True})
    monkeypatch.setattr(cpu, "convolves_faster_in_bfloat16", lambda: is_faster)
    assert cpu.has_native_bfloat16() == is_faster
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"bf16": False})
    assert not cpu.has_native_bfloat16()


def test_the_processor_has_a_name() -> None:
    assert cpu.processor_name().strip()

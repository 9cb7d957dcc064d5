import ctypes
import logging
import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest

from libsep.separation import cpu

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


def test_bfloat16_follows_the_flags_of_the_processor() -> None:
    with open("/proc/cpuinfo") as file:  # noqa: PTH123 - a pseudo file
        flags = set(file.read().split())
    assert cpu.has_native_bfloat16() == bool(flags & {"avx512_bf16", "amx_bf16", "bf16"})


def test_the_processor_has_a_name() -> None:
    assert cpu.processor_name().strip()

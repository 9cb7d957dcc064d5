"""How many cores there are for us, and when Python searches for garbage."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from libsep.machine import n_cores, no_garbage_search, rare_garbage_search, sync_folder


def test_there_is_at_least_one_core_and_no_more_than_the_machine_has() -> None:
    assert 1 <= n_cores() <= (os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux only")
def test_a_process_that_is_bound_to_one_core_sees_one() -> None:
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "from libsep.machine import n_cores; print(n_cores())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


def test_garbage_is_searched_for_rarely_and_afterwards_as_before_also_after_an_error() -> None:
    before = gc.get_threshold()

    @rare_garbage_search()
    def within() -> tuple[int, int, int]:
        return gc.get_threshold()

    assert within()[0] > 10 * before[0]
    with pytest.raises(OSError, match="lost"), rare_garbage_search():
        raise OSError("lost")
    assert gc.get_threshold() == before


def test_garbage_is_not_searched_for_and_afterwards_as_before_also_after_an_error() -> None:
    try:
        with pytest.raises(ImportError, match="lost"), no_garbage_search():
            raise ImportError("lost")
        assert gc.isenabled()
        with no_garbage_search():
            assert not gc.isenabled()
        assert gc.isenabled()
        gc.disable()
        with no_garbage_search():
            assert not gc.isenabled()
        assert not gc.isenabled()
        assert gc.get_freeze_count() > 0
    finally:
        gc.enable()
        gc.unfreeze()


def test_a_file_system_that_cannot_be_asked_to_write_names_is_used_all_the_same(
    tmp_path: Path,
) -> None:
    sync_folder(tmp_path)
    if sys.platform == "linux":
        sync_folder(Path("/proc"))  # says "invalid argument", as folders shared by VirtualBox do
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "gone")

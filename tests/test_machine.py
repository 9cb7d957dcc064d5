"""How many cores there are for us, and when Python searches for garbage."""

import gc
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from libsep.config import StorageConfig
from libsep.errors import ConfigError
from libsep.machine import (
    n_cores,
    no_garbage_search,
    rare_garbage_search,
    sync_folder,
    temporary_folder,
    temporary_root,
)
from libsep.storage.ends import readable_ledger
from libsep.storage.places import parse_place


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


@pytest.fixture
def no_temporary_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take every folder away that Python looks for temporary files in."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "gone")])


@pytest.mark.usefixtures("no_temporary_folder")
def test_a_machine_without_a_temporary_folder_is_told_in_one_line() -> None:
    with pytest.raises(ConfigError, match=r"^no folder for temporary files .*TMPDIR[^\n]*$"):
        temporary_root()
    with pytest.raises(ConfigError, match="TMPDIR"), temporary_folder():
        pass
    stems = parse_place("s3://studio/stems")
    assert not isinstance(stems, Path)
    with pytest.raises(ConfigError, match="TMPDIR"), readable_ledger(stems, StorageConfig()):
        pass


def test_a_temporary_folder_is_gone_afterwards_and_one_that_cannot_be_made_is_told(
    tmp_path: Path,
) -> None:
    with temporary_folder("libsep-test-", tmp_path) as folder:
        assert folder.parent == tmp_path
        assert folder.name.startswith("libsep-test-")
        (folder / "file").touch()
    assert list(tmp_path.iterdir()) == []
    gone = tmp_path / "gone"
    message = f"{gone}: no temporary folder can be made: No such file or directory"
    with pytest.raises(ConfigError, match=re.escape(message)), temporary_folder(root=gone):
        pass

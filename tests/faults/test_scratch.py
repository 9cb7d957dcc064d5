"""The disk that Ray keeps its own files on."""

from pathlib import Path

import pytest

import libsep.batch  # noqa: F401  imported for what it sets, before anything imports Ray itself
from libsep.batch.cluster.nodes import check_scratch
from libsep.errors import ClusterError

from .causes import can_mount, small_disk


def test_a_scratch_disk_without_room_ends_the_run(tmp_path: Path) -> None:
    check_scratch(tmp_path)
    if not can_mount():
        with pytest.raises(ClusterError, match="make room and run again"):
            check_scratch(Path("/proc"))  # a file system that never has room
        return
    with small_disk(tmp_path / "disk", 5_000_000):
        check_scratch(tmp_path / "disk")
        (tmp_path / "disk" / "big").write_bytes(bytes(4_500_000))
        with pytest.raises(ClusterError, match="make room and run again"):
            check_scratch(tmp_path / "disk")

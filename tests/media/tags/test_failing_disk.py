"""A disk that fails while tags are read: no tag is lost without an error."""

import errno
import io
from pathlib import Path
from typing import Any

import ffmpeg as graphs
import mutagen
import pytest

from libsep.media.tags.collect import Collector
from libsep.media.tags.read_all import read_all


class FailingDisk(io.FileIO):
    """A file of which one read fails."""

    def __init__(self, path: Path, fails_at: int) -> None:
        super().__init__(path)
        self.fails_at = fails_at
        self.n_reads = 0

    def readinto(self, buffer: Any) -> int | None:
        """Read, or fail."""
        self.n_reads += 1
        if self.n_reads == self.fails_at:
            raise OSError(errno.EIO, "Input/output error")
        return super().readinto(buffer)


def read(path: Path, fails_at: int) -> tuple[Collector, int]:
    """Return what is found, and how often the disk was read."""
    collector, disk = Collector(), FailingDisk(path, fails_at)
    with io.BufferedReader(disk, 256) as file:
        read_all(file, collector)
    return collector, disk.n_reads


@pytest.mark.parametrize("extension", ["flac", "mp3", "m4a", "ogg", "wav", "wma"])
def test_whichever_read_fails_all_tags_are_found_or_there_is_an_error(
    extension: str, tmp_path: Path, ffmpeg: Path
) -> None:
    path = tmp_path / f"a.{extension}"
    tags = {"metadata:g:0": "title=Titel", "metadata:g:1": "genre=House"}
    graph = graphs.input("sine=duration=0.3", f="lavfi").output(str(path), **tags)
    graph.run(cmd=str(ffmpeg), quiet=True)
    whole, n_reads = read(path, 0)
    assert {"title", "genre"} <= set(whole.result().fields)
    n_errors = 0
    for fails_at in range(1, n_reads + 1):
        try:
            found, _ = read(path, fails_at)
        except (OSError, mutagen.MutagenError):
            n_errors += 1
        else:
            assert found.result() == whole.result()
    assert n_errors > n_reads / 2

"""The two ends of a run: which of them are here, and which in a store."""

from pathlib import Path

import pytest

from libsep.config import ScanConfig, StorageConfig
from libsep.errors import ConfigError
from libsep.library.walk import Problem, log_left_out
from libsep.storage.ends import Ends
from libsep.storage.stem_files import stem_files

from .conftest import S3Server


def test_local_ends_need_no_staging_whatever_they_are_called(tmp_path: Path) -> None:
    ends = Ends.of(str(tmp_path), (tmp_path / "my stems").as_uri(), StorageConfig())
    assert ends.staging is None
    assert (ends.listing(), ends.sizes()) == (tmp_path, tmp_path / "my stems")
    assert ends.root == tmp_path / "my stems"
    ends.check()


def test_a_library_that_is_not_there_is_refused_before_anything_is_written(
    s3: S3Server, storage: StorageConfig, tmp_path: Path
) -> None:
    s3.put("music/a.mp3", b"no audio")
    Ends.of("s3://bucket/music", "s3://bucket/stems", storage).check()
    for library in ("s3://bucket/musik", "s3://no-such-bucket", str(tmp_path / "musik")):
        with pytest.raises(ConfigError, match="expected a folder of music"):
            Ends.of(library, "s3://bucket/stems", storage).check()
    unreachable = storage.model_copy(update={"endpoint": "http://127.0.0.1:9"})
    with pytest.raises(ConfigError, match=r"cannot be looked at: .*NETWORK_CONNECTION"):
        Ends.of("s3://bucket/music", "s3://bucket/stems", unreachable).check()
    assert list(s3.sizes()) == ["music/a.mp3"]


def test_the_same_folder_as_library_and_output_is_refused(
    storage: StorageConfig, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="library and output folder are the same"):
        Ends.of("s3://bucket/music", "s3://bucket/music/", storage)
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(ConfigError, match="library and output folder are the same"):
        Ends.of(str(tmp_path), str(tmp_path / "link"), storage).check()
    assert [path.name for path in tmp_path.iterdir()] == ["link"]


def test_a_library_is_listed_without_the_output_that_lies_in_it(
    s3: S3Server, storage: StorageConfig
) -> None:
    for key in ("music/a.mp3", "music/out/x.mp3", "music/out/a.stem.mp4"):
        s3.put(key, b"no audio")
    ends = Ends.of("s3://bucket/music", "s3://bucket/music/out", storage)
    listing, problems = ends.listing(), list[Problem]()
    assert not isinstance(listing, Path)
    found = listing(ScanConfig(), {}, problems.append, log_left_out)
    assert [str(file.source) for file in found] == ["a.mp3"]
    sizes = ends.sizes()
    assert not isinstance(sizes, Path)
    assert (sizes("a.stem.mp4"), sizes("b.stem.mp4")) == (8, None)


def test_stem_files_are_found_here_and_in_a_store(
    s3: S3Server, storage: StorageConfig, tmp_path: Path
) -> None:
    for name in ("b/x #1.stem.mp4", "a.stem.mp4", "b/.hidden.stem.mp4", "c.mp3"):
        s3.put(f"stems/{name}", name.encode())
    (tmp_path / "local.stem.mp4").write_bytes(b"here")
    places = [str(tmp_path), "s3://bucket/stems", "s3://bucket/stems/a.stem.mp4"]
    content = {}
    for file in stem_files(places, storage):
        with file.readable(storage) as path:
            content[file.name] = path.read_bytes()
    assert list(content.items()) == [
        (str(tmp_path / "local.stem.mp4"), b"here"),
        ("s3://bucket/stems/a.stem.mp4", b"a.stem.mp4"),
        ("s3://bucket/stems/b/.hidden.stem.mp4", b"b/.hidden.stem.mp4"),  # of `.hidden.mp3`
        ("s3://bucket/stems/b/x #1.stem.mp4", b"b/x #1.stem.mp4"),
    ]

import errno
import fcntl
import hashlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from libsep.errors import ModelError
from libsep.separation import download as downloading
from libsep.separation.download import download

from .file_server import FileServer, serving

CONTENT = os.urandom(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(CONTENT) as server:
        yield server


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "downloads" / "weights.ckpt"


def test_a_file_arrives_whole_and_its_progress_is_told(server: FileServer, path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    download(
        server.url("whole/a"),
        path,
        sha256=SHA256,
        on_progress=lambda done, total: told.append((done, total)),
    )
    assert path.read_bytes() == CONTENT
    assert told[0] == (0, len(CONTENT))
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert sorted(told) == told


def test_a_broken_download_is_gone_on_with(server: FileServer, path: Path) -> None:
    with pytest.raises(ModelError, match=r"broke after 1500000 of 3000000 bytes; .* goes on there"):
        download(server.url("cut/a"), path, sha256=SHA256)
    download(server.url("cut/a"), path, sha256=SHA256)
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=1500000-"]
    assert server.n_sent == len(CONTENT)


def test_a_server_without_ranges_sends_all_of_it_again(server: FileServer, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"x" * 1000)
    download(server.url("anew/a"), path, sha256=SHA256)
    assert path.read_bytes() == CONTENT


def test_what_is_there_is_not_fetched_again(server: FileServer, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    download(server.url("whole/a"), path, sha256=SHA256, size_bytes=len(CONTENT))
    assert server.ranges == []
    download(server.url("whole/a"), path, sha256=SHA256)  # asks, and is told that this is all
    assert server.ranges == [f"bytes={len(CONTENT)}-"]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("page", r"sha256 of the 26 bytes is [0-9a-f]{64}, expected [0-9a-f]{64}"),
        ("nowhere", "the server says 404 Not Found"),
        ("endless", "longer than 3000000 bytes"),
    ],
)
def test_what_a_server_does_wrong_is_told(
    server: FileServer, path: Path, how: str, message: str
) -> None:
    size_bytes = len(CONTENT) if how == "endless" else None
    with pytest.raises(ModelError, match=message):
        download(server.url(f"{how}/a"), path, sha256=SHA256, size_bytes=size_bytes)
    assert not path.exists() or path.stat().st_size == 0


def test_a_file_shorter_than_the_catalogue_says_is_not_taken_for_whole(
    server: FileServer, path: Path
) -> None:
    with pytest.raises(ModelError, match="broke after 26 of 3000000 bytes"):
        download(server.url("page/a"), path, sha256=SHA256, size_bytes=len(CONTENT))


def test_wrong_bytes_in_the_part_do_not_stay(server: FileServer, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"x" * 1000)
    with pytest.raises(ModelError, match="expected"):
        download(server.url("whole/a"), path, sha256=SHA256)
    download(server.url("whole/a"), path, sha256=SHA256)
    assert path.read_bytes() == CONTENT


def test_a_server_that_is_not_there_is_told(path: Path) -> None:
    with serving(b"") as server:
        url = server.url("whole/a")
    with pytest.raises(ModelError, match=r"cannot be fetched: .*refused.* --from FILE"):
        download(url, path, sha256=SHA256)


def test_a_name_that_is_not_known_is_told(path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be fetched: "):
        download("http://no-such-host.invalid/a", path, sha256=SHA256)


def test_a_server_that_falls_silent_is_given_up(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloading, "TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/a"
        with pytest.raises(ModelError, match=r"cannot be fetched: .*timed out"):
            download(url, path, sha256=SHA256)


def test_a_folder_that_cannot_be_made_is_told(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelError, match="cannot be written: "):
        download(server.url("whole/a"), tmp_path / "file" / "a", sha256=SHA256)


def test_two_processes_do_not_write_one_file(server: FileServer, path: Path) -> None:
    path.parent.mkdir()
    with path.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(ModelError, match="another process is fetching it"):
            download(server.url("whole/a"), path, sha256=SHA256)


def test_a_drive_without_locks_takes_a_download_all_the_same(
    server: FileServer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    download(server.url("whole/a"), path, sha256=SHA256)
    assert path.read_bytes() == CONTENT

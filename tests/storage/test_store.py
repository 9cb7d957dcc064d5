"""Objects through pyarrow, on a real S3 server: names, retries, and never half an object."""

import hashlib
import io
import logging
import os
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyarrow.fs import FileInfo, FileType

from libsep.config import StorageConfig
from libsep.errors import ConfigError, TransferError
from libsep.storage.connection import resolved
from libsep.storage.places import RemoteFolder
from libsep.storage.store import PART_BYTES, Store, StoredObject, _stored

from .conftest import BUCKET, S3Server

NAMES = (
    "plain.mp3",
    "a b/#1 50% ünï 三.mp3",
    "x/a+b&c=d?.flac",
    "q/%41%2F.mp3",
    "e\u0301 decomposed.ogg",
    "back\\slash.mp3",
    "..hidden dots..mp3",
)


def test_names_survive_byte_for_byte(
    s3: S3Server, store_of: Callable[[str], Store], tmp_path: Path
) -> None:
    store = store_of("in #%41")
    for name in NAMES[:4]:
        s3.put(f"in #%41/{name}", name.encode())
    (tmp_path / "file").write_bytes(b"x")
    for name in NAMES[4:]:
        store.upload(tmp_path / "file", name)
    assert {each.name for each in store.objects()} == set(NAMES)
    assert s3.sizes() == {f"in #%41/{each.name}": each.size_bytes for each in store.objects()}
    for name in NAMES[:4]:
        assert store.read(name) == name.encode()
        found = store.find(name)
        assert found is not None
        assert found in store.objects(), "list and look tell the same time"


@pytest.mark.parametrize("n_bytes", [0, 5, PART_BYTES, PART_BYTES + 1])
def test_a_file_goes_there_and_back(
    store_of: Callable[[str], Store],
    s3: S3Server,
    tmp_path: Path,
    n_bytes: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = store_of("out")
    content = os.urandom(n_bytes)
    (tmp_path / "sent").write_bytes(content)
    with caplog.at_level(logging.INFO, logger="libsep"):
        stored = store.upload(tmp_path / "sent", "a/b.bin")
    assert caplog.messages == [] or not n_bytes, "the checksum is known, nothing is read back"
    assert stored == store.find("a/b.bin")
    assert stored.size_bytes == n_bytes
    assert hashlib.sha256(s3.get("out/a/b.bin")).digest() == hashlib.sha256(content).digest()
    store.download("a/b.bin", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == content
    assert store.read_range("a/b.bin", 2, 2) == content[2:4]
    store.delete("a/b.bin")
    store.delete("a/b.bin")
    assert store.find("a/b.bin") is None


def test_an_object_that_holds_other_bytes_than_were_sent_is_an_error(
    s3: S3Server, storage: StorageConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(RemoteFolder("s3", BUCKET, "out"), storage.model_copy(update={"attempts": 1}))
    send = store._send

    def overtaken(name: str, parts: Iterator[bytes]) -> object:
        sent = send(name, parts)
        s3.put(f"out/{name}", b"theirs")
        return sent

    monkeypatch.setattr(store, "_send", overtaken)
    with pytest.raises(TransferError, match="the store holds other bytes than were sent"):
        store.write("x", b"ours..")


def test_an_object_that_came_short_on_the_way_is_an_error(
    s3: S3Server, storage: StorageConfig, tmp_path: Path
) -> None:
    store = Store(RemoteFolder("s3", BUCKET, "out"), storage.model_copy(update={"attempts": 1}))
    files = store._filesystem

    class Cut(io.BytesIO):
        """An object of which the last byte does not arrive."""

        def size(self) -> int:
            return len(self.getvalue()) + 1

    class Short:
        """A store that tells of a byte more than it has, or gives."""

        def __getattr__(self, name: str) -> object:
            return getattr(files, name)

        def get_file_info(self, path: str) -> FileInfo:
            told = files.get_file_info(path)
            return FileInfo(told.path, told.type, size=told.size + 1, mtime_ns=1)

        def open_input_file(self, path: str) -> Cut:
            return Cut(files.open_input_file(path).read())

    store._filesystem = Short()
    with pytest.raises(TransferError, match=r"sent 4 bytes, the store has 5$"):
        store.write("x", b"ours")
    with pytest.raises(TransferError, match=r"came short: 4 of 5 bytes$"):
        store.download("x", tmp_path / "x")


def test_times_are_in_whole_seconds_whatever_a_store_tells() -> None:
    told = FileInfo("bucket/x", FileType.File, size=1, mtime_ns=1_700_000_000_987_654_321)
    assert _stored("x", told) == StoredObject("x", size_bytes=1, mtime_ns=1_700_000_000_000_000_000)


def test_what_is_not_there_is_said_at_once(store_of: Callable[[str], Store]) -> None:
    store = store_of("nowhere")
    assert store.objects() == []
    with pytest.raises(TransferError, match="no such object"):
        store.read("a")


def test_a_bucket_that_is_not_there_is_an_error_that_is_not_tried_again(
    storage: StorageConfig,
) -> None:
    store = Store(RemoteFolder("s3", "no-such-bucket"), storage)
    assert not store.is_there()
    with pytest.raises(TransferError, match=r"listing failed after 1 attempts: .*NO_SUCH_BUCKET"):
        store.objects()
    with pytest.raises(TransferError, match=r"writing failed after 1 attempts: .*NO_SUCH_BUCKET"):
        store.write("a", b"")


class Proxy(socketserver.ThreadingTCPServer):
    """Passes bytes on to a server until it has passed ``limit``; then the line is dead."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int, limit: int) -> None:
        super().__init__(("127.0.0.1", 0), ProxyHandler)
        self.target = ("127.0.0.1", port)
        self.left = limit


class ProxyHandler(socketserver.BaseRequestHandler):
    server: Proxy

    def handle(self) -> None:
        if self.server.left <= 0:
            return
        with socket.create_connection(self.server.target) as onward:
            threading.Thread(target=self._back, args=(onward,), daemon=True).start()
            while data := self._received():
                self.server.left -= len(data)
                if self.server.left <= 0:
                    return
                onward.sendall(data)

    def _received(self) -> bytes:
        try:
            return bytes(self.request.recv(1 << 16))
        except OSError:
            return b""

    def _back(self, onward: socket.socket) -> None:
        try:
            while data := onward.recv(1 << 16):
                self.request.sendall(data)
        except OSError:
            pass


@pytest.fixture
def proxied(
    s3: S3Server, storage: StorageConfig
) -> Iterator[Callable[[int], tuple[Proxy, StorageConfig]]]:
    """Yield a function that opens a line to the server, which breaks after so many bytes."""
    opened: list[Proxy] = []

    def proxy(limit: int) -> tuple[Proxy, StorageConfig]:
        server = Proxy(s3.port, limit)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        opened.append(server)
        endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        return server, storage.model_copy(update={"endpoint": endpoint})

    yield proxy
    for server in opened:
        server.shutdown()
        server.server_close()


def test_a_line_that_breaks_in_mid_upload_leaves_nothing(
    s3: S3Server,
    proxied: Callable[[int], tuple[Proxy, StorageConfig]],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "sent").write_bytes(os.urandom(3 * PART_BYTES))
    server, config = proxied(2 * PART_BYTES)
    store = Store(RemoteFolder("s3", BUCKET, "out"), config)
    with pytest.raises(TransferError, match="uploading failed after 2 attempts"):
        store.upload(tmp_path / "sent", "b.stem.mp4")
    assert s3.sizes() == {}
    assert "attempt 1 of 2" in caplog.text
    server.left = 1 << 40
    store.upload(tmp_path / "sent", "b.stem.mp4")
    assert s3.sizes() == {"out/b.stem.mp4": 3 * PART_BYTES}


def test_an_old_object_stays_whole_when_its_successor_does_not_arrive(
    s3: S3Server, proxied: Callable[[int], tuple[Proxy, StorageConfig]], tmp_path: Path
) -> None:
    s3.put("out/b", b"old")
    (tmp_path / "sent").write_bytes(os.urandom(2 * PART_BYTES))
    _, config = proxied(PART_BYTES)
    with pytest.raises(TransferError):
        Store(RemoteFolder("s3", BUCKET, "out"), config).upload(tmp_path / "sent", "b")
    assert s3.get("out/b") == b"old"


def test_a_local_file_that_cannot_be_read_in_mid_upload_leaves_nothing(
    s3: S3Server, store_of: Callable[[str], Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sent").write_bytes(os.urandom(2 * PART_BYTES + 5))

    def broken_parts(path: Path) -> Iterator[bytes]:
        yield path.read_bytes()[:PART_BYTES]
        raise KeyboardInterrupt

    monkeypatch.setattr("libsep.storage.store._parts", broken_parts)
    with pytest.raises(KeyboardInterrupt):
        store_of("out").upload(tmp_path / "sent", "b")
    assert s3.sizes() == {}


def test_a_full_local_disk_is_said_and_not_tried_again(
    s3: S3Server, store_of: Callable[[str], Store]
) -> None:
    s3.put("in/a", bytes(100_000))
    with pytest.raises(TransferError, match="No space left"):
        store_of("in").download("a", Path("/dev/full"))


def test_the_server_comes_from_the_environment_where_the_configuration_names_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert resolved(StorageConfig()).endpoint is None
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://minio:9000")
    assert resolved(StorageConfig()).endpoint == "http://minio:9000"
    assert resolved(StorageConfig(endpoint="https://own")).endpoint == "https://own"


def test_an_endpoint_that_is_no_url_is_refused_without_repeating_it() -> None:
    for endpoint in ("minio:9000", "http://user:geheim@minio"):
        with pytest.raises(ConfigError, match=r"storage\.endpoint") as caught:
            Store(RemoteFolder("s3", BUCKET), StorageConfig(endpoint=endpoint))
        assert "geheim" not in str(caught.value)

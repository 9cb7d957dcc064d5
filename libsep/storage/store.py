"""Objects of a store through pyarrow: list, read, write, delete; with retries and checks."""

import contextlib
import ctypes
import dataclasses
import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
from pyarrow import fs

from libsep.config import StorageConfig
from libsep.errors import TransferError
from libsep.storage.connection import connect
from libsep.storage.places import RemoteFolder

logger = logging.getLogger(__name__)

PART_BYTES = 10 << 20
"""What is sent at once. pyarrow makes one part of each such write, so the checksum is known."""

FIRST_PAUSE_S = 1.0
"""Seconds before the second attempt; each further pause is twice as long."""

_NANOSECONDS = 1_000_000_000

_FINAL = ("ACCESS_DENIED", "NO_SUCH_BUCKET", "INVALID_ACCESS_KEY_ID", "SIGNATURE_DOES_NOT_MATCH",
          "HTTP status 301", "HTTP status 403", "PermissionDenied")  # fmt: skip
"""What the stores say to requests that will not do better the next time."""

Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True, slots=True)
class StoredObject:
    """An object of a store, ``name`` relative to the folder.

    Stores tell times in milliseconds here and in seconds there, so ``mtime_ns`` is in whole
    seconds.
    """

    name: str
    size_bytes: int
    mtime_ns: int


class Store:
    """The objects of one folder of an object store, by their names relative to it.

    Credentials are those that pyarrow finds by itself: the environment's, the configuration
    files', the machine's. Every request is tried `StorageConfig.attempts` times.

    Parameters
    ----------
    folder
        The folder.
    config
        Server, timeouts, retries.
    """

    def __init__(self, folder: RemoteFolder, config: StorageConfig) -> None:
        self.folder = folder
        self._attempts = config.attempts
        self._filesystem = connect(folder, config)

    def uri_of(self, name: str) -> str:
        """Return an object's URI, for messages."""
        return f"{self.folder.scheme}://{self.folder.path_of(name)}"

    def is_there(self) -> bool:
        """Return whether the folder holds anything, or, if it is a bucket, exists.

        Raises
        ------
        TransferError
            The store does not answer, or refuses.
        """
        path = self.folder.path_of()
        info = self._tried("looking at", "", lambda: self._filesystem.get_file_info(path))
        return bool(info.type == fs.FileType.Directory)

    def objects(self, below: str = "") -> list[StoredObject]:
        """Return all objects, or those in the folder ``below``; none if there is no such folder.

        Raises
        ------
        TransferError
            The store does not answer, or refuses.
        """
        root = self.folder.path_of()
        place = self.folder.path_of(below)
        selector = fs.FileSelector(place, recursive=True, allow_not_found="/" in place)
        found = self._tried("listing", below, lambda: self._filesystem.get_file_info(selector))
        return [
            _stored(info.path[len(root) + 1 :], info)
            for info in found
            if info.type == fs.FileType.File
        ]

    def find(self, name: str) -> StoredObject | None:
        """Return an object, or None if there is none of this name.

        Raises
        ------
        TransferError
            The store does not answer, or refuses.
        """
        path = self.folder.path_of(name)
        info = self._tried("looking at", name, lambda: self._filesystem.get_file_info(path))
        return _stored(name, info) if info.type == fs.FileType.File else None

    def read(self, name: str) -> bytes:
        """Return the content of a small object.

        Raises
        ------
        TransferError
            It is not there, or the store does not answer.
        """

        def attempt() -> bytes:
            with self._filesystem.open_input_file(self.folder.path_of(name)) as file:
                return bytes(file.read())

        return self._tried("reading", name, attempt)

    def read_range(self, name: str, start: int, n_bytes: int) -> bytes:
        """Return up to ``n_bytes`` of an object from position ``start`` on.

        Raises
        ------
        TransferError
            It is not there, or the store does not answer.
        """

        def attempt() -> bytes:
            with self._filesystem.open_input_file(self.folder.path_of(name)) as file:
                start_byte = min(start, file.size())
                return bytes(file.read_at(n_bytes, start_byte))

        return self._tried("reading", name, attempt)

    def download(self, name: str, path: Path) -> None:
        """Copy an object to a local file.

        Raises
        ------
        TransferError
            It is not there, came short, the store does not answer, or the local disk is full.
        """

        def attempt() -> None:
            with self._filesystem.open_input_file(self.folder.path_of(name)) as source:
                n_bytes = 0
                with _opened(path, "wb") as file:
                    while data := source.read(PART_BYTES):
                        _write_all(file, data, path)
                        n_bytes += len(data)
                if n_bytes != source.size():
                    raise OSError(f"came short: {n_bytes} of {source.size()} bytes")

        self._tried("downloading", name, attempt)

    def upload(self, path: Path, name: str) -> StoredObject:
        """Copy a local file to an object, which appears whole or not at all.

        Size and checksum of the object are compared afterwards. Where the store's checksum is of
        another kind (encryption by its own keys changes it), the object is read back.

        Raises
        ------
        TransferError
            The store does not answer, or holds something else than what was sent.
        """
        return self._tried(
            "uploading", name, lambda: self._checked(name, self._send(name, _parts(path)))
        )

    def write(self, name: str, content: bytes) -> StoredObject:
        """Write a small object.

        Raises
        ------
        TransferError
            The store does not answer, or refuses.
        """
        return self._tried(
            "writing", name, lambda: self._checked(name, self._send(name, iter([content])))
        )

    def delete(self, name: str) -> None:
        """Delete an object; it is no error if there is none.

        Raises
        ------
        TransferError
            The store does not answer, or refuses.
        """

        def attempt() -> None:
            with contextlib.suppress(FileNotFoundError):
                self._filesystem.delete_file(self.folder.path_of(name))

        self._tried("deleting", name, attempt)

    def _send(self, name: str, parts: Iterator[bytes]) -> "_Sent":
        sent = _Sent()
        path = self.folder.path_of(name)
        stream = self._filesystem.open_output_stream(path, compression=None)
        try:
            for part in parts:
                sent.add(part)
                stream.write(part)
            stream.close()
        except BaseException:
            _abandon(stream)
            raise
        return sent

    def _checked(self, name: str, sent: "_Sent") -> StoredObject:
        """Return the object that was sent, if the store holds it as it was."""
        info = self._filesystem.get_file_info(self.folder.path_of(name))
        if info.type != fs.FileType.File or info.size != sent.n_bytes:
            raise OSError(f"sent {sent.n_bytes} bytes, the store has {info.size or 0}")
        with self._filesystem.open_input_file(self.folder.path_of(name)) as file:
            checksum = (file.metadata() or {}).get("ETag", b"").decode().strip('"')
            if checksum not in sent.checksums():
                logger.info("%s: checksum of another kind, read back", self.uri_of(name))
                digest = hashlib.sha256()
                while data := file.read(PART_BYTES):
                    digest.update(data)
                if digest.digest() != sent.sha256.digest():
                    raise OSError("the store holds other bytes than were sent")
        return _stored(name, info)

    def _tried(self, what: str, name: str, attempt: Callable[[], Result]) -> Result:
        """Return the result of ``attempt``; a failure that may pass is tried again."""
        for number in range(1, self._attempts + 1):
            try:
                return attempt()
            except _LocalError as exc:
                raise TransferError(Path(name or "."), str(exc)) from exc
            except FileNotFoundError as exc:
                raise TransferError(Path(name or "."), f"{what} failed: no such object") from exc
            except (OSError, pa.ArrowException) as exc:
                reason = _reason(exc)
                if number == self._attempts or any(text in reason for text in _FINAL):
                    message = f"{what} failed after {number} attempts: {reason}"
                    raise TransferError(Path(name or str(self.folder)), message) from exc
                pause_s = FIRST_PAUSE_S * 2 ** (number - 1)
                logger.warning(
                    "%s: %s failed, attempt %d of %d, again in %g s: %s",
                    self.uri_of(name), what, number, self._attempts, pause_s, reason,
                )  # fmt: skip
                time.sleep(pause_s)
        raise ValueError("no attempt at all")


class _Sent:
    """What was sent to a store, for comparison with what it got."""

    def __init__(self) -> None:
        self.n_bytes = 0
        self.sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._parts: list[bytes] = []

    def add(self, part: bytes) -> None:
        """Count one part."""
        self.n_bytes += len(part)
        self.sha256.update(part)
        self._md5.update(part)
        self._parts.append(hashlib.md5(part, usedforsecurity=False).digest())

    def checksums(self) -> tuple[str, str]:
        """Return the ETags that S3 gives: of a plain upload, and of one in parts."""
        parts = hashlib.md5(b"".join(self._parts), usedforsecurity=False).hexdigest()
        return self._md5.hexdigest(), f"{parts}-{len(self._parts)}"


class _LocalError(Exception):
    """The local disk is full or gone; another attempt at the transfer would not help."""


@contextlib.contextmanager
def _locally(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise _LocalError(f"{path}: {exc.strerror}") from exc


def _opened(path: Path, mode: str) -> FileIO:
    """Return an open file without a buffer, so that closing it cannot fail for a full disk."""
    with _locally(path):
        return FileIO(path, mode)


def _write_all(file: FileIO, data: bytes, path: Path) -> None:
    rest = memoryview(data)
    while rest:
        with _locally(path):
            rest = rest[file.write(rest) :]


def _parts(path: Path) -> Iterator[bytes]:
    """Yield a file in parts of `PART_BYTES`; the last one is shorter."""
    with _opened(path, "rb") as file:
        while True:
            part = bytearray()
            while len(part) < PART_BYTES:
                with _locally(path):
                    data = file.read(PART_BYTES - len(part))
                if not data:
                    break
                part += data
            if not part:
                return
            yield bytes(part)


def _stored(name: str, info: Any) -> StoredObject:
    mtime_ns = int(info.mtime_ns or 0) // _NANOSECONDS * _NANOSECONDS
    return StoredObject(name=name, size_bytes=int(info.size or 0), mtime_ns=mtime_ns)


def _abandon(stream: Any) -> None:
    """Keep the stream of a failed upload for ever.

    pyarrow would complete the upload of a stream that is closed or forgotten, and half a file would
    stand under its name.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(stream))


def _reason(exc: BaseException) -> str:
    """Return what pyarrow says in one line, without the numbers of requests."""
    return " ".join(str(exc).partition(" (Request ID")[0].split())

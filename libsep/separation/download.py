"""Fetch one file over HTTP: resumable, bounded and checked."""

import errno
import fcntl
import hashlib
import http.client
import logging
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from io import BufferedIOBase
from pathlib import Path

from libsep import __version__
from libsep.errors import ModelError

logger = logging.getLogger(__name__)

TIMEOUT_S = 30.0
"""Seconds without an answer or a byte after which a server is given up."""

MAX_BYTES = 4 << 30
"""Largest file that is fetched when its length is not known before."""

PART_BYTES = 1 << 20
"""What is read at a time."""

OnProgress = Callable[[int, int | None], None]
"""Is told the bytes that are there and the length of the file, if it is known."""


def download(
    url: str,
    path: Path,
    *,
    sha256: str,
    size_bytes: int | None = None,
    on_progress: OnProgress = lambda _done, _total: None,
) -> None:
    """Fetch ``url`` into ``path``; what an interrupted call left there is gone on with.

    Parameters
    ----------
    url
        Of a server that need not know ranges: without them an interrupted file starts anew.
    path
        Receives the file; its folder is made. It is complete and right when this returns.
    sha256
        Of the file.
    size_bytes
        Its length, if known.
    on_progress
        Is called after each part.

    Raises
    ------
    ModelError
        The server cannot be reached or has no such file, the connection broke or the file is
        longer than it should be, it is another file than the one that was asked for, the disk
        is full, or another process is fetching it. A part that can be gone on with stays.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            _lock(file)
            if file.tell() != size_bytes:
                _fetch(url, file, size_bytes, on_progress)
    except BlockingIOError as exc:
        raise ModelError(f"{path}: another process is fetching it") from exc
    except urllib.error.HTTPError as exc:
        exc.close()
        raise ModelError(f"{url}: the server says {exc.code} {exc.reason}") from exc
    except (
        urllib.error.URLError,
        http.client.HTTPException,
        ConnectionError,
        TimeoutError,
    ) as exc:
        reason = exc.reason if isinstance(exc, urllib.error.URLError) else exc
        raise ModelError(
            f"{url}: cannot be fetched: {reason} (no network? a file that was fetched elsewhere is "
            "taken with --from FILE)"
        ) from exc
    except OSError as exc:
        raise ModelError(f"{path}: cannot be written: {exc.strerror or exc}") from exc
    _check(path, url, sha256)


def _lock(file: BufferedIOBase) -> None:
    """Keep other processes from fetching the same; on a drive without locks the hash has to do."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        if exc.errno not in (errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS):
            raise


def _fetch(url: str, file: BufferedIOBase, size_bytes: int | None, on_progress: OnProgress) -> None:
    """Append what ``file`` lacks, or write it anew if the server does not go on in the middle."""
    n_there = file.tell()
    headers = {"User-Agent": f"libsep/{__version__}", "Accept-Encoding": "identity"}
    if n_there:
        headers["Range"] = f"bytes={n_there}-"
    try:
        answer = urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S
        )
    except urllib.error.HTTPError as exc:
        if exc.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        exc.close()
        logger.info("%s: nothing after byte %d", url, n_there)
        return  # all of it is there, or it is another file: the hash tells
    with answer:
        if n_there and _first_byte(answer) != n_there:
            logger.info("%s: the server starts anew", url)
            file.truncate(0)
        _copy(url, answer, file, size_bytes, on_progress)


def _copy(
    url: str,
    answer: http.client.HTTPResponse,
    file: BufferedIOBase,
    size_bytes: int | None,
    on_progress: OnProgress,
) -> None:
    n_done = file.seek(0, 2)
    length = answer.headers.get("Content-Length", "")
    total = size_bytes or (n_done + int(length) if length.isdecimal() else None)
    limit = total or MAX_BYTES
    on_progress(n_done, total)
    try:
        while part := answer.read(PART_BYTES):
            n_done += len(part)
            if n_done > limit:
                file.truncate(0)
                raise ModelError(f"{url}: longer than {limit} bytes, which it should have")
            file.write(part)
            on_progress(n_done, total)
    except (http.client.IncompleteRead, ConnectionError, TimeoutError) as exc:
        raise ModelError(_broken(url, n_done, total)) from exc
    if total is not None and n_done < total:
        raise ModelError(_broken(url, n_done, total))


def _broken(url: str, n_done: int, total: int | None) -> str:
    of = f" of {total}" if total else ""
    return f"{url}: the connection broke after {n_done}{of} bytes; the same command goes on there"


def _first_byte(answer: http.client.HTTPResponse) -> int:
    """Return where in the file an answer starts."""
    found = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    return int(found[1]) if answer.status == http.HTTPStatus.PARTIAL_CONTENT and found else 0


def _check(path: Path, url: str, expected: str) -> None:
    """Check the file, and delete it if it is a wrong one: nobody should go on with that."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        n_bytes = path.stat().st_size
        path.unlink()
        raise ModelError(
            f"{url}: sha256 of the {n_bytes} bytes is {found}, expected {expected} "
            "(was the file replaced? a login page of the network?)"
        )

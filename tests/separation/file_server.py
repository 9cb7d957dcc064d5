"""A real HTTP server on loopback, with the faults that servers have."""

import http.server
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class FileServer(http.server.ThreadingHTTPServer):
    """Serves `content` under any path; the first part of the path says how.

    ``/whole/…`` knows ranges, ``/anew/…`` does not, ``/cut/…`` closes the connection half way the
    first time, ``/endless/…`` sends twice as much and no length, ``/page/…`` is something else,
    and everything else is not there.
    """

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = content
        self.ranges: list[str | None] = []
        self.n_sent = 0

    def url(self, path: str) -> str:
        """Return the address of a path."""
        return f"http://127.0.0.1:{self.server_port}/{path}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        how = self.path.split("/")[1]
        content = b"<html>please log in</html>" if how == "page" else self.server.content
        wanted = self.headers.get("Range")
        is_first = not self.server.ranges
        self.server.ranges.append(wanted)
        if how not in ("whole", "anew", "cut", "endless", "page"):
            self.send_error(404)
            return
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and how != "anew" else 0
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if how != "endless":
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        body = content[start:]
        if how == "cut" and is_first:
            body = body[: len(body) // 2]
        if how == "endless":
            body = 2 * body
        self.server.n_sent += len(body)
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(content: bytes) -> Iterator[FileServer]:
    """Serve ``content`` on a free port while the block lasts."""
    with FileServer(content) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()

"""The server behind the page: this machine only, behind a secret, and nothing but stem files."""

import functools
import hmac
import http.client
import http.server
import itertools
import json
import logging
import secrets
import sys
import threading
import urllib.parse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from libsep.errors import LibsepError, ProbeError, TrackError
from libsep.listen.mix import BYTES_PER_FRAME, mixed, pcm24, wav_header
from libsep.listen.query import Query, RequestError, Stretch, read_gains, read_stretch
from libsep.listen.shelf import Shelf
from libsep.listen.waveform import bin_samples, waveform
from libsep.media.sheet import Sheet, read_sheet
from libsep.media.streams import decode_streams

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
CHUNK_SAMPLES = 1 << 17
"""How much of all streams the page asks for at once: 3 s, or 5 MB."""

MAX_DECODERS = 4
"""Most stretches, and most waveforms, that are decoded at once; further requests wait."""

MAX_DOWNLOADS = 4
"""Most mixes that are sent at once; a browser may let each of them wait for hours."""

IDLE_S = 120.0
"""Seconds after which a connection without a request is closed."""

ASSETS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
"""What every answer says: nothing from elsewhere, and nothing for anybody else."""


class ListenServer(http.server.ThreadingHTTPServer):
    """Serves the page and the samples of the files of a shelf, at an address that is a secret.

    Parameters
    ----------
    shelf
        What may be heard.
    ffmpeg
        The ffmpeg program.
    port
        TCP port on 127.0.0.1; 0: a free one.

    Attributes
    ----------
    url
        Address of the page; whoever knows it may listen.

    Raises
    ------
    OSError
        The port is taken, or not ours to take.
    """

    daemon_threads = True

    def __init__(self, shelf: Shelf, *, ffmpeg: Path, port: int = 0) -> None:
        super().__init__((HOST, port), _Handler)
        self.shelf = shelf
        self.ffmpeg = ffmpeg
        self.token = secrets.token_urlsafe(16)
        self.url = f"http://{HOST}:{self.server_port}/{self.token}/"
        self.hosts = hosts_of(self.server_port)
        self.decoders = threading.BoundedSemaphore(MAX_DECODERS)
        self.painters = threading.BoundedSemaphore(MAX_DECODERS)
        self.downloads = threading.BoundedSemaphore(MAX_DOWNLOADS)
        folder = Path(__file__).with_name("page")
        self.assets = {path.name: path for path in folder.iterdir() if path.suffix in ASSETS}

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log a bug instead of printing it; the connection ends, the server goes on."""
        if isinstance(sys.exception(), ConnectionError):
            return  # the browser has gone
        logger.exception("a request could not be answered")

    def sheet(self, text: str) -> tuple[Sheet, str]:
        """Return the sheet of the track whose number is ``text``, and a text for its state.

        Raises
        ------
        RequestError
            There is no such track.
        ProbeError
            It cannot be played.
        """
        try:
            path = self.shelf.path(int(text))
        except (ValueError, IndexError) as exc:
            raise RequestError(404, f"there is no track {text[:20]!r}") from exc
        try:
            status = path.stat()
        except OSError as exc:
            raise ProbeError(path, f"cannot be opened: {exc.strerror}") from exc
        state = f"{status.st_mtime_ns}-{status.st_size}"
        return _sheet_of(path, state), state


def hosts_of(port: int) -> frozenset[str]:
    """Return what a browser may send as ``Host``; it leaves out the port of HTTP."""
    names = (HOST, "localhost")
    bare = names if port == http.client.HTTP_PORT else ()
    return frozenset((*(f"{name}:{port}" for name in names), *bare))


@functools.lru_cache(maxsize=16)
def _sheet_of(path: Path, state: str) -> Sheet:
    """Read a sheet once for each state of its file."""
    return read_sheet(path)


class _Handler(http.server.BaseHTTPRequestHandler):
    """One connection of a browser."""

    server: ListenServer
    protocol_version = "HTTP/1.1"
    server_version = "libsep"
    sys_version = ""
    timeout = IDLE_S

    def do_GET(self) -> None:
        """Answer one request."""
        self._has_begun = False
        try:
            self._answer()
        except RequestError as exc:
            self._fail(exc.status, str(exc))
        except TrackError as exc:
            logger.warning("%s", exc)
            self._fail(422, str(exc))
        except LibsepError as exc:
            logger.error("%s", exc)
            self._fail(500, str(exc))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the browser wants something else now

    def log_message(self, format: str, *args: Any) -> None:
        """Log what http.server would print."""
        logger.debug(format, *args)

    def _answer(self) -> None:
        parts = urllib.parse.urlsplit(self.path)
        token, *rest = parts.path.removeprefix("/").split("/")
        self._check(token)
        query = urllib.parse.parse_qs(parts.query)
        match rest:
            case [""]:
                self._send_asset("index.html")
            case [name] if name in self.server.assets:
                self._send_asset(name)
            case ["tracks"]:
                self._send_json(self._list())
            case ["tracks", number, *part]:
                self._answer_track(number, part, query)
            case _:
                raise RequestError(404, "there is nothing of this name")

    def _answer_track(self, number: str, part: list[str], query: Query) -> None:
        """Send a part of a track; of a file that is another one by now only if none was named."""
        sheet, state = self.server.sheet(number)
        if query.get("state", [state])[0] != state:
            raise RequestError(409, f"{sheet.path.name}: has changed since the page read it")
        match part:
            case []:
                bins = {"binSamples": bin_samples(sheet.n_samples)}
                self._send_json(sheet.as_json() | bins | {"state": state})
            case ["cover"]:
                self._send_cover(sheet)
            case ["waveform"]:
                self._send_waveform(sheet)
            case ["samples"]:
                self._send_samples(sheet, read_stretch(query, sheet, longest=CHUNK_SAMPLES))
            case ["mix.wav"]:
                gains = read_gains(query, sheet)
                self._send_mix(sheet, gains, read_stretch(query, sheet, longest=sheet.n_samples))
            case _:
                raise RequestError(404, "there is nothing of this name")

    def _check(self, token: str) -> None:
        """Refuse other sites that got a browser to ask us, and whoever does not know the secret.

        A site that points its own name at 127.0.0.1 (DNS rebinding) gives itself away by the name
        in ``Host``.
        """
        if self.headers.get("Host") not in self.server.hosts:
            raise RequestError(403, "this server answers to 127.0.0.1 and localhost only")
        if self.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            raise RequestError(403, "another site asks")
        if not hmac.compare_digest(token.encode(), self.server.token.encode()):
            raise RequestError(403, "the address lacks its secret; take it from the terminal")

    def _list(self) -> dict[str, Any]:
        shelf = self.server.shelf
        folder = str(shelf.root) if shelf.is_folder else None
        return {"folder": folder, "chunkSamples": CHUNK_SAMPLES, "tracks": shelf.names}

    def _send_asset(self, name: str) -> None:
        path = self.server.assets[name]
        self._send(path.read_bytes(), f"{ASSETS[path.suffix]}; charset=utf-8")

    def _send_json(self, values: Any) -> None:
        self._send(json.dumps(values).encode(), "application/json")

    def _send_cover(self, sheet: Sheet) -> None:
        if sheet.cover is None:
            raise RequestError(404, "the file has no picture")
        is_png = sheet.cover.startswith(b"\x89PNG")
        self._send(sheet.cover, "image/png" if is_png else "image/jpeg")

    def _send_waveform(self, sheet: Sheet) -> None:
        with self.server.painters:
            lines = (json.dumps(part) for part in waveform(sheet, ffmpeg=self.server.ffmpeg))
            self._stream((line.encode() + b"\n" for line in lines), "application/x-ndjson")

    def _send_samples(self, sheet: Sheet, stretch: Stretch) -> None:
        """Send float32 samples, channel by channel: left and right of the mixture first."""
        with self.server.decoders:
            (block,) = decode_streams(
                sheet.path,
                ffmpeg=self.server.ffmpeg,
                n_streams=sheet.n_streams,
                sample_rate=sheet.sample_rate,
                start_samples=stretch.start_samples,
                n_samples=stretch.n_samples,
                block_samples=stretch.n_samples,
            )
        self._send(block.astype("<f4").tobytes(), "application/octet-stream")

    def _send_mix(self, sheet: Sheet, gains: tuple[float, ...], stretch: Stretch) -> None:
        n_samples = stretch.n_samples
        header = wav_header(n_samples, sheet.sample_rate)
        blocks = mixed(
            sheet,
            gains,
            start_samples=stretch.start_samples,
            n_samples=n_samples,
            ffmpeg=self.server.ffmpeg,
        )
        if not self.server.downloads.acquire(blocking=False):
            raise RequestError(429, f"{MAX_DOWNLOADS} downloads are under way: wait for one")
        try:
            self._stream(
                itertools.chain([header], map(pcm24, blocks)),
                "audio/wav",
                length_bytes=len(header) + n_samples * BYTES_PER_FRAME,
                disposition="attachment",
            )
        finally:
            self.server.downloads.release()

    def _send(self, body: bytes, kind: str, status: int = 200) -> None:
        self._stream([body], kind, status=status, length_bytes=len(body))

    def _stream(
        self,
        parts: Iterable[bytes],
        kind: str,
        *,
        status: int = 200,
        length_bytes: int | None = None,
        disposition: str = "inline",
    ) -> None:
        """Send parts as they come; without a length, the end of the connection is their end."""
        remaining = iter(parts)
        first = next(remaining, b"")  # what fails at once can still say so
        self._has_begun = True
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Disposition", disposition)
        if length_bytes is None:
            self.close_connection = True
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(length_bytes))
        self.end_headers()
        self.connection.settimeout(None)  # a browser may let a download wait
        self.wfile.write(first)
        for part in remaining:
            self.wfile.write(part)
        self.connection.settimeout(IDLE_S)

    def _fail(self, status: int, message: str) -> None:
        """Say what was wrong; if the answer has begun, cut it off, so that it is seen as broken."""
        if self._has_begun:
            self.close_connection = True
            return
        body = json.dumps({"error": message}).encode()
        self._send(body, "application/json", status)

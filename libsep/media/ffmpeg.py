"""Run ffmpeg: find the program, and talk to it while it runs."""

import contextlib
import fcntl
import functools
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import ffmpeg as graphs
import imageio_ffmpeg

from libsep.errors import ConfigError, TrackError, reason_of
from libsep.media.programs import run, start

LOG_TAIL_BYTES = 4096
"""How much of the end of ffmpeg's messages an error carries."""

MAX_LINES = 400
"""Messages of one ffmpeg that are kept for inspection; later ones only reach the tail."""

MAX_LINE_BYTES = 1000
"""Length at which one message is cut."""

PIPE_BYTES = 1 << 18
"""Size of the pipe that carries samples: three seconds of stereo between two wake-ups."""

CRASHES = frozenset(
    {signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV, signal.SIGSYS}
)
"""Signals that a program brings upon itself; any other comes from outside."""

STALL_TIMEOUT_S = 60.0
"""Default number of seconds without a byte after which ffmpeg is given up."""


@functools.cache
def find_ffmpeg(explicit: Path | None = None) -> Path:
    """Return the ffmpeg program: ``explicit``, else ``LIBSEP_FFMPEG``, else imageio-ffmpeg's.

    Raises
    ------
    ConfigError
        There is none, or it does not run.
    """
    chosen = explicit or os.environ.get("LIBSEP_FFMPEG")
    try:
        program = Path(chosen or imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as exc:
        raise ConfigError(f"no ffmpeg found: {exc}") from exc
    found = shutil.which(program)
    if found is None:
        raise ConfigError(f"{program}: expected the ffmpeg program, found no executable file")
    version(Path(found))
    return Path(found)


@functools.cache
def version(ffmpeg: Path) -> str:
    """Return what ``ffmpeg -version`` says about the program and how it was built.

    Raises
    ------
    ConfigError
        The program does not run, or is not ffmpeg.
    """
    try:
        done = run([ffmpeg, "-version"], timeout_s=60.0)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise ConfigError(f"{ffmpeg}: ffmpeg does not run: {reason_of(exc)}") from exc
    if done.returncode != 0 or not done.stdout.startswith("ffmpeg version"):
        found = (done.stdout + done.stderr).strip()[:200]
        raise ConfigError(f"{ffmpeg}: expected ffmpeg, it answered {found!r}")
    return done.stdout


def file_url(path: Path) -> bytes:
    """Return how ffmpeg is told about a file, whatever its name begins with or contains.

    As bytes, because ffmpeg-python rejects text that is no Unicode; as an output it must be given
    by keyword (``filename=``).
    """
    return b"file:" + os.fsencode(path)


class Process:
    """One running ffmpeg, started on entry and gone on exit, whatever happens in between.

    It runs in its own process group, so Ctrl-C reaches only us and the end is orderly. On Linux it
    dies with us, even when we are killed while it starts (see `libsep.media.programs`). Its
    messages are collected while it reads and writes, by the same loop, so neither side can wait for
    the other.

    Parameters
    ----------
    graph
        What ffmpeg shall do, as a graph of ffmpeg-python.
    ffmpeg
        The program.
    path
        The track's file, for error messages.
    error
        Class of the errors that are raised.
    stall_timeout_s
        Seconds that we wait for one byte in or out, or for the end, before ffmpeg is killed. Time
        during which nobody waits does not count.
    level
        Least important messages that ffmpeg writes: ``error`` or ``info``.

    Attributes
    ----------
    lines
        The first messages, each with its level in front, as in ``[error] Invalid data``.
    """

    def __init__(
        self,
        graph: Any,
        *,
        ffmpeg: Path,
        path: Path,
        error: type[TrackError],
        stall_timeout_s: float = STALL_TIMEOUT_S,
        level: str = "error",
    ) -> None:
        options = ["-nostdin", "-hide_banner", "-nostats", "-y", "-v", f"level+{level}"]
        self._command = graphs.compile(graph, cmd=[os.fspath(ffmpeg), *options])
        self._path = path
        self._error = error
        self._stall_timeout_s = stall_timeout_s
        self._tail = bytearray()
        self._unfinished_line = bytearray()
        self.lines: list[str] = []

    def __enter__(self) -> "Process":
        """Start ffmpeg."""
        try:
            self._process = start(self._command)
        except OSError as exc:
            raise ConfigError(
                f"{self._command[0]}: ffmpeg does not start: {reason_of(exc)}"
            ) from exc
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._stdin = self._process.stdin
        self._stdout = self._process.stdout
        self._stderr: int | None = self._process.stderr.fileno()
        if sys.platform == "linux":  # elsewhere pipes have the size that the system gives them
            for pipe in (self._stdin, self._stdout):
                with contextlib.suppress(OSError):  # a wish: users have a limit for pipe memory
                    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        os.set_blocking(self._stdin.fileno(), False)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Kill ffmpeg if it still runs, and collect what is left of it."""
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def kill(self) -> None:
        """End ffmpeg at once, if it still runs; another thread may be waiting for it."""
        if self._process.poll() is None:
            # It may end meanwhile: then macOS says "not permitted", and Linux nothing.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    @property
    def pid(self) -> int:
        """Number of the process, which is also that of its group."""
        return self._process.pid

    @property
    def log(self) -> str:
        """The last messages of ffmpeg, as text."""
        return self._tail.decode(errors="replace").strip()

    @property
    def complaints(self) -> list[str]:
        """Distinct messages of level warning and worse about sound, without addresses."""
        found = (_complaint(line) for line in self.lines if not _ABOUT_PICTURES.match(line))
        return list(dict.fromkeys(text for text in found if text))

    def read(self, n_bytes: int) -> bytes:
        """Return the next ``n_bytes`` of ffmpeg's output; fewer only at its end.

        Raises
        ------
        TrackError
            Of the given class: nothing came for `stall_timeout_s`.
        """
        data = bytearray()
        while len(data) < n_bytes:
            self._wait_for(self._stdout.fileno(), select.POLLIN)
            part = os.read(self._stdout.fileno(), min(n_bytes - len(data), PIPE_BYTES))
            if not part:
                break
            data += part
        return bytes(data)

    def write(self, data: bytes | memoryview) -> None:
        """Give all of ``data`` to ffmpeg.

        Raises
        ------
        TrackError
            Of the given class: ffmpeg has ended, or took nothing for `stall_timeout_s`.
        """
        rest = memoryview(data)
        while rest:
            self._wait_for(self._stdin.fileno(), select.POLLOUT)
            try:
                rest = rest[os.write(self._stdin.fileno(), rest) :]
            except BrokenPipeError as exc:
                raise self._ended_early() from exc
            except BlockingIOError:  # less room than one page
                continue

    def finish(self) -> None:
        """Close ffmpeg's input and wait until it has ended well.

        Raises
        ------
        TrackError
            Of the given class: ffmpeg failed, was killed, or did not end within
            `stall_timeout_s` after its last byte of output.
        """
        self._stdin.close()
        while self.read(PIPE_BYTES):
            pass
        while self._stderr is not None:
            self._wait_for(None, 0)
        self._wait_for_exit()
        if self._process.returncode != 0:
            raise self._ended_early()

    def fail(self, message: str) -> TrackError:
        """Return an error of the given class about the track, with ffmpeg's last messages."""
        return self._error(self._path, message, self.log)

    def _wait_for(self, pipe: int | None, event: int) -> None:
        """Collect messages until ``pipe`` is ready, or without a pipe until messages end."""
        poll = select.poll()
        if pipe is not None:
            poll.register(pipe, event)
        deadline = time.monotonic() + self._stall_timeout_s
        before_s = _cpu_s(self.pid)
        while True:
            if self._stderr is not None:
                poll.register(self._stderr, select.POLLIN)
            left_s = deadline - time.monotonic()
            ready = dict(poll.poll(max(left_s, 0) * 1000))
            if self._stderr in ready:
                poll.unregister(self._stderr)
                self._collect()
            if pipe in ready or (pipe is None and self._stderr is None):
                return
            if left_s <= 0:
                raise self._stalled(_cpu_s(self.pid) - before_s)

    def _collect(self) -> None:
        """Take what ffmpeg has said; at the end of its messages forget the pipe."""
        assert self._stderr is not None
        part = os.read(self._stderr, PIPE_BYTES)
        if not part:
            self._stderr = None
        self._tail += part
        del self._tail[:-LOG_TAIL_BYTES]
        *complete, rest = (self._unfinished_line + part).split(b"\n")
        self._unfinished_line = bytearray(rest[:MAX_LINE_BYTES])
        for line in complete if part else [rest]:
            # Tags of the file are indented, and their further lines have no level in front.
            is_message = line.startswith(b"[") and not line.startswith(b"[info]     ")
            if is_message and len(self.lines) < MAX_LINES:
                self.lines.append(line[:MAX_LINE_BYTES].decode(errors="replace"))

    def _wait_for_exit(self) -> None:
        before_s = _cpu_s(self.pid)
        try:
            self._process.wait(self._stall_timeout_s)
        except subprocess.TimeoutExpired as exc:
            raise self._stalled(_cpu_s(self.pid) - before_s) from exc

    def _stalled(self, computed_s: float) -> TrackError:
        """Return the error for an ffmpeg that is waited for in vain, and computes meanwhile."""
        if computed_s > self._stall_timeout_s / 2:
            return self.fail(
                f"ffmpeg computed for {self._stall_timeout_s:g} s without a result and was stopped;"
                " is the file damaged, or are its tags huge?"
            )
        error = self.fail(
            f"ffmpeg moved no byte for {self._stall_timeout_s:g} s and was stopped; "
            "is the disk or the network drive still there?"
        )
        error.__cause__ = TimeoutError()  # an OSError: not the fault of what is in the file
        return error

    def _ended_early(self) -> TrackError:
        """Return the error for an ffmpeg that has ended or is about to, with its last words."""
        deadline = time.monotonic() + 5
        while self._stderr is not None and time.monotonic() < deadline:
            self._wait_for(None, 0)
        self._wait_for_exit()
        code = self._process.returncode
        if code < 0:
            error = self.fail(f"ffmpeg was killed by {signal.Signals(-code).name}")
            if -code not in CRASHES:
                error.__cause__ = InterruptedError()  # an OSError, as above
            return error
        complaints = self.complaints or ["it gave no reason"]
        # The first names the cause, the last what came of it.
        reason = "; ".join(dict.fromkeys((complaints[0], complaints[-1])))
        return self.fail(f"ffmpeg ended with code {code}: {reason}")


def _cpu_s(pid: int) -> float:
    """Return the seconds that a process has computed; 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return 0.0


_ABOUT_PICTURES = re.compile(r"\[(?:mjpeg|jpeg2000|png|apng|gif|bmp|webp|tiff|svg) @")
"""ffmpeg looks at covers too; what is wrong with one is found where it is carried."""


def _complaint(line: str) -> str:
    """Return the message in a line of level warning or worse, else nothing."""
    match = re.match(r"(?:\[[^\]]* @ 0x[0-9a-f]+\] )*\[(?:warning|error|fatal|panic)\] (.*)", line)
    return match.group(1).strip() if match else ""

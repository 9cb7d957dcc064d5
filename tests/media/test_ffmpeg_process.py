import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import types
from collections.abc import Iterator
from pathlib import Path

import ffmpeg as graphs
import pytest

from libsep.errors import ConfigError, DecodeError
from libsep.media.ffmpeg import LOG_TAIL_BYTES, Process, _cpu_s, file_url, find_ffmpeg, version

from ..processes import wait_until


def silence(duration_s: float) -> object:
    """Return a graph that makes stereo silence of a length."""
    source = graphs.input("anullsrc=r=44100:cl=stereo", format="lavfi", t=duration_s)
    return source.output("pipe:1", format="f32le", acodec="pcm_f32le")


def start(graph: object, ffmpeg: Path, **options: object) -> Process:
    return Process(graph, ffmpeg=ffmpeg, path=Path("x.flac"), error=DecodeError, **options)


def wait_until_gone(pid: int) -> bool:
    """Return whether a process ends within a minute, zombies counted as ended."""
    for _ in range(3000):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_the_program_is_found_and_runs(ffmpeg: Path) -> None:
    assert version(ffmpeg).startswith("ffmpeg version")


def test_a_missing_program_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="no executable file"):
        find_ffmpeg(Path("/nowhere/ffmpeg"))


def test_another_program_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="expected ffmpeg"):
        find_ffmpeg(Path("/bin/echo"))


def test_a_program_that_crashes_is_a_configuration_error(tmp_path: Path) -> None:
    script = tmp_path / "ffmpeg"
    script.write_bytes(b"\x7fELF no program")
    script.chmod(0o755)
    with pytest.raises(ConfigError, match="does not run"):
        find_ffmpeg(script)


def test_the_environment_names_the_program(
    monkeypatch: pytest.MonkeyPatch, ffmpeg: Path, tmp_path: Path
) -> None:
    link = tmp_path / "my-ffmpeg"
    link.symlink_to(ffmpeg)
    monkeypatch.setenv("LIBSEP_FFMPEG", str(link))
    find_ffmpeg.cache_clear()
    try:
        assert find_ffmpeg() == link
    finally:
        find_ffmpeg.cache_clear()


def test_output_arrives_whole(ffmpeg: Path) -> None:
    with start(silence(3.0), ffmpeg) as process:
        data = process.read(10**9)
        process.finish()
    assert data == bytes(3 * 44100 * 8)


def test_leaving_early_leaves_no_process(ffmpeg: Path) -> None:
    with start(silence(1e6), ffmpeg) as process:
        assert process.read(100)
    assert wait_until_gone(process.pid)


def test_an_error_in_the_block_leaves_no_process(ffmpeg: Path) -> None:
    with pytest.raises(ZeroDivisionError), start(silence(1e6), ffmpeg) as process:
        raise ZeroDivisionError
    assert wait_until_gone(process.pid)


def test_a_source_that_gives_nothing_is_given_up(ffmpeg: Path, tmp_path: Path) -> None:
    fifo = tmp_path / "never.wav"
    os.mkfifo(fifo)
    holder = os.open(fifo, os.O_RDWR)  # so that opening succeeds and reading waits
    graph = graphs.input(file_url(fifo)).output("pipe:1", format="f32le")
    try:
        with (
            pytest.raises(DecodeError, match=r"no byte for 0.3 s"),
            start(graph, ffmpeg, stall_timeout_s=0.3) as process,
        ):
            process.read(1)
        assert wait_until_gone(process.pid)
    finally:
        os.close(holder)


def test_a_stopped_encoder_is_given_up(ffmpeg: Path) -> None:
    source = graphs.input("pipe:0", format="f32le", ar=44100, ac=2)
    graph = source.output("pipe:1", format="null")
    with start(graph, ffmpeg, stall_timeout_s=0.3) as process:
        process.write(bytes(8))
        os.kill(process.pid, signal.SIGSTOP)
        with pytest.raises(DecodeError, match=r"no byte for 0.3 s"):
            process.write(bytes(10_000_000))


def test_one_that_stops_after_long_work_was_stopped_from_outside(ffmpeg: Path) -> None:
    """What it computed before the last byte came does not tell why none comes now."""
    with start(silence(1e6), ffmpeg, stall_timeout_s=300.0) as process:
        while _cpu_s(process.pid) < 0.5:
            process.read(1_000_000)
        os.kill(process.pid, signal.SIGSTOP)
        process._stall_timeout_s = 0.3
        with pytest.raises(DecodeError, match=r"moved no byte for 0\.3 s") as caught:
            process.read(10**9)
    assert isinstance(caught.value.__cause__, TimeoutError)


def test_time_in_which_nobody_reads_is_no_stall(
    ffmpeg: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead_s = 0.0
    clock = types.SimpleNamespace(monotonic=lambda: time.monotonic() + ahead_s)
    monkeypatch.setattr("libsep.media.ffmpeg.time", clock)
    with start(silence(30.0), ffmpeg, stall_timeout_s=300.0) as process:
        first = process.read(1000)
        ahead_s = 500.0
        assert len(first) + len(process.read(10**9)) == 30 * 44100 * 8


def test_a_killed_ffmpeg_is_an_error_that_names_the_signal(ffmpeg: Path) -> None:
    with start(silence(1e6), ffmpeg) as process:
        process.read(100)
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(DecodeError, match="killed by SIGKILL"):
            process.finish()


def test_an_ffmpeg_that_ends_while_it_is_killed_is_no_error(
    ffmpeg: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What macOS answers where a group has only ended processes in it."""

    def refuse(group: int, number: int) -> None:
        os.kill(group, number)
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("os.killpg", refuse)
    with start(silence(1e6), ffmpeg) as process:
        process.read(100)
    assert wait_until_gone(process.pid)


def test_writing_to_a_dead_ffmpeg_is_an_error_at_once(ffmpeg: Path) -> None:
    graph = graphs.input("pipe:0", format="f32le", ar=44100, ac=2).output("pipe:1", format="null")
    with start(graph, ffmpeg, stall_timeout_s=30.0) as process:
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(DecodeError, match="killed by SIGKILL"):
            process.write(bytes(10_000_000))


def test_an_error_carries_the_end_of_the_messages(ffmpeg: Path, tmp_path: Path) -> None:
    graph = graphs.input(file_url(tmp_path / "missing.wav")).output("pipe:1", format="f32le")
    with (
        pytest.raises(DecodeError, match="No such file") as caught,
        start(graph, ffmpeg) as process,
    ):
        process.finish()
    assert "missing.wav" in caught.value.log


def test_a_flood_of_messages_blocks_nothing_and_is_bounded(ffmpeg: Path) -> None:
    source = graphs.input("anullsrc=r=44100:cl=stereo", format="lavfi", t=60)
    graph = source.filter("ashowinfo").output("pipe:1", format="f32le")
    with start(graph, ffmpeg, level="info", stall_timeout_s=300.0) as process:
        n_bytes = len(process.read(10**9))
        process.finish()
    assert n_bytes == 60 * 44100 * 8
    assert len(process.lines) <= 400
    assert len(process.log) <= LOG_TAIL_BYTES


def test_ffmpeg_outlives_the_thread_that_started_it(ffmpeg: Path) -> None:
    process = start(silence(2.0), ffmpeg)
    thread = threading.Thread(target=process.__enter__)
    thread.start()
    thread.join()
    time.sleep(0.1)
    with process_end(process):
        assert len(process.read(10**9)) == 2 * 44100 * 8
        process.finish()


class process_end:  # noqa: N801 - reads like a function
    """Only the second half of a `Process` as a context manager."""

    def __init__(self, process: Process) -> None:
        self.process = process

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exc: object) -> None:
        self.process.__exit__(None, None, None)


STARTS_A_WAITING_FFMPEG = """
import sys
import time
import ffmpeg as graphs
from pathlib import Path
from libsep.errors import DecodeError
from libsep.media.ffmpeg import Process, find_ffmpeg
graph = graphs.input(f"file:{sys.argv[1]}").output("pipe:1", format="f32le")
with Process(graph, ffmpeg=find_ffmpeg(), path=Path("x"), error=DecodeError) as process:
    print(process.pid, flush=True)
    time.sleep(600)
"""

SLOW_SETPRIV = """#!{python}
import os, sys, time
if "--version" not in sys.argv:
    parent = os.getppid()
    open({note!r}, "w").close()
    while os.getppid() == parent:
        time.sleep(0.01)
os.execv({setpriv!r}, sys.argv)
"""


@pytest.fixture
def silent_fifo(tmp_path: Path) -> Iterator[Path]:
    """Yield a file that opens, and whose first byte never comes."""
    fifo = tmp_path / "never.wav"
    os.mkfifo(fifo)
    holder = os.open(fifo, os.O_RDWR)
    yield fifo
    os.close(holder)


def is_running(pid: int, program: Path) -> bool:
    """Return whether a process runs a program, not what starts it."""
    return Path(f"/proc/{pid}/exe").resolve() == program.resolve()


def test_ffmpeg_dies_with_us_even_when_we_are_killed(ffmpeg: Path, silent_fifo: Path) -> None:
    command = [sys.executable, "-c", STARTS_A_WAITING_FFMPEG, str(silent_fifo)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        wait_until(lambda: is_running(pid, ffmpeg))
        parent.kill()
    assert wait_until_gone(pid)


def test_ffmpeg_never_starts_when_we_are_killed_just_before(
    silent_fifo: Path, tmp_path: Path
) -> None:
    note, setpriv = tmp_path / "waits", shutil.which("setpriv")
    slow = tmp_path / "bin" / "setpriv"
    slow.parent.mkdir()
    slow.write_text(SLOW_SETPRIV.format(python=sys.executable, note=str(note), setpriv=setpriv))
    slow.chmod(0o755)
    command = [sys.executable, "-c", STARTS_A_WAITING_FFMPEG, str(silent_fifo)]
    environment = {**os.environ, "PATH": f"{slow.parent}:{os.environ['PATH']}"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        wait_until(note.exists)
        parent.kill()
    assert wait_until_gone(pid)


@pytest.mark.parametrize(
    "name", [b"-i.wav", b"two\nlines.wav", b"a:b,c;d[0]'\\%d.wav", b"latin-\xe9.wav", b" .wav"]
)
def test_any_name_is_a_name(ffmpeg: Path, tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    write = graphs.input("anullsrc=r=44100:cl=stereo", format="lavfi", t=0.1)
    with start(write.output(filename=file_url(path), format="wav"), ffmpeg) as process:
        process.finish()
    with start(graphs.input(file_url(path)).output("pipe:1", format="s16le"), ffmpeg) as process:
        assert process.read(10**6) == bytes(4410 * 4)

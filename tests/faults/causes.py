"""Faults, caused for real, and what tells whether anything was lost; tests and benchmark share it.

Nothing here is a mock: processes are killed by the kernel, disks are full, ffmpeg is a program that
goes wrong.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from libsep.library.audit import Audit, audit
from libsep.library.last_run import told_last
from libsep.media.ffmpeg import find_ffmpeg

from ..processes import COMMAND, PATIENCE_S, Ended, wait_until


@dataclasses.dataclass(frozen=True, kw_only=True)
class Order:
    """What `faulty_ffmpeg` does wrong, when all ``words`` stand in its command line."""

    do: str
    words: tuple[str, ...]
    n_bytes: int = 0
    path: str = ""


def write_faulty_ffmpeg(folder: Path, orders: Sequence[Order]) -> Path:
    """Write an ffmpeg that carries out ``orders``; return the program."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "ffmpeg.py"
    source = Path(__file__).with_name("faulty_ffmpeg.py").read_text(encoding="utf-8")
    program.write_text(f"#!{sys.executable} -IS\n{source}", encoding="utf-8")
    program.chmod(0o755)
    values = {"real": os.fspath(find_ffmpeg()), "orders": [dataclasses.asdict(o) for o in orders]}
    program.with_suffix(".json").write_text(json.dumps(values), encoding="utf-8")
    return program


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """A library and its output folder, with the configuration of their runs."""

    folder: Path
    library: Path
    stems: Path
    config: Path

    def start(
        self, *options: str, ffmpeg: Path | None = None, command: Sequence[str] = COMMAND
    ) -> "subprocess.Popen[str]":
        """Start ``libsep run``; it and all its children work in ``folder``."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
        # Ray's workers give way to all other work by default; here something waits for them.
        environment["RAY_worker_niceness"] = "0"
        if ffmpeg is not None:
            environment["LIBSEP_FFMPEG"] = os.fspath(ffmpeg)
        arguments = [self.library, self.stems, "--config", self.config, "--json", *options]
        return subprocess.Popen(
            [*command, "run", *map(os.fspath, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=self.folder,
        )

    def run(self, *options: str, **arguments: Any) -> Ended:
        """Let ``libsep run`` run to its end."""
        return ended(self.start(*options, **arguments))

    def audit(self) -> Audit:
        """Audit the output folder, every stem file decoded."""
        config = told_last(self.stems).config()
        return audit(self.library, self.stems, config.scan, ffmpeg=find_ffmpeg())

    def wait_until_idle(self) -> None:
        """Wait for the end of all processes that work here; those of a killed driver linger."""
        wait_until(lambda: not any(_works_in(pid, self.folder) for pid in _processes()))


def ended(process: "subprocess.Popen[str]") -> Ended:
    """Wait for the end of a command."""
    out, err = process.communicate(timeout=PATIENCE_S)
    return Ended(process.returncode, out, err)


def contents(folder: Path) -> dict[str, tuple[int, str]]:
    """Return modification time and hash of every file of a tree."""
    return {
        os.fsdecode(os.fsencode(path.relative_to(folder))): (
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def descendants(pid: int, words: str) -> list[int]:
    """Return the children of a process, and theirs, in whose command line ``words`` stand."""
    parents = {child: _parent(child) for child in _processes()}

    def is_below(child: int | None) -> bool:
        while child is not None:
            child = parents.get(child)
            if child == pid:
                return True
        return False

    return [child for child in parents if is_below(child) and words in _title(child)]


def running(words: str) -> list[int]:
    """Return the processes in whose command line ``words`` stand."""
    return [pid for pid in _processes() if words in _title(pid)]


def kill(pid: int) -> None:
    """Kill a process, if it still runs."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def can_mount() -> bool:
    """Return whether this process may mount file systems."""
    return os.geteuid() == 0 and shutil.which("unshare") is not None and _mounts_work()


@contextlib.contextmanager
def small_disk(folder: Path, n_bytes: int) -> Iterator[bool]:
    """Make ``folder`` a disk of ``n_bytes`` for the length of the block, if that is allowed.

    Yields whether it is. Where it is not, no file that this process or its children write may get
    longer than a third of that: also a real error in the midst of writing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if can_mount():
        command = ["mount", "-t", "tmpfs", "-o", f"size={n_bytes}", "tmpfs", os.fspath(folder)]
        subprocess.run(command, check=True)
        try:
            yield True
        finally:
            unmount(folder)
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes // 3, hard))
    try:
        yield False
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let nobody write to a folder for the length of the block."""
    if os.geteuid():
        folder.chmod(0o555)
        try:
            yield
        finally:
            folder.chmod(0o755)
        return
    for command in (("--bind", folder), ("-o", "remount,bind,ro")):
        subprocess.run(["mount", *command, folder], check=True)
    try:
        yield
    finally:
        unmount(folder)


def unmount(folder: Path) -> None:
    """Take a disk away again, if there is one."""
    command = ["umount", "--lazy", os.fspath(folder)]
    subprocess.run(command, capture_output=True, check=False)


def _mounts_work() -> bool:
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")]


def _parent(pid: int) -> int | None:
    with contextlib.suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return None


def _title(pid: int) -> str:
    with contextlib.suppress(OSError):
        return (
            Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        )
    return ""


def _works_in(pid: int, folder: Path) -> bool:
    try:
        if Path(f"/proc/{pid}/cwd").readlink() != folder:
            return False
    except OSError:  # it has just ended, or it is another user's
        return False
    # Two helpers of Ray notice the death of their raylet only after minutes; they do nothing.
    return "Agent" not in _title(pid).split(" ")[0]

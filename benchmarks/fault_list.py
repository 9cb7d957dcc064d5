"""The faults that `faults.py` causes: each runs ``libsep run`` once, and goes at it meanwhile."""

import contextlib
import dataclasses
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from libsep.ledger import FOLDER
from libsep.media.ffmpeg import find_ffmpeg
from tests.faults import causes
from tests.faults.causes import Order, Place, ended, write_faulty_ffmpeg
from tests.processes import COMMAND

PATIENCE_S = 60.0
"""How long a fault waits for its moment; a run that is over by then was not hit."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scene:
    """One run that a fault is caused in.

    ``usual_s`` is how long a run takes in which nothing goes wrong. ``touched`` are files of the
    library that the fault itself changed or deleted.
    """

    place: Place
    chance: random.Random
    usual_s: float
    touched: set[str] = dataclasses.field(default_factory=set)

    def pick_track(self) -> Path:
        """Return one of the tracks."""
        tracks = (path for path in self.place.library.rglob("*") if path.suffix != ".txt")
        return self.chance.choice(sorted(path for path in tracks if path.is_file()))

    def wait_a_while(self) -> None:
        """Wait for a random part of a run."""
        time.sleep(self.chance.uniform(0, self.usual_s))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fault:
    """What goes wrong, and how it is caused; ``options`` are those of the second run.

    ``cause`` returns how many times the fault struck. ``needs_mount`` faults are left out where
    nothing may be mounted.
    """

    name: str
    cause: Callable[[Scene], int]
    options: Sequence[str] = ()
    needs_mount: bool = False


def kill_driver(scene: Scene) -> int:
    running = scene.place.start()
    scene.wait_a_while()
    was_running = running.poll() is None
    running.kill()
    running.communicate()
    return int(was_running)


def signal_process(words: str, number: signal.Signals) -> Callable[[Scene], int]:
    """Return a fault that sends a signal to a random process of the run, at a random moment."""

    def cause(scene: Scene) -> int:
        running = scene.place.start()
        struck = _strike(scene, running, words, number)
        ended(running)
        return struck

    return cause


def _strike(
    scene: Scene, running: "subprocess.Popen[str]", words: str, number: signal.Signals
) -> int:
    deadline = time.monotonic() + PATIENCE_S
    delay_s = scene.chance.uniform(0, scene.usual_s / 3)
    while running.poll() is None and time.monotonic() < deadline:
        if found := causes.descendants(running.pid, words):
            time.sleep(delay_s)
            delay_s = 0.0
            with contextlib.suppress(ProcessLookupError):
                os.kill(scene.chance.choice(found), number)
                return 1
        time.sleep(0.01)
    return 0


def stop_ffmpeg(scene: Scene) -> int:
    with scene.place.config.open("a", encoding="utf-8") as file:
        file.write("decode: {stall_timeout_s: 10}\n")
    return signal_process(find_ffmpeg().name, signal.SIGSTOP)(scene)


def write_short(scene: Scene) -> int:
    track = scene.pick_track()
    n_bytes = scene.chance.randrange(100_000, 4_000_000)
    order = Order(do="short", words=("pipe:0", f".{track.stem}.stem.mp4"), n_bytes=n_bytes)
    return int(scene.place.run(ffmpeg=_ordered(scene, order)).code == 1)


def crash_track(scene: Scene) -> int:
    order = Order(do="crash", words=("-f data", scene.pick_track().name))
    return 3 * int(scene.place.run(ffmpeg=_ordered(scene, order)).code == 1)


def _ordered(scene: Scene, order: Order) -> Path:
    return write_faulty_ffmpeg(scene.place.folder / "bin", [order])


def fill_output_disk(scene: Scene) -> int:
    size = scene.chance.randrange(100_000, 3_000_000)
    _mount(scene.place.stems, f"size={size}")
    code = scene.place.run().code
    _remount(scene.place.stems, "size=1g")
    return int(code != 0)


def fill_scratch_disk(scene: Scene) -> int:
    """Give the run a small ``/tmp`` and ``/dev/shm`` of its own, at which Ray keeps its files."""
    size = scene.chance.randrange(200_000, 6_000_000)
    mounts = f"mount -t tmpfs -o size={size} tmpfs /tmp && mount -t tmpfs -o size=1m tmpfs /dev/shm"
    shell = ("unshare", "--mount", "sh", "-c", f'{mounts} && exec "$@"', "sh")
    return int(scene.place.run(command=(*shell, *COMMAND)).code != 0)


def make_output_read_only(scene: Scene) -> int:
    _mount(scene.place.stems, "size=1g")
    _remount(scene.place.stems, "ro")
    code = scene.place.run().code
    _remount(scene.place.stems, "rw")
    return int(code != 0)


def _mount(folder: Path, options: str) -> None:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", os.fspath(folder)]
    subprocess.run(command, check=True)


def _remount(folder: Path, option: str) -> None:
    command = ["mount", "-o", f"remount,{option}", os.fspath(folder)]
    subprocess.run(command, check=True, capture_output=True)


def change_file(scene: Scene) -> int:
    running = scene.place.start()
    scene.wait_a_while()
    track = scene.pick_track()
    with track.open("ab") as file:
        file.write(bytes(100))
    scene.touched.add(os.fspath(track.relative_to(scene.place.library)))
    ended(running)
    return 1


def delete_file(scene: Scene) -> int:
    running = scene.place.start()
    scene.wait_a_while()
    track = scene.pick_track()
    track.unlink()
    scene.touched.add(os.fspath(track.relative_to(scene.place.library)))
    ended(running)
    return 1


def start_two_runs(scene: Scene) -> int:
    running = [scene.place.start()]
    time.sleep(scene.chance.uniform(0, 1))
    running.append(scene.place.start())
    codes = [ended(each).code for each in running]
    if sorted(codes) not in ([0, 0], [0, 2]):
        raise AssertionError(f"two runs at once ended with {codes}")
    return 1


def let_clock_jump(scene: Scene) -> int:
    """Set the driver's clock by up to ten years, forth or back, each time it looks at it."""
    jumps = (
        "import random, time; chance = random.Random(%d); now = time.time;"
        " time.time = lambda: now() + chance.uniform(-3e8, 3e8)"
    )
    code = f"{jumps % scene.chance.randrange(10**6)}; {COMMAND[2]}"
    scene.place.run(command=(*COMMAND[:2], code))
    return 1


def lose_ledger(scene: Scene) -> int:
    """Kill the driver, and then half of what it had written to its journal is gone."""
    kill_driver(scene)
    scene.place.wait_until_idle()
    for journal in (scene.place.stems / FOLDER).glob("journal/*.jsonl"):
        os.truncate(journal, journal.stat().st_size // 2)
    return 1


FFMPEG = find_ffmpeg().name

FAULTS = (
    Fault(name="driver killed, at a random point of the run", cause=kill_driver),
    Fault(
        name="driver killed, and its journal torn in the middle",
        cause=lose_ledger,
    ),
    Fault(
        name="track task killed",
        cause=signal_process("ray::process_attempt", signal.SIGKILL),
    ),
    Fault(
        name="separator killed",
        cause=signal_process("ray::SeparatorActor", signal.SIGKILL),
    ),
    Fault(name="raylet killed", cause=signal_process("/raylet/raylet ", signal.SIGKILL)),
    Fault(name="ffmpeg killed", cause=signal_process(FFMPEG, signal.SIGKILL)),
    Fault(name="ffmpeg hangs (stopped)", cause=stop_ffmpeg),
    Fault(name="ffmpeg writes short, and says all is well", cause=write_short),
    Fault(
        name="track that kills its process each time",
        cause=crash_track,
        options=("--retry-failed",),
    ),
    Fault(name="output disk full", cause=fill_output_disk, needs_mount=True),
    Fault(name="scratch disk full (`/tmp`, `/dev/shm`)", cause=fill_scratch_disk, needs_mount=True),
    Fault(name="output read-only", cause=make_output_read_only, needs_mount=True),
    Fault(name="file changes while it is converted", cause=change_file),
    Fault(name="file vanishes while it is converted", cause=delete_file),
    Fault(name="two runs started at once", cause=start_two_runs),
    Fault(name="clock jumps by years", cause=let_clock_jump),
)
"""All faults, in the order of the table."""

__all__ = ["FAULTS", "Fault", "Scene"]

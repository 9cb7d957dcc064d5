"""Memory of a run on this machine, process by process: driver, Ray, separators, track tasks.

    python benchmarks/workers.py                       # four tracks of four minutes, model generic
    python benchmarks/workers.py --model fast --config FILE

Runs ``libsep run`` on real music and looks four times a second at every process of it (Linux). A
page that several processes share counts for each of them in part (proportional set size), so the
sum is what the run takes of the machine.
"""

import argparse
import collections
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from material import write_wave
from memory import family, proportional_bytes
from run import COMMAND

KINDS = {
    "gcs_server": "Ray: global control store",
    "raylet/raylet": "Ray: raylet, with the object store",
    "ray::SeparatorActor": "separator",
    "ray::EarActor": "listener",
    "ray::process_attempt": "track task",
    "ray::IDLE": "track task",
    "default_worker.py": "track task",
    "ffmpeg": "ffmpeg",
    "_private": "Ray: agents and monitors",
    "agent": "Ray: agents and monitors",
    "Agent": "Ray: agents and monitors",
}
"""What a process is, by the first of these texts that is in its command."""


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tracks", type=int, default=4)
    parser.add_argument("--minutes", type=int, default=4)
    parser.add_argument("--model", default="generic")
    parser.add_argument("--config", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        music = Path(folder) / "music"
        music.mkdir()
        first = write_wave(music / "track-0.wav", 60.0 * arguments.minutes)
        for index in range(1, arguments.tracks):
            shutil.copy(first, music / f"track-{index}.wav")
        options = ["--model", arguments.model]
        options += ["--config", str(arguments.config)] if arguments.config else []
        at_peak, most = watched([*COMMAND, str(music), f"{folder}/stems", *options])
    print("| process | number | most of one, MB | all when the sum was highest, MB |")
    print("| --- | ---: | ---: | ---: |")
    for kind in sorted(at_peak, key=lambda kind: -sum(at_peak[kind])):
        sizes = at_peak[kind]
        print(f"| {kind} | {len(sizes)} | {most[kind]:.0f} | {sum(sizes):.0f} |")
    print(f"| together | | | {sum(map(sum, at_peak.values())):.0f} |")


def watched(command: list[str]) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Run a command; return its processes when they took most, and the most of each kind, in MB."""
    at_peak: dict[str, list[float]] = {}
    most: dict[str, float] = collections.defaultdict(float)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            now: dict[str, list[float]] = collections.defaultdict(list)
            for pid in family(process.pid):
                kind = "driver" if pid == process.pid else kind_of(pid)
                if kind and (size_mb := proportional_bytes(pid) / 1e6):
                    now[kind].append(size_mb)
                    most[kind] = max(most[kind], size_mb)
            if sum(map(sum, now.values())) > sum(map(sum, at_peak.values())):
                at_peak = now
            time.sleep(0.25)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return at_peak, most


def kind_of(pid: int) -> str:
    """Return what a process is; empty if it has ended."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
    return next((kind for part, kind in KINDS.items() if part in command), command[:40])


if __name__ == "__main__":
    main()

"""How long commands take that do little, and which imports that is.

``python -m benchmarks.imports``

CPU seconds are told beside those of the clock: other programs and cold disks add to the latter.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.material import write_wave

RUN = "from libsep.cli.app import main; main()"
REPEATS = 5
N_LISTED = 8
_LINE = re.compile(r"import time:\s*(\d+) \|\s*(\d+) \|( *)(\S+)")


def measure(*arguments: str | Path) -> tuple[float, float]:
    """Return the least seconds by the clock, and of the CPU, of some calls of ``libsep``."""
    results = []
    for _ in range(REPEATS):
        start, before = time.perf_counter(), os.times()
        subprocess.run([sys.executable, "-c", RUN, *arguments], check=True, capture_output=True)
        after = os.times()
        cpu_s = after.children_user + after.children_system
        cpu_s -= before.children_user + before.children_system
        results.append((time.perf_counter() - start, cpu_s))
    return min(wall_s for wall_s, _ in results), min(cpu_s for _, cpu_s in results)


def packages(*arguments: str | Path) -> list[tuple[str, float]]:
    """Return the packages that a call imports, and the seconds of their own modules, most first."""
    command = [sys.executable, "-X", "importtime", "-c", RUN, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds: dict[str, float] = {}
    for own_us, _, _, module in _LINE.findall(done.stderr):
        name = module.partition(".")[0]
        seconds[name] = seconds.get(name, 0.0) + int(own_us) / 1e6
    return sorted(seconds.items(), key=lambda item: -item[1])[:N_LISTED]


def main() -> None:
    """Print a line for each command."""
    with tempfile.TemporaryDirectory() as scratch:
        music, stems = Path(scratch, "music"), Path(scratch, "stems")
        for folder in (music, stems):
            folder.mkdir()
        track = write_wave(music / "track.wav", 60.0)
        subprocess.run([sys.executable, "-c", RUN, "run", music, stems], check=True)
        calls: dict[str, tuple[str | Path, ...]] = {
            "libsep --help": ("--help",),
            "libsep run --help": ("run", "--help"),
            "libsep status": ("status", stems),
            "libsep models list": ("models", "list"),
            "libsep verify": ("verify", stems),
            "libsep convert, up to date": ("convert", track, "-o", stems),
        }
        print("| command | clock, s | CPU, s | imports |\n| --- | --- | --- | --- |")
        for name, arguments in calls.items():
            wall_s, cpu_s = measure(*arguments)
            listed = ", ".join(f"{each} {taken_s:.2f}" for each, taken_s in packages(*arguments))
            print(f"| `{name}` | {wall_s:.2f} | {cpu_s:.2f} | {listed} |", flush=True)


if __name__ == "__main__":
    main()

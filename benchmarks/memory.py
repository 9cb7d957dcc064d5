"""Peak memory of a conversion, for a short track and for a long one.

    python benchmarks/memory.py                       # 4 minutes and 2 hours, ALAC
    python benchmarks/memory.py --minutes 4 20 --codec aac
    python benchmarks/memory.py --music *.mp3         # the files one after the other, repeated

Runs ``libsep convert`` on real music and adds up the proportional set size of the process and its
ffmpeg five times a second (Linux).
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from material import write_mp3, write_wave

COMMAND = [sys.executable, "-c", "from libsep.cli.app import main; main()", "convert"]


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=int, nargs="+", default=[4, 120])
    parser.add_argument("--codec", default="alac")
    parser.add_argument("--model", default="generic")
    parser.add_argument("--music", type=Path, nargs="+", default=[])
    arguments = parser.parse_args()
    print("| length | peak memory | wall | stem file |")
    print("| ---: | ---: | ---: | ---: |")
    for minutes in arguments.minutes:
        with tempfile.TemporaryDirectory() as folder:
            source = write_music(Path(folder), minutes, arguments.music)
            goal = Path(folder) / "track.stem.mp4"
            start_s = time.perf_counter()
            options = ["--codec", arguments.codec, "--model", arguments.model]
            peak_bytes = peak_of([*COMMAND, str(source), "-o", str(goal), *options])
            wall_s = time.perf_counter() - start_s
            size_mb = goal.stat().st_size / 1e6
        row = f"| {minutes} min | {peak_bytes / 1e6:.0f} MB | {wall_s:.0f} s | {size_mb:.0f} MB |"
        print(row, flush=True)


def write_music(folder: Path, minutes: int, music: list[Path]) -> Path:
    """Write a track of some minutes: an MP3 of the music that is named, else a WAVE file."""
    if music:
        return write_mp3(folder / "track.mp3", 60.0 * minutes, music)
    return write_wave(folder / "track.wav", 60.0 * minutes)


def peak_of(command: list[str]) -> int:
    """Run a command and return the largest memory of it and its children at one time, in bytes."""
    peak = 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peak = max(peak, sum(proportional_bytes(pid) for pid in family(process.pid)))
            time.sleep(0.2)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return peak


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        threads = Path(f"/proc/{pid}/task").iterdir()
        children += [
            child
            for thread in threads
            if thread.name != str(pid)
            for child in (thread / "children").read_text().split()
        ]
    except OSError:
        return []
    return [pid, *(member for child in children for member in family(int(child)))]


def proportional_bytes(pid: int) -> int:
    """Return the proportional set size of a process; 0 if it has ended."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return 1024 * int(line.split()[1])
    except OSError:
        pass
    return 0


if __name__ == "__main__":
    main()

"""Cause every fault for real, again and again, and count what is lost: the table of the README.

    python -m benchmarks.faults                     # 20 × the driver, 5 × everything else
    python -m benchmarks.faults --times 1 --only ffmpeg disk

Makes a demo library, and for each fault converts it with ``libsep run`` while the fault strikes.
Then a second run does the rest, and an audit tells whether every track has one final row and a stem
file that verifies, whether anything is left over, whether what was finished is made twice, and
whether the inputs are what they were, byte for byte. Disks are made full or read-only by mounting
small ones, for which this must be root.
"""

import argparse
import dataclasses
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from benchmarks.fault_list import FAULTS, Fault, Scene
from libsep.ledger import FOLDER
from libsep.library.demo import make_demo_library
from libsep.media.ffmpeg import find_ffmpeg
from tests.faults.causes import Place, can_mount, contents, unmount

SECONDS = 4
N_TRACKS = 4


@dataclasses.dataclass(slots=True)
class Count:
    """What one fault did, over all its times."""

    times: int = 0
    struck: int = 0
    tracks: int = 0
    done: int = 0
    converted_second: int = 0
    problems: list[str] = dataclasses.field(default_factory=list)


def main() -> None:
    """Cause the faults and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=5, help="how often each fault is caused")
    parser.add_argument("--kills", type=int, default=20, help="how often the driver is killed")
    parser.add_argument("--only", nargs="*", default=[""], help="only faults with these words")
    parser.add_argument("--seed", type=int, default=20261120)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    # Not in /tmp, which one of the faults fills.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        template = make_library(Path(folder))
        usual_s = warm_up(template, Path(folder))
        print(f"{N_TRACKS} tracks of {SECONDS} s, a run takes {usual_s:.1f} s\n")
        print("| fault | times | tracks lost | the second run |")
        print("| --- | ---: | ---: | --- |", flush=True)
        n_problems = 0
        for fault in FAULTS:
            is_wanted = any(words in fault.name for words in arguments.only)
            if not is_wanted or (fault.needs_mount and not can_mount()):
                continue
            times = (
                arguments.kills if fault.name.startswith("driver killed, at") else arguments.times
            )
            count = Count()
            for _ in range(times):
                once(fault, template, chance, usual_s, count)
            print(row(fault, count), flush=True)
            for problem in count.problems:
                print(f"PROBLEM {fault.name}: {problem}", file=sys.stderr, flush=True)
            n_problems += len(count.problems)
    sys.exit(1 if n_problems else 0)


def make_library(folder: Path) -> Path:
    """Make a library of the first seconds of some demo songs, each in its own format."""
    whole, library = folder / "demo", folder / "library"
    tracks = make_demo_library(whole, ffmpeg=find_ffmpeg())[:N_TRACKS]
    for track in tracks:
        short = library / track.relative_to(whole)
        short.parent.mkdir(parents=True)
        cut = ["-v", "error", "-i", str(track), "-t", str(SECONDS), "-map", "0:a", str(short)]
        subprocess.run([find_ffmpeg(), *cut], check=True)
    return library


def warm_up(template: Path, folder: Path) -> float:
    """Return how long a run takes in which nothing goes wrong."""
    place = new_place(template, folder / "usual")
    start_s = time.monotonic()
    ended = place.run()
    if ended.code:
        raise SystemExit(f"even without a fault: {ended.err}")
    return time.monotonic() - start_s


def new_place(template: Path, folder: Path) -> Place:
    """Return a fresh copy of the library, and an output folder that does not exist yet."""
    folder.mkdir()
    shutil.copytree(template, folder / "music")
    values = {
        "separation": {"segment_s": 4.0, "overlap_s": 0.5},
        "run": {"separators": 1, "tracks_in_flight": 2, "min_free_bytes": 0},
    }
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(values), encoding="utf-8")
    return Place(folder=folder, library=folder / "music", stems=folder / "stems", config=config)


def once(fault: Fault, template: Path, chance: random.Random, usual_s: float, count: Count) -> None:
    """Cause a fault once, resume, and note what is not as it should be."""
    folder = Path(tempfile.mkdtemp(dir=template.parent))
    folder.rmdir()
    place = new_place(template, folder)
    scene = Scene(place=place, chance=chance, usual_s=usual_s)
    before = contents(place.library)
    try:
        count.struck += fault.cause(scene)
        place.wait_until_idle()
        finished = stem_files(place)
        second = place.run(*fault.options)
        if second.code:
            count.problems.append(f"second run: exit {second.code}: {second.err[-500:]}")
            return
        found = place.audit()
        count.problems += [
            f"{f.path}: {f.message}" for f in found.findings if f.severity == "error"
        ]
        now = stem_files(place)
        names = scene.touched
        remade = [n for n, s in finished.items() if now.get(n) != s and not names]
        count.problems += [f"{name}: made twice" for name in remade]
        after = contents(place.library)
        changed = [n for n in before if n not in names and after.get(n) != before[n]]
        count.problems += [f"{name}: the input changed" for name in changed]
        count.times += 1
        count.tracks += found.n_tracks
        count.done += found.n_done
        count.converted_second += second.json["n_converted"]
        if found.n_done != found.n_tracks:
            count.problems.append(f"only {found.n_done} of {found.n_tracks} tracks are done")
    finally:
        unmount(place.stems)
        shutil.rmtree(folder, ignore_errors=True)


def stem_files(place: Place) -> dict[str, tuple[int, str]]:
    """Return time and hash of the finished stem files."""
    found = contents(place.stems) if place.stems.exists() else {}
    return {n: s for n, s in found.items() if not n.startswith(FOLDER) and ".part-" not in n}


def row(fault: Fault, count: Count) -> str:
    """Return a row of the table."""
    lost = count.tracks - count.done
    rest = count.converted_second
    verdict = "" if not count.problems else f"; {len(count.problems)} PROBLEMS"
    second = f"{rest} of {count.tracks} tracks were left, and it did them{verdict}"
    return f"| {fault.name} | {count.times} (struck {count.struck}) | {lost} | {second} |"


if __name__ == "__main__":
    main()

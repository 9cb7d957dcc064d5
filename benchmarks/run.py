"""What a run costs beside its stages: wall × cores against the CPU seconds of the stages alone.

    python benchmarks/run.py                        # six tracks of four minutes, AAC
    python benchmarks/run.py --tracks 12 --codec alac

Measures the stages of one track (as `stages.py` does), then converts a small library of such tracks
with ``libsep run``, and compares. The machine has to be idle otherwise. Start-up is what passes
before the first track begins: Python, the scan, Ray, the models.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from material import write_wave
from stages import separate, write

from libsep.ledger import FOLDER, Ledger
from libsep.machine import n_cores
from libsep.media.ffmpeg import find_ffmpeg
from libsep.separation.cpu import tune_allocator, use_one_thread
from libsep.separation.registry import find_model
from libsep.separation.separator import Separator

COMMAND = [sys.executable, "-c", "from libsep.cli.app import main; main()", "run"]


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tracks", type=int, default=6)
    parser.add_argument("--minutes", type=int, default=4)
    parser.add_argument("--codec", choices=["aac", "alac"], default="aac")
    parser.add_argument("--model", default="generic")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        music, stems = Path(folder) / "music", Path(folder) / "stems"
        music.mkdir()
        first = write_wave(music / "track-0.wav", 60.0 * arguments.minutes)
        stages_s = sum_of_stages(first, arguments.model, arguments.codec)
        for leftover in music.glob("*.mp4"):
            leftover.unlink()
        for index in range(1, arguments.tracks):
            shutil.copy(first, music / f"track-{index}.wav")
        options = ["--codec", arguments.codec, "--model", arguments.model, "--json"]
        start = time.time()
        ended = subprocess.run(
            [*COMMAND, str(music), str(stems), *options], check=True, capture_output=True, text=True
        )
        wall_s = time.time() - start
        outcomes = list(Ledger(stems / FOLDER).rows())
        start_up_s = min(outcome.started_at for outcome in outcomes) - start
    audio_s = json.loads(ended.stdout)["audio_s"]
    cores = n_cores()
    needed_s = arguments.tracks * stages_s
    print(f"| {arguments.tracks} tracks of {arguments.minutes} min, {arguments.codec} | |")
    print("| --- | ---: |")
    print(f"| CPU seconds of the stages alone, all tracks | {needed_s:.1f} |")
    print(f"| wall | {wall_s:.1f} s, start-up {start_up_s:.1f} s |")
    print(f"| wall × {cores} cores | {wall_s * cores:.1f} s |")
    print(f"| wall × cores ÷ stages | {wall_s * cores / needed_s:.2f} |")
    print(f"| without start-up | {(wall_s - start_up_s) * cores / needed_s:.2f} |")
    print(f"| × real time | {audio_s / wall_s:.1f} |")


def sum_of_stages(source: Path, model: str, codec: str) -> float:
    """Return the CPU seconds that one track needs, stage by stage, with one thread."""
    tune_allocator()
    use_one_thread()
    ffmpeg = find_ffmpeg()
    before, stretches = separate(source, Separator(find_model(model)), ffmpeg)
    after = write(source, stretches, ffmpeg, codec=codec, coder="twoloop")
    return sum(before.values()) + sum(after.values())


if __name__ == "__main__":
    main()

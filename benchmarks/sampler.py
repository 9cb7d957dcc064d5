"""Speed of the sampler: seconds of music for each second of one core, by style.

``python benchmarks/sampler.py PACK [SAMPLES.yaml …] [--songs N] [--seconds S]``: renders songs of
every style from packs and lists of samples. Recordings are decoded before the clock starts; time
is that of the processor, so other work on the machine disturbs it by what it does to the caches.
"""

import argparse
import gc
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from libsep.datasets.audio_cache import AudioCache
from libsep.media.decode import SAMPLE_RATE
from libsep.separation.cpu import processor_name, tune_allocator, use_one_thread
from libsep.training.synthesis.clips import Collection
from libsep.training.synthesis.material import load_collection
from libsep.training.synthesis.song import render_song
from libsep.training.synthesis.styles import STYLES


def render(collection: Collection, style: str, n_songs: int, duration_s: float) -> float:
    """Return the seconds of the processor that some songs take, always the same ones."""
    started = time.process_time()
    for number in range(n_songs):
        render_song(collection, style, np.random.default_rng(number), duration_s, SAMPLE_RATE)
    return time.process_time() - started


def main() -> None:
    """Print a table of styles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("material", type=Path, nargs="+", help="packs and lists of samples")
    parser.add_argument("--songs", type=int, default=16, help="songs of each style")
    parser.add_argument("--seconds", type=float, default=24.0, help="length of a song")
    arguments = parser.parse_args()
    tune_allocator()
    use_one_thread()
    total_s = 0.0
    with tempfile.TemporaryDirectory() as folder:
        collection = load_collection(arguments.material, AudioCache(Path(folder), SAMPLE_RATE))
        gc.freeze()  # as the sampler's own process does
        lines = [f"{processor_name()}, one core, songs of {arguments.seconds:.0f} s", ""]
        lines += ["| style | ms per song | times real time |", "| --- | --- | --- |"]
        for style in STYLES:
            render(collection, style, arguments.songs, arguments.seconds)  # decodes
            taken_s = render(collection, style, arguments.songs, arguments.seconds)
            total_s += taken_s
            speed = arguments.songs * arguments.seconds / taken_s
            lines.append(f"| {style} | {1000 * taken_s / arguments.songs:.0f} | {speed:.0f} |")
    speed = len(STYLES) * arguments.songs * arguments.seconds / total_s
    lines.append(f"| all | {1000 * total_s / len(STYLES) / arguments.songs:.0f} | {speed:.0f} |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

"""Measure what it costs to hear the genre of a track: its windows decoded, and the network.

Usage: python benchmarks/listening.py [FILE ...]

Without files, it listens to four minutes of made music as MP3, FLAC, Ogg Vorbis and AAC.
"""

import sys
import tempfile
import time
from pathlib import Path

import ffmpeg as graphs
from material import cpu_seconds

from libsep.genre.classifier import load_classifier
from libsep.genre.windows import read_windows
from libsep.media.ffmpeg import find_ffmpeg
from libsep.media.probe import probe_audio
from libsep.separation.cpu import processor_name, use_one_thread

N_TIMES = 5
FORMATS = ("mp3", "flac", "ogg", "m4a")


def make_files(folder: Path) -> list[Path]:
    """Return four minutes of a chord in noise, in each format."""
    source = "aevalsrc='0.2*sin(440*PI*t)+0.2*sin(660*PI*t)+0.1*random(0)':d=240:s=44100"
    files = [folder / f"track.{ending}" for ending in FORMATS]
    for file in files:
        graph = graphs.input(source, f="lavfi").output(str(file), ac=2, loglevel="error")
        graph.run(cmd=str(find_ffmpeg()))
    return files


def main() -> None:
    """Print a row for each file."""
    use_one_thread()
    ffmpeg, classifier = find_ffmpeg(), load_classifier("genre")
    print(processor_name())
    print("| file | decode, CPU s | network, CPU s | together |")
    print("|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as scratch:
        for file in [Path(name) for name in sys.argv[1:]] or make_files(Path(scratch)):
            duration_s = probe_audio(file, ffmpeg=ffmpeg).duration_s
            costs: list[tuple[float, float]] = []
            for _ in range(N_TIMES):
                start_s = cpu_seconds()
                windows = read_windows(
                    file, ffmpeg=ffmpeg, window=classifier.window, duration_s=duration_s
                )
                decoded_s = cpu_seconds()
                started_s = time.process_time()
                classifier.classify(windows)
                costs.append((decoded_s - start_s, time.process_time() - started_s))
            decode, network = (min(parts) for parts in zip(*costs, strict=True))
            print(f"| {file.name} | {decode:.2f} | {network:.2f} | {decode + network:.2f} |")


if __name__ == "__main__":
    main()

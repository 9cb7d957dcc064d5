"""What replacing drum transients does to real songs: onsets, sharpness, SDR, sum, CPU time.

``python benchmarks/drum_transients.py SONGS [--model NAME] [--hits NAME] [--sounds NAME]
[--cache FOLDER]``. SONGS is a folder or a YAML list of songs with stems, as for
``libsep evaluate``. Each is separated by the model as a conversion does it; then the drums are
measured as separated, and as replaced by the track's own sounds and by generated ones.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from libsep.config import Config
from libsep.datasets.audio_cache import AudioCache
from libsep.datasets.songs import find_songs, load_song
from libsep.evaluation.separate import separate_song
from libsep.media.decode import SAMPLE_RATE
from libsep.metrics import Reference, residual_db, usdr
from libsep.separation.cpu import tune_allocator, use_one_thread
from libsep.separation.grid import segment_grid
from libsep.separation.registry import find_model
from libsep.separation.separator import Separator
from libsep.transients.generated import DrumSounds
from libsep.transients.listener import HitListener
from libsep.transients.model import find_hit_model, find_sound_model
from libsep.transients.replacer import DRUMS, DrumReplacer

COLUMNS = ("SDR of drums, dB", "onset-LSD", "sharpness, dB", "null, dB")


def main() -> None:
    """Print a table: two rows for each song that has drums, before → after."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("songs", type=Path)
    parser.add_argument("--model", default="generic")
    parser.add_argument("--hits", default="drum-hits")
    parser.add_argument("--sounds", default="drum-sounds")
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"))
    options = parser.parse_args()
    tune_allocator()
    use_one_thread()
    model = find_model(options.model)
    separator = Separator(model, device="cpu")
    grid = segment_grid(Config().separation, model)
    listener = HitListener(find_hit_model(options.hits), SAMPLE_RATE)
    makers = {"own": None, "generated": DrumSounds(find_sound_model(options.sounds), SAMPLE_RATE)}
    print("| song | sounds | replaced | " + " | ".join(COLUMNS) + " | CPU s per minute |")
    print("| --- | --- | ---: |" + " ---: |" * (len(COLUMNS) + 1))
    for files in find_songs(options.songs):
        song = load_song(files, AudioCache(options.cache, SAMPLE_RATE))
        if "drums" not in song.sources:
            continue
        mixture, source = song.mixture(), song.source("drums")
        stems = separate_song(song, separator, grid)
        before = measures(mixture, stems, source)
        for mode, sounds in makers.items():
            replacer = DrumReplacer(listener, SAMPLE_RATE, sounds)
            start = time.process_time()
            blocks = [block for _, block in replacer.through([(mixture, stems)])]
            cpu_s = (time.process_time() - start) / (mixture.shape[1] / SAMPLE_RATE / 60)
            after = measures(mixture, np.concatenate(blocks, axis=-1), source)
            pairs = zip(before, after, strict=True)
            cells = " | ".join(f"{one:.3f} → {other:.3f}" for one, other in pairs)
            replaced = f"{mode} | {replacer.n_replaced}"
            print(f"| {song.name} | {replaced} | {cells} | {cpu_s:.2f} |", flush=True)


def measures(
    mixture: np.ndarray, stems: np.ndarray, source: np.ndarray
) -> tuple[float, float, float, float]:
    """Return what `COLUMNS` says of the drums of a song."""
    estimate = torch.from_numpy(stems[DRUMS])
    true = Reference(torch.from_numpy(source), SAMPLE_RATE)
    return (
        usdr(source, stems[DRUMS]),
        true.onset_lsd(estimate),
        true.sharpness_db(estimate),
        residual_db(mixture, stems),
    )


if __name__ == "__main__":
    main()

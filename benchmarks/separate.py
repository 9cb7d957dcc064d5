"""Measure how fast one core separates, by size of the network, precision and allocator.

Each line is a process of its own with one thread and random weights: transform, network, masks and
inverse transform of stereo segments, best of several. Times are CPU seconds of the thread, so that
a busy machine disturbs them little.

Usage: python benchmarks/separate.py [SIZE...]    (XS, S, M, L; default: S M)
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from libsep.nets.band_split_unet import SIZES, BandSplitUNet
from libsep.separation.cpu import (
    has_native_bfloat16,
    processor_name,
    tune_allocator,
    use_one_thread,
)
from libsep.separation.registry import ModelInfo
from libsep.separation.separator import Separator
from libsep.separation.weights import save_model
from libsep.track import TARGETS

SAMPLE_RATE = 44100
SEGMENT_S = 12.0
N_SEGMENTS = 10


def measure(size: str, precision: str, *, tuned: bool) -> dict[str, Any]:
    """Return million parameters and × real time of a network in this process."""
    if tuned and not tune_allocator():
        raise SystemExit("this C library cannot be tuned")
    use_one_thread()
    torch.manual_seed(0)
    network = BandSplitUNet(**SIZES[size])
    info = ModelInfo(
        name=size.lower(),
        architecture="band_split_unet",
        arguments=SIZES[size],
        targets=TARGETS,
        sample_rate=SAMPLE_RATE,
        licence="MIT",
    )
    with tempfile.TemporaryDirectory() as folder:
        model = save_model(Path(folder), info, network)
        separator = Separator(model, device="cpu", precision=precision)
    shape = (1, 2, round(SEGMENT_S * SAMPLE_RATE))
    segment = np.random.default_rng(0).normal(scale=0.1, size=shape).astype(np.float32)
    separator.separate(segment)  # the first call sets up what later ones find
    times_s = []
    for _ in range(N_SEGMENTS):
        start_s = time.thread_time()
        separator.separate(segment)
        times_s.append(time.thread_time() - start_s)
    n_parameters = sum(weight.numel() for weight in network.parameters())
    return {"parameters": n_parameters / 1e6, "speed": SEGMENT_S / min(times_s)}


def yardstick() -> float:
    """Return 10⁹ multiply-adds per second of a float32 matrix product on one core."""
    use_one_thread()
    matrix = torch.ones(1024, 1024)
    times_s = []
    for _ in range(20):
        start_s = time.thread_time()
        torch.mm(matrix, matrix)
        times_s.append(time.thread_time() - start_s)
    return 1024**3 / min(times_s) / 1e9


def run(size: str, precision: str, *, tuned: bool) -> dict[str, Any]:
    """Return what `measure` finds in a fresh process."""
    request = json.dumps([size, precision, tuned])
    command = [sys.executable, __file__, "--measure", request]
    found: dict[str, Any] = json.loads(subprocess.check_output(command))
    return found


def main() -> None:
    """Print a table in Markdown."""
    if sys.argv[1:2] == ["--measure"]:
        size, precision, tuned = json.loads(sys.argv[2])
        print(json.dumps(measure(size, precision, tuned=tuned)))
        return
    precisions = ["float32", "bfloat16"] if has_native_bfloat16() else ["float32"]
    print(f"{processor_name()}, torch {torch.__version__}, segments of {SEGMENT_S:g} s;")
    print(f"a float32 matrix product runs at {yardstick():.0f} GMAC/s per core here\n")
    print("| network | parameters | precision | allocator | × real time per core |")
    print("|---|---|---|---|---|")
    for size in sys.argv[1:] or ["S", "M"]:
        for precision in precisions:
            for tuned in (False, True):
                found = run(size, precision, tuned=tuned)
                allocator = "tuned" if tuned else "default"
                print(
                    f"| {size} | {found['parameters']:.2f} M | {precision} | {allocator} "
                    f"| {found['speed']:.1f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()

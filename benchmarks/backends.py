"""Measure what public networks cost on one core, beside the model that comes with libsep.

Each line is a process of its own with one thread and random weights: one segment of stereo noise
through `Separator`, best of several. Times are CPU seconds of the thread, so that a busy machine
disturbs them little; memory is the process's peak.

Usage: python benchmarks/backends.py [NAME...]    (default: ours and all of the catalogue)
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from libsep.separation.architectures import build_network
from libsep.separation.catalogue import read_catalogue
from libsep.separation.cpu import (
    has_native_bfloat16,
    processor_name,
    tune_allocator,
    use_one_thread,
)
from libsep.separation.model import ModelInfo
from libsep.separation.registry import Model, find_model, networks_of
from libsep.separation.separator import Separator
from libsep.separation.weights import save_model

SEGMENT_S = 12.0
N_CALLS = 3


def measure(name: str, precision: str) -> dict[str, Any]:
    """Return CPU seconds per second of audio, parameters and memory, in this process."""
    tune_allocator()
    use_one_thread()
    torch.manual_seed(0)
    entries: dict[str, ModelInfo] = {entry.name: entry.info() for entry in read_catalogue()}
    info = entries.get(name) or find_model(name)
    if isinstance(info, Model):
        separator = Separator(info, device="cpu", precision=precision)
        n_parameters = sum(_n_parameters(part) for part in networks_of(info))
    else:
        with tempfile.TemporaryDirectory() as folder:
            model = save_model(Path(folder), info, build_network(info))
            separator = Separator(model, device="cpu", precision=precision)
        n_parameters = _n_parameters(info)
    segment_s = info.segment_s or SEGMENT_S
    shape = (1, 2, round(segment_s * info.sample_rate))
    segment = np.random.default_rng(0).normal(scale=0.1, size=shape).astype(np.float32)
    times_s = []
    for _ in range(N_CALLS + 1):  # the first call sets up what later ones find
        start_s = time.thread_time()
        separator.separate(segment)
        times_s.append(time.thread_time() - start_s)
    peak_bytes = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "parameters": n_parameters,
        "cpu_s": min(times_s[1:]) / segment_s,
        "peak_bytes": peak_bytes,
    }


def run(name: str, precision: str) -> dict[str, Any]:
    """Return what `measure` finds in a fresh process."""
    command = [sys.executable, __file__, "--measure", name, precision]
    found: dict[str, Any] = json.loads(subprocess.check_output(command))
    return found


def _n_parameters(info: ModelInfo) -> int:
    with torch.device("meta"):
        return sum(weight.numel() for weight in build_network(info).parameters())


def main() -> None:
    """Print a table in Markdown."""
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(*sys.argv[2:4])))
        return
    names = sys.argv[1:] or [
        "small",
        "vocals",
        "generic",
        *(entry.name for entry in read_catalogue()),
    ]
    precisions = ["float32", "bfloat16"] if has_native_bfloat16() else ["float32"]
    print(f"{processor_name()}, torch {torch.__version__}, one thread, one segment at a time\n")
    print("| model | parameters | precision | × real time | CPU time, small = 1 | memory |")
    print("|---|---:|---|---:|---:|---:|")
    base = {precision: run("small", precision)["cpu_s"] for precision in precisions}
    for name in names:
        for precision in precisions:
            found = run(name, precision)
            print(
                f"| {name} | {found['parameters'] / 1e6:.1f} M | {precision} "
                f"| {1 / found['cpu_s']:.1f} | {found['cpu_s'] / base[precision]:.1f} "
                f"| {found['peak_bytes'] / 1e9:.1f} GB |",
                flush=True,
            )


if __name__ == "__main__":
    main()

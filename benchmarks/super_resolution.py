"""How fast a missing band is restored: CPU seconds of one thread, network and transforms.

Run it on an idle machine: ``python benchmarks/super_resolution.py [MODEL] [--data FOLDER]``. With
recordings the first minute of each is taken, without them noise; what is in them does not matter
to the speed.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from libsep.evaluation.restoration_run import find_recordings
from libsep.media.decode import SAMPLE_RATE, decode_file
from libsep.restoration.model import find_restoration_model
from libsep.restoration.super_resolver import PRECISIONS, SuperResolver
from libsep.restoration.weights import load_network
from libsep.separation.cpu import has_native_bfloat16, tune_allocator, use_one_thread

SEGMENT_S = 12.0
MAX_S = 60.0
CUTOFF_HZ = 11_000.0
REPEATS = 3


def main() -> None:
    """Print a table: CPU seconds per minute of stereo, and times real time per core."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="super_resolution")
    parser.add_argument("--data", type=Path, help="recordings; without them noise")
    options = parser.parse_args()
    tune_allocator()
    use_one_thread()
    model = find_restoration_model(options.model)
    network = load_network(model)
    n_parameters = sum(parameter.numel() for parameter in network.parameters())
    print(f"{model.name}: {n_parameters / 1e6:.2f} M parameters, {gmac(model):.2f} GMAC/s, stereo")
    print("| precision | CPU s per minute of one stem | × real time per core | of four stems |")
    print("| --- | ---: | ---: | ---: |")
    segments = read_segments(options.data)
    for precision in PRECISIONS:
        if precision == "bfloat16" and not has_native_bfloat16():
            continue
        resolver = SuperResolver(model, device="cpu", precision=precision)
        resolver.restore(segments[:1], CUTOFF_HZ)
        cpu_s = min(measure(resolver, segments) for _ in range(REPEATS))
        speed = len(segments) * SEGMENT_S / cpu_s
        print(f"| {precision} | {60 / speed:.2f} | {speed:.0f} | {speed / 4:.0f} |")


def measure(resolver: SuperResolver, segments: np.ndarray) -> float:
    """Return the CPU seconds that all segments take, one by one."""
    started = time.process_time()
    for segment in segments:
        resolver.restore(segment[None], CUTOFF_HZ)
    return time.process_time() - started


def read_segments(data: Path | None) -> np.ndarray:
    """Return segments ``(B, 1, 2, T)`` of recordings, or of noise."""
    length = int(SEGMENT_S * SAMPLE_RATE)
    if data is None:
        noise = np.random.default_rng(0).normal(0, 0.1, (3, 1, 2, length))
        return noise.astype(np.float32)
    n_samples = int(MAX_S * SAMPLE_RATE)
    parts = [
        samples[:, start : start + length]
        for recording in find_recordings([data])
        for samples in [decode_file(recording.path)[:, :n_samples]]
        for start in range(0, samples.shape[1] - length + 1, length)
    ]
    return np.stack(parts)[:, None]


def gmac(model: object) -> float:
    """Return the multiplications of the network's layers for a second of stereo, in 10⁹."""
    network = load_network(model)
    total = 0

    def count(module: torch.nn.Module, inputs: object, output: torch.Tensor) -> None:
        nonlocal total
        if isinstance(module, torch.nn.Conv1d):
            total += output.numel() * module.in_channels // module.groups * module.kernel_size[0]
        elif isinstance(module, torch.nn.Linear):
            total += output.numel() * module.in_features

    for module in network.modules():
        module.register_forward_hook(count)
    n_bins, n_frames = network.n_fft // 2 + 1, round(SAMPLE_RATE / network.hop_length)
    spectrum = torch.randn(2, n_bins, n_frames, dtype=torch.complex64)
    network(spectrum, torch.full((2,), n_bins // 2))
    return total / 1e9


if __name__ == "__main__":
    main()

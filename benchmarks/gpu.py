"""Everything that is to be known of a GPU, in one command: its tests, and how fast it is.

``python -m benchmarks.gpu [MODEL...] [--device cuda|cpu] [--batches 1,4,16,64] [--seconds 11.8]
[--data FOLDER]``

First the tests that need a GPU run (``pytest -m gpu``). Then each model separates batches of noise
through `Separator`, in each precision that the device has: × real time with the way to the device
and back, and of the networks alone, and the most memory. Then networks of sizes S and M are trained
on mixtures of noise: steps per second, and × real time. With ``--data`` the whole of ``libsep run``
over a folder is timed at last. ``--device cpu`` runs the same on one core.
"""

import argparse
import contextlib
import functools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch

from libsep.errors import ConfigError
from libsep.nets.band_split_unet import SIZES, BandSplitUNet
from libsep.separation.cpu import processor_name, tune_allocator, use_one_thread
from libsep.separation.registry import find_model
from libsep.separation.separator import Separator
from libsep.units import format_bytes

SAMPLE_RATE = 44100
N_CALLS = 5
TRAINED_S = 3.0
"""Length of an example of the training."""

DeviceName = Literal["cpu", "cuda"]
PRECISIONS: tuple[Literal["float32", "bfloat16"], ...] = ("float32", "bfloat16")


class Speed(NamedTuple):
    """How fast batches are separated: × real time with the way back and forth, and without."""

    whole: float
    network: float
    memory_bytes: int


def main() -> int:
    """Print the tables; return 1 if a test failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="*", default=["generic", "fast", "accompaniment"])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--batches", default="1,4,16,64")
    parser.add_argument("--seconds", type=float, default=11.8, help="length of a segment")
    parser.add_argument("--data", type=Path, help="folder of music for a whole run")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("no GPU: torch finds none (--device cpu runs the same on one core)")
    tune_allocator()
    use_one_thread()
    print(f"{device_name(options.device)}, torch {torch.__version__}\n")
    is_good = options.device == "cpu" or run_tests()
    batches = [int(text) for text in options.batches.split(",")]
    for row in separation_rows(options.models, options.device, batches, options.seconds):
        print(row, flush=True)
    for row in training_rows(options.device, batches):
        print(row, flush=True)
    if options.data is not None:
        is_good &= timed_run(options.data, options.device)
    return 0 if is_good else 1


def device_name(device: DeviceName) -> str:
    """Return what it is called, with its memory."""
    if device == "cpu":
        return f"{processor_name()}, one thread"
    properties = torch.cuda.get_device_properties(0)
    return f"{properties.name}, {format_bytes(properties.total_memory)}"


def run_tests() -> bool:
    """Run the tests that need a GPU; return whether all passed and at least one ran."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-r", "fEs"]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, check=False, cwd=root, stdout=subprocess.PIPE, text=True)
    print(done.stdout, flush=True)
    return done.returncode == 0 and " passed" in done.stdout


def separation_rows(
    names: Sequence[str], device: DeviceName, batches: Sequence[int], seconds: float
) -> Iterator[str]:
    """Yield a row for each model, precision and batch; what the device cannot do is named."""
    yield "| model | precision | segments at once | × real time | network alone | memory |"
    yield "| --- | --- | ---: | ---: | ---: | ---: |"
    for name in names:
        model = find_model(name)
        for precision in PRECISIONS:
            try:
                separator = Separator(model, device=device, precision=precision)
            except ConfigError as exc:
                yield f"| {name} | {precision} | - | {exc} | | |"
                continue
            for n_segments in batches:
                row = f"| {name} | {precision} | {n_segments}"
                try:
                    speed = separation_speed(separator, n_segments, seconds)
                except torch.OutOfMemoryError:
                    yield f"{row} | out of memory | | |"
                    continue
                memory = format_bytes(speed.memory_bytes) if speed.memory_bytes else "-"
                yield f"{row} | {speed.whole:.1f} | {speed.network:.1f} | {memory} |"
    yield ""


def separation_speed(separator: Separator, n_segments: int, seconds: float) -> Speed:
    """Return how fast one batch is separated, the best of some calls."""
    shape = n_segments, 2, int(seconds * separator.model.sample_rate)
    noise = np.random.default_rng(0).normal(scale=0.1, size=shape).astype(np.float32)
    if separator.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    whole_s = best_of(lambda: separator.separate(noise), separator.device)
    memory = torch.cuda.max_memory_allocated() if separator.device == "cuda" else 0
    mixture = torch.from_numpy(noise).to(separator.device)
    alone_s = sum(
        best_of(functools.partial(placed.estimate, mixture), separator.device)
        for placed in separator.networks
    )
    audio_s = n_segments * seconds
    return Speed(audio_s / whole_s, audio_s / alone_s, memory)


def best_of(call: Callable[[], object], device: str) -> float:
    """Return seconds of a call, the least of some; the first one sets up what later ones find."""
    times_s = []
    for _ in range(N_CALLS + 1):
        with waiting(device):
            start = time.perf_counter()
            call()
        times_s.append(time.perf_counter() - start)
    return min(times_s[1:])


@contextlib.contextmanager
def waiting(device: str) -> Iterator[None]:
    """Begin and end when the device has nothing to do."""
    if device == "cuda":
        torch.cuda.synchronize()
    yield
    if device == "cuda":
        torch.cuda.synchronize()


def training_rows(device: DeviceName, batches: Sequence[int]) -> Iterator[str]:
    """Yield steps per second of the sizes of our network, forwards, backwards and AdamW."""
    yield "| trained size | precision | examples of 3 s | steps per s | × real time |"
    yield "| --- | --- | ---: | ---: | ---: |"
    for size in ("S", "M"):
        for precision in PRECISIONS:
            for n_examples in batches:
                row = f"| {size} | {precision} | {n_examples}"
                is_bfloat16 = precision == "bfloat16"
                try:
                    step = training_step(size, device, n_examples, is_bfloat16=is_bfloat16)
                    step_s = best_of(step, device)
                except torch.OutOfMemoryError:
                    yield f"{row} | out of memory | |"
                    continue
                finally:
                    step = None
                    if device == "cuda":
                        torch.cuda.empty_cache()
                yield f"{row} | {1 / step_s:.2f} | {n_examples * TRAINED_S / step_s:.0f} |"
    yield ""


def training_step(
    size: str, device: DeviceName, n_examples: int, *, is_bfloat16: bool
) -> Callable[[], torch.Tensor]:
    """Return what changes a network by one step on the same noise, and gives the loss before."""
    torch.manual_seed(0)
    network = BandSplitUNet(**SIZES[size]).to(device)
    optimiser = torch.optim.AdamW(network.parameters())
    length = int(TRAINED_S * SAMPLE_RATE)
    sources = 0.1 * torch.randn(n_examples, len(network.targets), 2, length, device=device)

    def step() -> torch.Tensor:
        with torch.autocast(device, torch.bfloat16, enabled=is_bfloat16):
            estimates = network.separate(sources.sum(dim=1))
        loss = (estimates.float() - sources).abs().mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no annotation for it
        optimiser.step()
        return loss.detach()

    return step


def timed_run(music: Path, device: DeviceName) -> bool:
    """Print what ``libsep run`` says of a folder, with its time by the clock; return success."""
    with tempfile.TemporaryDirectory() as stems:
        command = [sys.executable, "-c", "from libsep.cli.app import main; main()", "run"]
        start = time.perf_counter()
        done = subprocess.run([*command, str(music), stems, "--device", device], check=False)
        wall_s = time.perf_counter() - start
    print(f"libsep run: {wall_s:.1f} s by the clock, exit {done.returncode}", flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())

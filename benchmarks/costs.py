"""Measure what the shipped separation models cost: × real time of one core, and beside `small`.

All models lie in one process and take their turn in each round, so that a busy machine slows all of
them; of each the median counts. Times are CPU seconds of the thread, for a segment as long as the
model wants it, less its overlap with the next one.

Usage: python -m benchmarks.costs [--rounds N] [MODEL...]    (default: all that came with libsep)
"""

import argparse
import statistics
import time

import numpy as np
import torch

from libsep.model_folder.description import models_folder
from libsep.separation.cpu import (
    has_native_bfloat16,
    processor_name,
    tune_allocator,
    use_one_thread,
)
from libsep.separation.registry import Model, find_model, list_models, networks_of
from libsep.separation.separator import Separator
from libsep.separation.weights import load_network

SEGMENT_S, OVERLAP_S = 11.8, 0.4
"""Of models that do not say what they want."""

UNIT = "small"
"""The model whose CPU time is 1, in float32, which all processors have."""


class Timed:
    """A model in one precision, and the CPU seconds that it took for a segment."""

    def __init__(self, model: Model, precision: str) -> None:
        self._separator = Separator(model, device="cpu", precision=precision)
        segment_s = model.segment_s or SEGMENT_S
        shape = (1, 2, round(segment_s * model.sample_rate))
        self._segment = np.random.default_rng(0).normal(scale=0.1, size=shape).astype(np.float32)
        self._new_s = segment_s - (model.overlap_s or OVERLAP_S)
        self._times_s: list[float] = []
        self._separator.separate(self._segment)  # the first call sets up what later ones find

    def run(self) -> None:
        """Take a turn."""
        start_s = time.thread_time()
        self._separator.separate(self._segment)
        self._times_s.append(time.thread_time() - start_s)

    @property
    def speed(self) -> float:
        """Seconds of music in a CPU second."""
        return self._new_s / statistics.median(self._times_s)


def n_parameters(model: Model) -> int:
    """Return how many numbers the networks of a model have."""
    networks = [load_network(part) for part in networks_of(model)]
    return sum(weight.numel() for network in networks for weight in network.parameters())


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    tune_allocator()
    use_one_thread()
    shipped = [model.name for model in list_models(models_folder())]
    models = [find_model(name) for name in dict.fromkeys([UNIT, *(options.models or shipped)])]
    precisions = ["float32", "bfloat16"] if has_native_bfloat16() else ["float32"]
    timed = {(model.name, name): Timed(model, name) for name in precisions for model in models}
    for _ in range(options.rounds):
        for each in timed.values():
            each.run()
    print(f"{processor_name()}, torch {torch.__version__}, one core, {options.rounds} rounds\n")
    print("| model | parameters |", " | ".join(precisions), f"| CPU time in float32, {UNIT} = 1 |")
    print("| --- | ---: |" + " ---: |" * (len(precisions) + 1))
    unit = timed[UNIT, precisions[0]].speed
    for model in models:
        speeds = [timed[model.name, precision].speed for precision in precisions]
        shown = " | ".join(f"{speed:.1f} ×" for speed in speeds)
        parameters = f"{n_parameters(model) / 1e6:.1f} M"
        print(f"| {model.name} | {parameters} | {shown} | {unit / speeds[0]:.1f} |")


if __name__ == "__main__":
    main()

"""Score models on songs and write the table of the published systems.

Every model goes through the same separator as in a conversion; SDR is that of whole songs, or of
the middle of each, in dB, as means over songs.
"""

import dataclasses
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from libsep.config import SeparationConfig
from libsep.datasets.audio_cache import AudioCache
from libsep.datasets.songs import Song
from libsep.datasets.sums import is_source, targets_of
from libsep.evaluation.baselines import IDEAL, QUARTER, RULES, baselines
from libsep.evaluation.scores import Scores, mean_by_target, score_song
from libsep.evaluation.separate import separate_song
from libsep.separation.grid import segment_grid
from libsep.separation.placed_network import Reconstruct
from libsep.separation.registry import Model, networks_of
from libsep.separation.separator import Separator
from libsep.separation.weights import load_network
from libsep.track import TARGETS
from libsep.training.material.inputs import load_validation

SAMPLE_RATE = 44100
COUNTED_S = 12.0
"""Multiplications are counted on so much noise."""


def open_songs(path: Path, cache: Path, cut_s: float) -> list[Song]:
    """Return songs, each cut to its middle."""
    songs = load_validation([path], AudioCache(cache, SAMPLE_RATE))
    length = int(cut_s * SAMPLE_RATE)
    cut = []
    for song in songs:
        start = max(song.n_samples - length, 0) // 2
        sources = {name: part[:, start : start + length] for name, part in song.sources.items()}
        cut.append(dataclasses.replace(song, sources=sources))
    return cut


def score_model(
    model: Model, songs: Sequence[Song], reconstruct: Reconstruct = None
) -> dict[str, Any]:
    """Return size, cost, speed and SDR by song of a model, on one thread of the CPU."""
    separator = Separator(model, device="cpu", reconstruct=reconstruct)
    grid = segment_grid(SeparationConfig(), model, sample_rate=SAMPLE_RATE)
    scores: Scores = {}
    spent_s = 0.0
    for song in songs:
        started = time.thread_time()
        stems = dict(zip(model.targets, separate_song(song, separator, grid), strict=True))
        spent_s += time.thread_time() - started
        known = {
            name: part
            for name, part in song.sources.items()
            if not is_source(name) or set(targets_of(name)) <= set(model.targets)
        }
        if scored := score_song(dataclasses.replace(song, sources=known), stems):
            scores[song.name] = scored
    networks = [load_network(part) for part in networks_of(model)]
    return {
        "parameters": sum(p.numel() for network in networks for p in network.parameters()),
        "gmac_per_s": sum(gmac_per_s(network) for network in networks),
        "times_real_time": sum(song.n_samples for song in songs) / SAMPLE_RATE / spent_s,
        "precision": separator.precision,
        "scores": scores,
    }


def score_baselines(songs: Sequence[Song]) -> dict[str, Scores]:
    """Return SDR by song of what needs no training."""
    found: dict[str, Scores] = {}
    grid = segment_grid(SeparationConfig(), sample_rate=SAMPLE_RATE)
    for song in songs:
        for name, separator in baselines(song, grid, SAMPLE_RATE).items():
            stems = separate_song(song, separator, grid)
            scored = score_song(song, dict(zip(TARGETS, stems, strict=True)))
            found.setdefault(name, {})[song.name] = scored
    return found


def gmac_per_s(network: Any) -> float:
    """Return the multiplications of products and convolutions for a second of stereo, in 10⁹."""
    torch.manual_seed(0)
    noise = 0.1 * torch.randn(1, 2, int(COUNTED_S * SAMPLE_RATE))
    of_lstm = {torch.ops.aten.mkldnn_rnn_layer: lstm_flops}
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=of_lstm) as counter:
        network.separate(noise)
    return counter.get_total_flops() / 2 / COUNTED_S / 1e9


def lstm_flops(
    x: Sequence[int], of_x: Sequence[int], of_h: Sequence[int], *_: Any, **__: Any
) -> int:
    """Return the operations of one direction of an LSTM, two for each multiplication."""
    return 2 * x[0] * x[1] * (of_x[0] * of_x[1] + of_h[0] * of_h[1])


def write_table(
    path: Path, systems: Mapping[str, Mapping[str, Any]], floors: Mapping[str, Scores], note: str
) -> None:
    """Write the table as Markdown: trained systems, shipped models, and what needs no training."""
    head = ["system", "parameters", "GMAC/s", "× real time", "CPU s", "steps", *TARGETS, "mean"]
    lines = [note, "", f"| {' | '.join(head)} |", "|---" + "|---:" * (len(head) - 1) + "|"]
    for name, facts in systems.items():
        figures = [
            f"{facts['parameters'] / 1e6:.2f} M",
            f"{facts['gmac_per_s']:.2f}",
            f"{facts['times_real_time']:.1f}",
            f"{facts['cpu_s']:.0f}" if "cpu_s" in facts else "",
            str(facts["n_steps"]) if "n_steps" in facts else "",
        ]
        lines.append(row(name, figures, facts["scores"]))
    names = {QUARTER: "a quarter of the mixture each", RULES: "rules (HPSS)", IDEAL: "ideal mask"}
    for name, scores in floors.items():
        lines.append(row(names[name], [""] * 5, scores))
    path.write_text("\n".join([*lines, "", *by_song(systems)]) + "\n")


def by_song(systems: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the table of those of SVSGAN as its report has it: mean SDR over targets, by song."""
    shown = [name for name in systems if name.startswith("SVSGAN") and "," not in name]
    songs = systems[shown[0]]["scores"] if shown else {}
    lines = [f"| song | {' | '.join(shown)} |", "|---" + "|---:" * len(shown) + "|"]
    for song in songs:
        means = [np.mean(list(systems[name]["scores"][song].values())) for name in shown]
        lines.append(f"| {song} | {' | '.join(f'{mean:.2f}' for mean in means)} |")
    return lines if shown else []


def row(name: str, figures: Sequence[str], scores: Scores) -> str:
    """Return a line of the table; the mean is that of all four targets, or there is none."""
    means = mean_by_target(scores)
    cells = [f"{means[target]:.2f}" if target in means else "" for target in TARGETS]
    mean = f"{means['mean']:.2f}" if all(target in means for target in TARGETS) else ""
    return f"| {' | '.join([name, *figures, *cells, mean])} |"


def read_scores(path: Path) -> dict[str, Any]:
    """Return what was found before; nothing if there is no such file."""
    found: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return found

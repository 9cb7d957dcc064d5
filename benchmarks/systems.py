"""Train the networks of published systems on equal terms, score them, and write one table.

Every system has the same material (songs, loops and songs that the sampler rendered), the same
seconds of CPU on one thread, and the same optimiser, with what its network allows: WaveNet learns
from renders alone, one short example at a time, NMF from larger batches, and the adversarial stages
at a lower rate. None is chosen on the songs that score it.
Short runs of small networks say what a system makes of little, not what it can become. What a
folder already holds is not made again, so a stopped run goes on.

Usage: python -m benchmarks.systems OUT --data PACK --validation SONGS --cpu-s 150 --cut-s 30
       (--only NAME/NAME trains these alone; --table writes the table of what is there)
"""

import argparse
import dataclasses
import json
import time
import wave
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.systems_score import (
    open_songs,
    read_scores,
    score_baselines,
    score_model,
    write_table,
)
from libsep.config import TrainingConfig, load
from libsep.model_folder.description import models_folder
from libsep.separation.cpu import tune_allocator, use_one_thread
from libsep.separation.registry import read_model
from libsep.track import TARGETS
from libsep.training.job import CHECKPOINT, Job
from libsep.training.local import train
from libsep.training.start import begin, open_stage
from libsep.training.synthesis.pool import RenderPlan
from libsep.training.weights.export import export_model

CONFIGS = Path(__file__).parents[1] / "configs" / "train"

N_RENDERS, RENDER_S = 48, 24.0
"""Songs that the sampler renders, once for all systems, and their length."""

SONG_S = 120
"""What is taken of a recorded song, in seconds."""

SAMPLE_RATE = 44100

N_PROBED = 4
"""Steps that are timed to know how many of them fit."""

TERMS: dict[str, Any] = {
    "workers": 1,
    "material": {
        "segment_s": 2.9,  # 128 frames of the U-Net's spectrogram
        "n_renders": 0,  # the rendered songs are songs here
        "coherent": 0.5,
        "weight_songs": 1.0,
        "weight_recordings": 0.5,
        "exclude_songs": [],
        "weights": {},
    },
    "optimiser": {
        "n_batch": 2,
        "n_warmup_steps": 10,
        "learning_rate": 1.0e-3,
        "ema_decay": 0.98,
    },
    "log_interval": 5,
    "checkpoint_interval_s": 1000,
}
"""What is the same for all: it replaces what the configuration of a system says."""

TRAINED = "trained.json"
"""What a training took: CPU time, steps, seconds of audio."""

SHIPPED = ("small", "fast", "vocals", "generic")
"""Models that come with libsep, trained for hours, and partly by others (see their cards)."""

OWN_PHASE = ("SVSGAN encoder-LSTM", "NMF")
"""Systems that are scored with phases of Griffin and Lim too."""

SONGS = ("Lithium", "Sodium", "Potassium", "Rubidium", "Caesium")
"""Recorded songs of the pack; the others are rendered."""


@dataclasses.dataclass(frozen=True)
class System:
    """One row of the table.

    ``config`` is a file in configs/train/; ``changes`` replace parts of it after `TERMS`. Of a
    system in two stages ``first`` is the configuration of the first, which takes half the time,
    and ``last`` replaces parts of the second.
    """

    name: str
    config: str
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    first: str | None = None
    last: Mapping[str, Any] = dataclasses.field(default_factory=dict)


ENCODER = {"network": {"arguments": {"is_recurrent": False}}}
FEW = {"frame_adversarial": {"n_warmup_steps": 10}, "optimiser": {"learning_rate": 3.0e-4}}
SYSTEMS = (
    System("band-split S", "size_s"),
    System("band-split S, HPSS", "size_s", {"network": {"arguments": {"hpss": True}}}),
    System("U-Net", "unet"),
    System("U-Net, HPSS", "unet", {"network": {"arguments": {"hpss": True}}}),
    System("U-Net, 8 kHz", "unet_8khz"),
    System("Wave-U-Net M4", "wave_unet", {"network": {"arguments": {"upsampling": "linear"}}}),
    System("Wave-U-Net M5", "wave_unet"),
    System("Demucs v1", "demucs"),
    System("SVSGAN encoder", "svsgan", ENCODER),
    System("SVSGAN encoder-LSTM", "svsgan"),
    System("SVSGAN encoder-GAN", "svsgan_adversarial", ENCODER, "svsgan", FEW),
    System("SVSGAN RNN-GAN", "svsgan_adversarial", {}, "svsgan", FEW),
    System("two encoders", "two_encoder"),
    System("NMF", "nmf", {"optimiser": {"n_batch": 32}}),
    System(
        "WaveNet, renders alone",
        "wavenet",
        {
            "network": {
                "arguments": {"n_stacks": 2, "n_features": 32, "n_skip": 32, "n_hidden": [64, 64]}
            },
            "material": {"segment_s": 1.5, "exclude_songs": list(SONGS), "weight_recordings": 0.0},
            "optimiser": {"n_batch": 1},
        },
    ),
)


def merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested mappings as one; the second's values win."""
    result = dict(first)
    for name, value in second.items():
        old = result.get(name)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        result[name] = merged(old, value) if both else value
    return result


def configuration(config: str, changes: Mapping[str, Any]) -> TrainingConfig:
    """Return what a system is trained with, but for the number of steps."""
    values = load(TrainingConfig, CONFIGS / f"{config}.yaml").model_dump(mode="json")
    return TrainingConfig.model_validate(merged(merged(values, TERMS), changes))


def folder_of(out: Path, system: System) -> Path:
    """Return where a system is kept."""
    return out / system.name.replace(",", "").replace(" ", "-").lower()


def gather(out: Path, pack: Path, cache: Path) -> None:
    """Write the material of all systems as plain files: songs, loops and rendered songs.

    So none of them reads the pack again, and the sampler takes no time from any training.
    """
    folder = out / "material"
    if folder.is_dir():
        return
    plan = RenderPlan(
        (pack,), cache, folder, N_RENDERS, RENDER_S, SAMPLE_RATE, seed=1, interval_s=0.0, styles={}
    )
    partial = out / "partial"
    collection = plan.collection()
    for song in collection.songs:
        for target, samples in song.sources.items():
            write(partial / song.name / f"{target}.wav", samples[:, : SONG_S * SAMPLE_RATE])
    for target, clips in collection.loops.items():
        for number, clip in enumerate(clips):
            write(partial / "loops" / target / f"loop-{number:03}.wav", clip.samples)
    for number in range(N_RENDERS):
        for target, source in zip(TARGETS, plan.render(collection, number), strict=True):
            write(partial / f"render-{number:02}" / f"{target}.wav", source)
    partial.rename(folder)


def write(path: Path, samples: np.ndarray) -> None:
    """Write 16-bit samples ``(2, T)`` as a WAVE file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes(samples.T.astype("<i2").tobytes())


def steps_within(job: Job, cpu_s: float) -> int:
    """Return how many steps of a job take this much CPU time of this thread."""
    stage = open_stage(job, begin(job))
    stage.step()
    started = time.process_time()
    for _ in range(N_PROBED):
        stage.step()
    step_s = (time.process_time() - started) / N_PROBED
    return max(N_PROBED, round(cpu_s / step_s))


def train_system(system: System, options: argparse.Namespace) -> None:
    """Train one system in this process, stage by stage, and export it."""
    folder = folder_of(options.out, system)
    stages = [system.config] if system.first is None else [system.first, system.config]
    spent_s, n_steps, audio_s, start = 0.0, 0, 0.0, None
    for number, stage in enumerate(stages):
        job = Job(
            configuration(stage, merged(system.changes, system.last if number else {})),
            data=(options.out / "material",),
            # An adversarial stage wants to know what it costs; here it takes no choice from that.
            validation=(options.out / "material" / "render-00",) if number else (),
            out=folder / f"run-{number}",
            cache=options.out / "cache",
            start=start,
        )
        started = time.process_time()
        config = train_for(job, options.cpu_s / len(stages))
        spent_s += time.process_time() - started
        n_steps += config.optimiser.n_steps
        audio_s += config.optimiser.n_steps * config.material.segment_s * config.optimiser.n_batch
        start = str(job.out / CHECKPOINT)
    about = {"name": folder.name, "licence": "MIT", "description": system.name}
    (folder / "about.yaml").write_text(yaml.safe_dump(about))
    export_model(job.out, CHECKPOINT, folder / "about.yaml", folder / "model")
    facts = {"cpu_s": spent_s, "n_steps": n_steps, "audio_s": audio_s}
    (folder / TRAINED).write_text(json.dumps(facts))


def train_for(job: Job, cpu_s: float) -> TrainingConfig:
    """Train for so many seconds of CPU, and return the configuration with its steps."""
    n_steps = steps_within(job, cpu_s)
    values = job.config.model_dump(mode="json")
    config = TrainingConfig.model_validate(merged(values, {"optimiser": {"n_steps": n_steps}}))
    train(dataclasses.replace(job, config=config))
    return config


def main() -> None:
    """Render, train, score and write the table; each only where it is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="A pack for the sampler.")
    parser.add_argument("--validation", type=Path, required=True, help="Songs that score.")
    parser.add_argument("--cache", type=Path, help="Decoded material; by default inside OUT.")
    parser.add_argument("--cpu-s", type=float, default=150.0, help="CPU seconds of each training.")
    parser.add_argument("--cut-s", type=float, default=60.0, help="Of each song, in seconds.")
    parser.add_argument("--only", help="Names of systems, between slashes.")
    parser.add_argument("--table", action="store_true", help="Only write the table.")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    tune_allocator()
    use_one_thread()
    names = options.only.split("/") if options.only else [system.name for system in SYSTEMS]
    systems = [system for system in SYSTEMS if system.name in names]
    if not options.table:
        gather(options.out, options.data, options.cache or options.out / "cache")
        for system in systems:
            if not (folder_of(options.out, system) / TRAINED).is_file():
                print(system.name, flush=True)
                train_system(system, options)
    table(options)


def table(options: argparse.Namespace) -> None:
    """Score what is trained and not scored yet, what comes with libsep, and write the table."""
    cache = options.cache or options.out / "cache"
    path = options.out / f"scores-{options.cut_s:g}s.json"
    found = read_scores(path)
    songs = open_songs(options.validation, cache, options.cut_s)
    if "baselines" not in found:
        found["baselines"] = score_baselines(songs)
    models = {system.name: folder_of(options.out, system) / "model" for system in SYSTEMS}
    models |= {f"libsep's {name}": models_folder() / name for name in SHIPPED}
    for name, folder in models.items():
        if name not in found and (folder / "model.yaml").is_file():
            print(f"scores of {name}", flush=True)
            found[name] = score_model(read_model(folder), songs)
            trained = read_scores(folder.parent / TRAINED)
            found[name] |= trained
            path.write_text(json.dumps(found, indent=1))
    for name in OWN_PHASE:
        told = f"{name}, Griffin-Lim"
        if name in found and told not in found:
            print(f"scores of {told}", flush=True)
            model = read_model(models[name])
            found[told] = score_model(model, songs, reconstruct="griffin-lim")
            path.write_text(json.dumps(found, indent=1))
    names = [each for name in models for each in (name, f"{name}, Griffin-Lim")]
    rows = {name: found[name] for name in names if name in found}
    minutes = sum(song.n_samples for song in songs) / SAMPLE_RATE / 60
    note = (
        f"{len(songs)} songs, the middle {options.cut_s:g} s of each at most ({minutes:.1f} min); "
        f"{options.cpu_s:g} s of CPU on one thread for each training."
    )
    write_table(options.out / "table.md", rows, found["baselines"], note)
    print((options.out / "table.md").read_text())


if __name__ == "__main__":
    main()

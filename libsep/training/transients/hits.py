"""From packs of drums to a network that hears hits: examples, steps, measures, model folder."""

import hashlib
import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32
from torch import Tensor

from libsep.config import DrumHitTrainingConfig
from libsep.media.atomic import make_folder, replacing
from libsep.media.decode import SAMPLE_RATE
from libsep.nets.drum_hits import DRUMS, DrumHitNet
from libsep.track import path_to_text
from libsep.training.small_network import Say, fit_small_network
from libsep.training.synthesis.clips import Collection
from libsep.training.transients.examples import HitExamples, render_examples
from libsep.training.transients.job import DrumJob
from libsep.transients.model import HitInfo, HitModel
from libsep.transients.weights import HIT_ARCHITECTURE, save_hit_network

logger = logging.getLogger(__name__)

MAX_TILT = 2.0
"""Largest change of level from the lowest to the highest band, in nepers."""


DrumHitJob = DrumJob[DrumHitTrainingConfig]


def train_drum_hits(job: DrumHitJob, say: Say = logger.info) -> HitModel:
    """Train a network on rendered drum parts, and write it as a model folder with its curve.

    The same material and seed give the same weights on the same machine. ``say`` is told how far
    it is.

    Raises
    ------
    ConfigError
        There are no drums to render, or all kits, or none, are held out; or the description is
        wrong.
    ModelError
        The model folder cannot be written.
    """
    torch.set_num_threads(1)
    config = job.config
    # A wrong description is refused before the training, not after.
    info = job.describe(HitInfo, HIT_ARCHITECTURE)
    make_folder(job.out)
    learned, judged = _material(job, say)
    say(f"{len(learned.labels)} hits to learn from, {len(judged.labels)} to judge by")
    network = fit(learned, judged, config, job.out, say)
    scores = measures(network, judged)
    for drum, values in scores.items():
        said = ", ".join(f"{measure} {value:.2f}" for measure, value in values.items())
        say(f"{drum}: {said}, on kits that were not learned from")
    model = save_hit_network(job.model, info.model_copy(update={"scores": scores}), network)
    job.write_curve()
    return model


def fit(
    learned: HitExamples,
    judged: HitExamples,
    config: DrumHitTrainingConfig,
    out: Path,
    say: Say,
) -> DrumHitNet:
    """Return a network that was trained on ``learned``; its curve goes to ``out``."""
    rng = np.random.default_rng([config.seed, 2])

    def loss_of(network: DrumHitNet, _: int) -> Float[Tensor, ""]:
        chosen = rng.integers(len(learned.labels), size=config.n_batch)
        features = torch.from_numpy(learned.features[chosen].astype(np.float32))
        logits = network.judge(tilted(features, rng))
        labels = torch.from_numpy(learned.labels[chosen])
        return F.binary_cross_entropy_with_logits(logits, labels)

    def judge(network: DrumHitNet) -> Mapping[str, Mapping[str, float]]:
        scores = measures(network, judged)
        return {"f1": {drum: values["f1"] for drum, values in scores.items()}}

    return fit_small_network(
        lambda: DrumHitNet(sample_rate=SAMPLE_RATE), loss_of, config, out, say, judge=judge
    )


def tilted(
    features: Float[Tensor, "B bands N"], rng: np.random.Generator
) -> Float[Tensor, "B bands N"]:
    """Return spectrograms as brighter or darker recordings of the same hits might have them."""
    tilt = rng.uniform(-MAX_TILT, MAX_TILT, (len(features), 1, 1)).astype(np.float32)
    line = torch.linspace(-0.5, 0.5, features.shape[1])[:, None]
    return features + torch.from_numpy(tilt) * line


def measures(network: DrumHitNet, judged: HitExamples) -> dict[str, dict[str, float]]:
    """Return precision, recall and F1 of each drum, with a limit of one half."""
    found = chances_of(network, judged) > 0.5
    scores = {}
    for column, drum in enumerate(DRUMS):
        said, is_there = found[:, column], judged.labels[:, column] > 0
        n_right = int((said & is_there).sum())
        precision, recall = n_right / max(said.sum(), 1), n_right / max(is_there.sum(), 1)
        f1 = 2 * precision * recall / max(precision + recall, 1e-9)
        values = {"precision": precision, "recall": recall, "f1": f1}
        scores[drum] = {name: round(float(value), 3) for name, value in values.items()}
    return scores


def chances_of(network: DrumHitNet, examples: HitExamples) -> Float32[np.ndarray, "N D"]:
    """Return how likely each drum is in each example."""
    with torch.inference_mode():
        parts = [
            torch.sigmoid(network.judge(torch.from_numpy(part.astype(np.float32)))).numpy()
            for part in np.array_split(examples.features, len(examples.features) // 1024 + 1)
        ]
    return np.concatenate(parts)


def _material(job: DrumHitJob, say: Say) -> tuple[HitExamples, HitExamples]:
    """Return examples to learn from and to judge by, rendered or as they were kept."""
    config = job.config
    collection: Collection | None = None
    found = []
    for name, is_judged, n_loops in (
        ("learned", False, config.n_loops),
        ("judged", True, config.n_judged_loops),
    ):
        path = job.out / f"{name}-{_identity(job, n_loops)}.npz"
        if not path.is_file():
            collection = collection or job.collection()
            kits = job.part(collection, is_judged=is_judged)
            started = time.monotonic()
            seed = (config.seed, int(is_judged))
            examples = render_examples(kits, seed, n_loops, DrumHitNet(sample_rate=SAMPLE_RATE))
            say(f"{n_loops} drum parts rendered in {time.monotonic() - started:.0f} s")
            with replacing(path) as part, part.open("wb") as file:
                np.savez(file, features=examples.features, labels=examples.labels)
        with np.load(path) as stored:
            found.append(HitExamples(stored["features"], stored["labels"]))
    return found[0], found[1]


def _identity(job: DrumHitJob, n_loops: int) -> str:
    """Return what names rendered examples: what they are made of, and how many."""
    config, data = job.config, [path_to_text(path.absolute()) for path in job.data]
    text = json.dumps([config.seed, n_loops, config.held_out_kits, data])
    return hashlib.sha256(text.encode()).hexdigest()[:12]

"""From stems and unlabelled mixes to passages in which a target is silent (Défossez et al. 2019).

A passage without drums, mixed with true drums of another song, is a mixture whose drums are known,
and whose other sources are known as a sum. `libsep train` takes passages as recordings of that
sum.

References
----------
Défossez, Usunier, Bottou and Bach, "Demucs: deep extractor for music sources with extra unlabeled
data remixed", arXiv 1909.01174, 2019.
"""

import dataclasses
import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import safetensors
import safetensors.torch
import torch
from jaxtyping import Float, Int16

from libsep.config import PresenceTrainingConfig
from libsep.datasets.audio_cache import AudioCache, save_array
from libsep.datasets.unpaired import find_unpaired
from libsep.errors import ConfigError
from libsep.ledger.lock import RunLock
from libsep.media.atomic import replacing, write_text
from libsep.media.decode import SAMPLE_RATE
from libsep.nets.genre_cnn import GenreCNN
from libsep.track import path_to_text
from libsep.training.material.data import load_material
from libsep.training.material.examples import Examples
from libsep.training.material.inputs import load_validation
from libsep.training.presence.fit import described, fit, measures
from libsep.training.presence.network import chances_of, new_network
from libsep.training.presence.passages import Passage, passages_of, write_passages
from libsep.training.small_network import Say
from libsep.units import counted, seconds_to_samples

logger = logging.getLogger(__name__)

WEIGHTS, SCORES, HEARD, PASSAGES = "presence.safetensors", "scores.json", "heard", "passages"


@dataclasses.dataclass(frozen=True)
class PresenceJob:
    """What a search is told, and where its files are.

    ``data`` are true stems to learn from, ``validation`` others that tell how good the search is,
    ``unpaired`` the mixes. ``out`` keeps the network and what it heard of each mix, so that a
    search that was stopped, or is told another limit, does not begin anew.
    """

    config: PresenceTrainingConfig
    data: tuple[Path, ...]
    validation: tuple[Path, ...]
    unpaired: tuple[Path, ...]
    out: Path
    cache: Path

    @property
    def window_samples(self) -> int:
        """Length of a window."""
        return seconds_to_samples(self.config.material.segment_s, SAMPLE_RATE)


def find_passages(job: PresenceJob, say: Say = logger.info) -> list[Passage]:
    """Train a network on stems, and write the passages of the mixes in which targets are silent.

    The same material and seed give the same network on the same machine. ``say`` is told how far
    it is.

    Raises
    ------
    ConfigError
        There are no mixes, a target has no source, material is damaged, or ``out`` cannot be
        written.
    LedgerError
        Another search writes to ``out``.
    """
    torch.set_num_threads(1)
    cache = AudioCache(job.cache, SAMPLE_RATE)
    paths = _mixes(job, say)
    with RunLock(job.out, run=job.out.name):
        network, key = _network(job, cache, say)
        if job.validation:
            songs = load_validation(job.validation, cache)
            scores = measures(network, songs, job.window_samples, job.config)
            write_text(job.out / SCORES, json.dumps(scores, indent=1) + "\n")
            for line in described(scores):
                say(f"on songs with true stems: {line}")
        search = job.config.search
        limits: dict[str, float] = dict.fromkeys(search.targets, search.max_chance)
        mixes = {path_to_text(path): cache.samples(path) for path in paths}
        found: list[Passage] = []
        for number, (name, samples) in enumerate(mixes.items(), 1):
            chances = _heard(job, network, key, samples)
            found += passages_of(name, chances, job.window_samples, search.hop_s, limits)
            say(f"{number} of {len(mixes)} mixes heard, {len(found)} passages")
        kept = write_passages(job.out / PASSAGES, found, mixes, search.max_gb * 1e9)
    if len(kept) < len(found):
        say(f"{len(found) - len(kept)} passages are left out: search.max_gb is {search.max_gb:g}")
    for target in search.targets:
        lengths = [p.stop - p.start for p in kept if p.target == target]
        minutes = sum(lengths) / SAMPLE_RATE / 60
        say(f"{minutes:.1f} minutes without {target}, in {counted(len(lengths), 'passage')}")
    return kept


def _mixes(job: PresenceJob, say: Say) -> list[Path]:
    """Return the mixes; what tells by its folder that it lacks something needs no search."""
    if not job.unpaired:
        raise ConfigError("--unpaired: expected at least one folder of mixes")
    paths: list[Path] = []
    for folder in job.unpaired:
        found = find_unpaired(folder)
        paths += found.pop("mixes", [])
        for role, others in found.items():
            say(f"{folder}: {len(others)} recordings in {role}/ are left out, they are no mixes")
    if not paths:
        raise ConfigError(f"{job.unpaired[0]}: no mixes")
    return paths


def _network(job: PresenceJob, cache: AudioCache, say: Say) -> tuple[GenreCNN, str]:
    """Return the network, trained or as it was kept, and digits that stand for it."""
    settings = job.config.model_dump(mode="json", exclude={"search", "log_interval"})
    told = json.dumps(settings | {"data": [path_to_text(path) for path in job.data]})
    path = job.out / WEIGHTS
    network = new_network()
    if path.is_file() and _says(path) == told:
        network.load_state_dict(safetensors.torch.load_file(path))
        say(f"{path}: trained already")
    else:
        material = load_material(job.data, cache, job.config.material.exclude_songs)
        config, augment = job.config.material, job.config.augment
        examples = Examples(material, None, config, augment, SAMPLE_RATE)
        if examples.have_sums:
            raise ConfigError("--data: a sum of targets, expected songs and recordings of each")
        network = fit(examples, job.config, job.out, say)
        with replacing(path) as part:
            tensors = {name: value.contiguous() for name, value in network.state_dict().items()}
            safetensors.torch.save_file(tensors, part, metadata={"settings": told})
    return network.eval(), hashlib.sha256(path.read_bytes()).hexdigest()[:20]


def _says(path: Path) -> str | None:
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata: Mapping[str, str] = file.metadata() or {}
    except (OSError, safetensors.SafetensorError):
        return None  # Damaged: it is trained again.
    return metadata.get("settings")


def _heard(
    job: PresenceJob, network: GenreCNN, key: str, samples: Int16[np.ndarray, "2 _"]
) -> Float[np.ndarray, "N S"]:
    """Return the chances in a mix, from the folder if this network has heard it before."""
    hop_s = job.config.search.hop_s
    digest = hashlib.sha256(f"{key}|{hop_s}|".encode() + samples.tobytes()).hexdigest()[:20]
    path = job.out / HEARD / f"{digest}.npy"
    if path.is_file():
        kept: np.ndarray = np.load(path)
        return kept
    chances = chances_of(network, samples, job.window_samples, hop_s)
    save_array(path, chances)
    return chances

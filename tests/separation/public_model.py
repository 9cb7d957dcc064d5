"""A public model that is small, with a checkpoint as its authors would have written it."""

import hashlib
import io
from pathlib import Path
from typing import Any

import torch
import yaml

from libsep.nets.scnet import SCNet

TARGETS = ["drums", "bass", "other", "vocals"]
ARGUMENTS: dict[str, Any] = {
    "targets": TARGETS,
    "dims": [4, 4, 8],
    "n_dual_path": 2,
    "n_fft": 512,
    "hop_length": 128,
}


def checkpoint() -> bytes:
    """Return a checkpoint of a small network with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = SCNet(**ARGUMENTS)
    file = io.BytesIO()
    torch.save({"state": network.state_dict(), "epoch": 7}, file)
    return file.getvalue()


def write_catalogue(path: Path, url: str, content: bytes) -> Path:
    """Write a catalogue of models whose checkpoint lies at ``url``, with several conditions."""
    file = {"url": url, "size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    values: dict[str, Any] = {
        "architecture": "scnet",
        "arguments": ARGUMENTS,
        "targets": TARGETS,
        "sample_rate": 44100,
        "licence": "MIT",
        "notice": "Copyright somebody.",
        "description": "A small one.",
        "segment_s": 2.5,
        "cost": 0.5,
        "published": [
            {"test_set": "a test set", "measure": "SDR", "values": {"drums": 7.25, "mean": 6.5}}
        ],
        "files": [file],
    }
    models = [
        values | {"name": "little"},
        values | {"name": "little-restricted", "is_restricted": True, "licence": "research-only"},
        values | {"name": "little-unpinned", "files": [{"url": url}], "published": []},
        values | {"name": "little-large", "arguments": ARGUMENTS | {"dims": [4, 8, 8]}},
    ]
    path.write_text(yaml.safe_dump({"models": models}))
    return path

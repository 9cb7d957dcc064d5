"""Checkpoints of all public models as their authors publish them: names, shapes, containers.

The numbers are constant; names and shapes are held against digests of what the authors' own
programs write.
"""

import io
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import torch

from libsep.separation.architectures import build_network
from libsep.separation.catalogue import CatalogueEntry, CheckpointFile
from libsep.separation.spleeter import DATA, INDEX

from ..model_folder.bundle_writer import write_bundle
from ..nets.public_networks import names_digest
from .spleeter_graph import variables_of

FILL = 0.01
SPLEETER_CHANNELS = (16, 32, 64, 128, 256, 512)

DIGESTS = {
    "hdemucs": "a02580c31f1c7d97259c8b85ca427823f3cf8011c34371f7b4381227ed68bdd2",
    "hdemucs-musdb": "a02580c31f1c7d97259c8b85ca427823f3cf8011c34371f7b4381227ed68bdd2",
    "scnet": "95b7ae833a7ea8800fef31207bbc635630f0df13a78225b36df2e2b12fd8c9b9",
    "scnet-large": "a1def9682c5f924c9293061488e5f50a29ea0a299d917e4af81a387830481669",
    "umxhq": "3367179ebff2967d2e3d9778c26c60abbaeca4075c56fac745817104b2a0eebf",
}
"""Of the names and shapes in each file, as `names_digest` makes them; see ``tests/nets``."""

WRAPPED = {"scnet": "state", "scnet-large": "state"}
"""Key under which the weights lie in a checkpoint."""


def published_file(entry: CatalogueEntry, file: CheckpointFile) -> bytes:
    """Return one file of a public checkpoint."""
    if entry.spleeter_sources:
        return _spleeter_archive(len(entry.spleeter_sources))
    with torch.device("meta"):
        expected = build_network(entry).state_dict()
    of_file = {
        name.removeprefix(file.prefix): tensor
        for name, tensor in expected.items()
        if name.startswith(file.prefix)
    }
    assert names_digest(of_file) == DIGESTS[entry.name]
    state = {
        name: torch.full(tensor.shape, FILL, dtype=tensor.dtype)
        if tensor.is_floating_point()
        else torch.zeros(tensor.shape, dtype=tensor.dtype)
        for name, tensor in of_file.items()
    }
    state |= {name: torch.zeros(4) for name in entry.ignored}
    content = io.BytesIO()
    key = WRAPPED.get(entry.name)
    torch.save({key: state, "epoch": 7} if key else state, content)
    return content.getvalue()


def _spleeter_archive(n_sources: int) -> bytes:
    variables = {
        name: np.full(value.shape, FILL if value.dtype != np.int64 else 7, value.dtype)
        for name, value in variables_of(
            n_sources, SPLEETER_CHANNELS, np.random.default_rng(0)
        ).items()
    }
    content = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder:
        index, data = Path(folder, INDEX), Path(folder, DATA)
        write_bundle(index, data, variables)
        with tarfile.open(fileobj=content, mode="w:gz", compresslevel=1) as archive:
            for path in (index, data):
                archive.add(path, path.name)
    return content.getvalue()

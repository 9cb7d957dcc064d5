"""A small library, and a configuration that makes its tracks quick to convert."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from libsep.separation.registry import Model

from ..conftest import tone, write_wave
from .causes import Place

SECONDS = 3


@pytest.fixture
def place(
    tmp_path: Path,
    tiny_model: Model,
    encode: Callable[..., Path],
    rng: np.random.Generator,
) -> Place:
    """Return a library of four tracks in as many formats, and where its stems shall be."""
    library = tmp_path / "music"
    names = ("one.wav", "b/two.flac", "b/three.mp3", "c/four.ogg")
    for index, name in enumerate(names):
        noise = 0.05 * rng.standard_normal((2, SECONDS * 44100))
        samples = (noise + tone(110 * (index + 1), SECONDS, 0.2)).astype(np.float32)
        path = library / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".wav":
            write_wave(path, samples)
        else:
            encode(path.name, samples).rename(path)
    values = {
        "separation": {"model": str(tiny_model.folder), "segment_s": 2.0, "overlap_s": 0.5},
        "routing": {"listen": False},  # another process, which these tests are not about
        "run": {"separators": 1, "tracks_in_flight": 2, "min_free_bytes": 0},
    }
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(values))
    return Place(folder=tmp_path, library=library, stems=tmp_path / "stems", config=config)

"""Three seconds of music, and how a test takes them through the pipeline."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from libsep.config import Config
from libsep.library.survey import track_of_file
from libsep.pipeline import Settings, process
from libsep.separation.registry import Model
from libsep.separation.separator import Separator
from libsep.track import Outcome

from ..conftest import assignment

SECONDS = 3
CONFIG = Config().replaced(separation={"segment_s": 2.0, "overlap_s": 0.5, "precision": "float32"})


def settings_of(config: Config, model: Model, folder: Path) -> Settings:
    models = {model.name: model}
    return Settings(config=config, models=models, output_root=folder / "stems", run="test")


@pytest.fixture
def music(rng: np.random.Generator) -> np.ndarray:
    """Return three seconds of a chord with noise bursts, ``(2, T)``."""
    time_s = np.arange(SECONDS * 44100) / 44100
    chord = sum(np.sin(2 * np.pi * hz * time_s) for hz in (110, 277, 330))
    bursts = rng.standard_normal(time_s.size) * np.exp(-20 * (time_s % 0.5))
    return np.stack([0.1 * chord + 0.1 * bursts, 0.1 * chord]).astype(np.float32)


@pytest.fixture
def convert(tmp_path: Path, tiny_model: Model) -> Callable[..., tuple[Outcome, Path]]:
    """Return a function that takes a file through the pipeline and gives outcome and stem file."""

    def convert_file(
        path: Path, previous: Outcome | None = None, config: Config = CONFIG
    ) -> tuple[Outcome, Path]:
        track, _ = track_of_file(path, None)
        settings = settings_of(config, tiny_model, tmp_path)
        separator = Separator(tiny_model, device="cpu", precision=config.separation.precision)
        outcome = process(track, previous, separator, settings, assignment(tiny_model))
        return outcome, tmp_path / "stems" / track.output

    return convert_file

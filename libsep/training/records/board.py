"""TensorBoard: the numbers of a training, and what its network does to one excerpt."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from libsep.training.records.excerpt import Excerpt, Signal, spectrogram

IS_INSTALLED = importlib.util.find_spec("tensorboard") is not None
if IS_INSTALLED:
    from torch.utils.tensorboard import SummaryWriter

FOLDER = "tensorboard"


class Board:
    """Writes what TensorBoard shows; only where it is installed.

    Parameters
    ----------
    folder
        The run's; its subfolder ``tensorboard`` receives the files.
    step
        First step that is written; what a killed run wrote from there on is not shown.
    sample_rate
        Of the excerpts, in Hz.
    """

    def __init__(self, folder: Path, *, step: int, sample_rate: int) -> None:
        self._writer: Any = SummaryWriter(str(folder / FOLDER), purge_step=step)
        self._sample_rate = sample_rate
        self._is_first = True

    def add_numbers(self, step: int, numbers: Mapping[str, float]) -> None:
        """Write numbers under their names."""
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def add_excerpt(self, step: int, excerpt: Excerpt, estimates: Mapping[str, Signal]) -> None:
        """Write for each target how its estimate looks and sounds.

        The picture shows the spectrograms of mixture, source and estimate, as far as the source
        is known. Mixture and sources are written as sound with the first excerpt only.
        """
        if self._is_first:
            self._add_sound("mixture", excerpt.mixture, step)
            for target, source in excerpt.sources.items():
                self._add_sound(f"{target}/source", source, step)
        self._is_first = False
        for target, estimate in estimates.items():
            known = [excerpt.sources[target]] if target in excerpt.sources else []
            image = spectrogram(excerpt.mixture, *known, estimate)
            self._writer.add_image(f"spectrogram/{target}", image, step, dataformats="HW")
            self._add_sound(f"{target}/estimate", estimate, step)
        self._writer.flush()

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()

    def _add_sound(self, name: str, signal: Signal, step: int) -> None:
        """Write a sound; TensorBoard takes mono only."""
        mono = torch.from_numpy(signal).mean(0, keepdim=True).clamp(-1, 1)
        self._writer.add_audio(f"sound/{name}", mono, step, sample_rate=self._sample_rate)

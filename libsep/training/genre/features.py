"""What a network is told of each track, made once and kept on disk."""

import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float16
from torch import Tensor

from libsep.datasets.audio_cache import save_array
from libsep.errors import DecodeError, TrackError
from libsep.genre.windows import PLACES, Window, in_phase, read_windows
from libsep.machine import n_cores
from libsep.media.atomic import make_folder
from libsep.media.ffmpeg import find_ffmpeg
from libsep.training.genre.examples import Example

logger = logging.getLogger(__name__)

TRAINING_PLACES = tuple(eighth / 8 for eighth in range(1, 8))
"""Where windows for training lie, as shares of a track; every second is one that is judged."""

JUDGED = [TRAINING_PLACES.index(place) for place in PLACES]
"""Which of the windows a classifier hears."""

Features = Float16[np.ndarray, "..."]
"""Spectrograms of seven windows, or what a tagger makes of three."""


class FeatureCache:
    """Features of windows of each track, as arrays mapped from a folder.

    Parameters
    ----------
    folder
        Is made if missing; may be deleted when no training runs.
    make
        Makes the features of the windows of a track.
    window, places
        Which windows of a track, and where.
    key
        Names what the features depend on.
    """

    def __init__(
        self,
        folder: Path,
        make: Callable[[Tensor], Tensor],
        *,
        window: Window,
        places: tuple[float, ...],
        key: str,
    ) -> None:
        self._folder = folder
        self._features = make
        self._window = window
        self._places = places
        self._key = key
        self._ffmpeg = find_ffmpeg()
        make_folder(folder)

    def load(self, examples: Sequence[Example]) -> Iterator[tuple[Example, Features]]:
        """Yield the examples that can be decoded, with their features.

        Several are decoded at once. What cannot be decoded is left out with a warning.
        """
        with ThreadPoolExecutor(n_cores()) as pool:
            for example, windows in zip(examples, pool.map(self._windows, examples), strict=True):
                if windows is not None:
                    yield example, windows

    def _windows(self, example: Example) -> Features | None:
        try:
            stat = example.path.stat()
            identity = f"{self._key}{example.path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}"
            cached = self._folder / f"{hashlib.sha256(os.fsencode(identity)).hexdigest()[:24]}.npy"
            if not cached.is_file():
                self._make(example, cached)
        except (TrackError, OSError) as exc:
            logger.warning("%s: left out: %s", example.path, exc)
            return None
        windows: np.ndarray = np.load(cached, mmap_mode="r")
        return windows

    def _make(self, example: Example, cached: Path) -> None:
        audio = in_phase(
            read_windows(
                example.path,
                ffmpeg=self._ffmpeg,
                window=self._window,
                duration_s=example.duration_s,
                places=self._places,
            )
        )
        if not audio.mean(axis=1).any():
            raise DecodeError(example.path, "is silent where it was listened to")
        with torch.inference_mode():
            windows = self._features(torch.from_numpy(audio)).numpy().astype(np.float16)
        save_array(cached, windows)

"""Teach a network the genres of spectrograms, and ask it for those of others."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32
from torch import Tensor

from libsep.config import GenreTrainingConfig
from libsep.nets.genre_cnn import GenreCNN
from libsep.training.genre.examples import Example
from libsep.training.genre.features import JUDGED, Features

LABEL_SMOOTHING = 0.1
MAX_TILT = 1.5
"""Largest change of level from the lowest to the highest band, in nepers."""

MAX_HIDDEN = 0.2
"""Largest share of the bands, and of the frames, that an example hides."""


def fit(
    examples: Sequence[Example],
    windows: Sequence[Features],
    genres: Sequence[str],
    config: GenreTrainingConfig,
) -> GenreCNN:
    """Return a network that was trained on these tracks; the same for the same seed.

    Each example of a batch is drawn by genre, then artist, then track, then window, all equally
    likely, so that neither a frequent genre nor a busy artist counts for more.
    """
    rng = np.random.default_rng([config.seed, 1])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = GenreCNN(n_genres=len(genres))
        optimiser = torch.optim.AdamW(
            network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, config.n_steps)
        draw = _Draw(examples, windows, genres, rng)
        network.train()
        for _ in range(config.n_steps):
            batch, labels = draw.batch(config.n_batch)
            logits = network.judge(varied(batch, rng))
            loss = F.cross_entropy(logits, labels, label_smoothing=LABEL_SMOOTHING)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch has no annotation for it
            optimiser.step()
            schedule.step()
    return network.eval()


def logits_of(network: GenreCNN, windows: Sequence[Features]) -> Float32[np.ndarray, "tracks G"]:
    """Return a network's mean logits of each track, from the windows that a classifier hears."""
    with torch.inference_mode():
        rows = [
            network.judge(torch.from_numpy(track[JUDGED].astype(np.float32))).mean(dim=0)
            for track in windows
        ]
    return torch.stack(rows).numpy()


def varied(
    batch: Float[Tensor, "B bands N"], rng: np.random.Generator
) -> Float[Tensor, "B bands N"]:
    """Return spectrograms as other recordings of the same music might have them.

    Each is tilted, begins elsewhere, and has a stretch of bands and one of frames hidden.

    References
    ----------
    Park et al., "SpecAugment", Interspeech 2019: the hidden stretches.
    """
    n_batch, n_bands, n_frames = batch.shape
    tilt = torch.from_numpy(rng.uniform(-MAX_TILT, MAX_TILT, (n_batch, 1, 1)).astype(np.float32))
    tilted = batch + tilt * torch.linspace(-0.5, 0.5, n_bands)[:, None]
    rows = [row.roll(int(rng.integers(n_frames)), dims=-1) for row in tilted]
    for row in rows:
        for axis, size in enumerate((n_bands, n_frames)):
            width = int(rng.uniform(0, MAX_HIDDEN) * size)
            start = int(rng.integers(size - width))
            row.narrow(axis, start, width).zero_()
    return torch.stack(rows)


class _Draw:
    """Draws batches of windows."""

    def __init__(
        self,
        examples: Sequence[Example],
        windows: Sequence[Features],
        genres: Sequence[str],
        rng: np.random.Generator,
    ) -> None:
        self._windows = windows
        self._rng = rng
        groups: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for index, example in enumerate(examples):
            groups[example.genre][example.artist].append(index)
        # A genre whose artists are all elsewhere cannot be drawn.
        self._groups = [
            (label, list(groups[genre].values()))
            for label, genre in enumerate(genres)
            if genre in groups
        ]

    def batch(self, n_batch: int) -> tuple[Float[Tensor, "B bands N"], Tensor]:
        """Return spectrograms and the numbers of their genres."""
        rng = self._rng
        rows, labels = [], []
        for _ in range(n_batch):
            label, artists = self._groups[rng.integers(len(self._groups))]
            tracks = artists[rng.integers(len(artists))]
            track = self._windows[tracks[rng.integers(len(tracks))]]
            rows.append(track[rng.integers(len(track))])
            labels.append(label)
        return torch.from_numpy(np.stack(rows).astype(np.float32)), torch.tensor(labels)

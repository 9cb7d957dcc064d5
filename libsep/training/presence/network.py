"""Which targets sound in a window of a mixture: the network, its truth, and how they compare."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int16
from torch import Tensor

from libsep.datasets.audio_cache import FULL_SCALE
from libsep.media.decode import SAMPLE_RATE
from libsep.nets.genre_cnn import GenreCNN
from libsep.track import TARGETS
from libsep.units import seconds_to_samples

PRESENT_DB, SILENT_DB = -35.0, -45.0
"""A source sounds above the first and is silent below the second: its loudest half second against
the whole window of the mixture, in dB. In between neither answer is wrong."""

PART_S = 0.5
"""What the loudness of a source is measured over, in seconds."""

SILENT_RMS = 0.003
"""A window of a mixture below this is silence (-50 dB)."""

N_AT_ONCE = 16
"""Windows that go through the network together."""


def new_network() -> GenreCNN:
    """Return the network: that of genres, with an output for each of `TARGETS`."""
    return GenreCNN(n_genres=len(TARGETS), sample_rate=SAMPLE_RATE, n_fft=2048, hop_length=1024)


def loudness_db(sources: Float[Tensor, "*lead S 2 T"]) -> Float[Tensor, "*lead S"]:
    """Return the loudest `PART_S` of each source against the whole mixture, in dB."""
    size = min(seconds_to_samples(PART_S, SAMPLE_RATE), sources.shape[-1])
    power = sources.square().mean(-2).unfold(-1, size, size).mean(-1).amax(-1)
    mixture = sources.sum(-3).square().mean(dim=(-2, -1)).clamp(min=1e-9)
    return 10 * torch.log10(power / mixture[..., None] + 1e-12)


def labels_of(
    sources: Float[Tensor, "*lead S 2 T"],
) -> tuple[Bool[Tensor, "*lead S"], Bool[Tensor, "*lead S"]]:
    """Return which sources sound, and of which that can be said."""
    loudness = loudness_db(sources)
    return loudness > PRESENT_DB, (loudness > PRESENT_DB) | (loudness < SILENT_DB)


def starts_of(n_samples: int, window_samples: int, hop_s: float) -> Sequence[int]:
    """Return where windows start; none if a recording is shorter than one."""
    return range(0, n_samples - window_samples + 1, seconds_to_samples(hop_s, SAMPLE_RATE))


def window_at(
    samples: Int16[np.ndarray, "2 _"], start: int, window_samples: int
) -> Float[Tensor, "2 T"]:
    """Return a window of a recording at full scale ±1.0."""
    cut = samples[:, start : start + window_samples].astype(np.float32) / FULL_SCALE
    return torch.from_numpy(cut)


def chances_of(
    network: GenreCNN, samples: Int16[np.ndarray, "2 _"], window_samples: int, hop_s: float
) -> Float[np.ndarray, "N S"]:
    """Return how likely each target sounds in each window of a recording; NaN where all is silent.

    A recording is read window by window, so its length does not matter.
    """
    starts = starts_of(samples.shape[1], window_samples, hop_s)
    chances = np.full((len(starts), len(TARGETS)), np.nan, np.float32)
    for first in range(0, len(starts), N_AT_ONCE):
        chosen = starts[first : first + N_AT_ONCE]
        windows = torch.stack([window_at(samples, start, window_samples) for start in chosen])
        with torch.inference_mode():
            found = torch.sigmoid(network(windows)).numpy()
        is_silent = windows.square().mean(dim=(1, 2)).sqrt() < SILENT_RMS
        found[is_silent.numpy()] = np.nan
        chances[first : first + len(chosen)] = found
    return chances

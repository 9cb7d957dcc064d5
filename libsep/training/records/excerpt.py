"""One fixed excerpt of the validation, to be looked at and listened to while a network learns."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float32, UInt8

from libsep.datasets.songs import Song
from libsep.dsp.stft import stft
from libsep.nets.network import SeparationNetwork
from libsep.training.validate import separate_in_segments

DURATION_S = 4.0

N_FFT = 1024
HOP_LENGTH = 512
FLOOR_DB = -90.0
"""Level that is drawn black."""

Signal = Float32[np.ndarray, "2 T"]


@dataclasses.dataclass(frozen=True)
class Excerpt:
    """A mixture and those of its sources that are known."""

    song: str
    mixture: Signal
    sources: Mapping[str, Signal]


def choose_excerpt(songs: Sequence[Song], sample_rate: int) -> Excerpt:
    """Return four seconds in which the quietest source is as loud as it gets.

    They are taken from the song with the most known sources, the first of several; a shorter song
    is taken whole.
    """
    song = max(songs, key=lambda song: len(song.scored_targets))
    length = min(int(DURATION_S * sample_rate), song.n_samples)
    starts = range(0, song.n_samples - length + 1, max(length // 2, 1))

    def quietest(start: int) -> float:
        cut = slice(start, start + length)
        levels = [np.abs(song.sources[name][:, cut]).mean() for name in song.scored_targets]
        return float(min(levels))

    start = max(starts, key=quietest)
    cut = slice(start, start + length)
    sources = {name: song.source(name)[:, cut] for name in song.scored_targets}
    return Excerpt(song.name, song.mixture()[:, cut], sources)


def separated(
    excerpt: Excerpt, network: SeparationNetwork, sample_rate: int, *, is_bfloat16: bool
) -> dict[str, Signal]:
    """Return the estimates of an excerpt by target."""
    estimates = separate_in_segments(network, excerpt.mixture, sample_rate, is_bfloat16=is_bfloat16)
    return dict(zip(network.targets, estimates, strict=True))


def spectrogram(*signals: Signal) -> UInt8[np.ndarray, "F W"]:
    """Return spectrograms of equally long signals side by side, as a grey image.

    Time runs to the right and frequency upwards, linearly. The brightest point of all is white,
    90 dB below it is black.
    """
    spectra = stft(torch.from_numpy(np.stack(signals)), N_FFT, HOP_LENGTH)
    power = spectra.abs().square().mean(1)  # B F N
    level_db = 10 * torch.log10(power / power.max().clamp(min=1e-12) + 1e-12)
    grey = (level_db.clamp(min=FLOOR_DB) / -FLOOR_DB + 1) * 255
    panels = [panel.flip(0).byte().numpy() for panel in grey]
    line = np.full((len(panels[0]), 2), 255, np.uint8)
    parts = [part for panel in panels for part in (panel, line)]
    return np.concatenate(parts[:-1], axis=1)

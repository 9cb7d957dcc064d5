"""What a model has to beat, and what it cannot reach: separators that need no training."""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from jaxtyping import Float32

from libsep.datasets.songs import Song
from libsep.dsp.hpss import separate_by_rules
from libsep.dsp.stft import istft, stft
from libsep.separation.segments import SegmentGrid
from libsep.separation.stream import SegmentSeparator
from libsep.track import TARGETS

QUARTER, RULES, IDEAL = "mixture/4", "hpss", "ideal mask"
BASELINES = (QUARTER, RULES, IDEAL)
"""Names of the baselines, in the order of `baselines`."""

N_FFT = 4096


class Quarter:
    """A quarter of the mixture for each target."""

    def map(
        self, segments: Iterator[Float32[np.ndarray, "2 T"]]
    ) -> Iterator[Float32[np.ndarray, "4 2 T"]]:
        """Yield the estimates of each segment, in order."""
        for segment in segments:
            yield np.stack([segment / len(TARGETS)] * len(TARGETS))


class Rules:
    """Harmonic and percussive parts, a bass band and the centre; see `separate_by_rules`."""

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate

    def map(
        self, segments: Iterator[Float32[np.ndarray, "2 T"]]
    ) -> Iterator[Float32[np.ndarray, "4 2 T"]]:
        """Yield the estimates of each segment, in order."""
        for segment in segments:
            yield separate_by_rules(torch.from_numpy(segment), self._sample_rate).numpy()


class IdealRatioMask:
    """The mask that knows the sources: each cell of a spectrogram is shared by their powers.

    No real mask is much better, so it is the ceiling of networks that keep the mixture's phase.
    The estimates add up to the mixture less the share of what belongs to no target.

    References
    ----------
    Liutkus and Badeau, "Generalized Wiener filtering with fractional power
    spectrograms", ICASSP 2015, with alpha 2 and each channel by itself.
    """

    def __init__(self, song: Song, grid: SegmentGrid) -> None:
        self._song = song
        self._grid = grid

    def map(
        self, segments: Iterator[Float32[np.ndarray, "2 T"]]
    ) -> Iterator[Float32[np.ndarray, "4 2 T"]]:
        """Yield the estimates of each segment, in order, from the first one of the song."""
        # The last segment ends where the song does, as `cut_segments` makes it.
        last = max(self._song.n_samples - self._grid.segment_samples, 0)
        for index, segment in enumerate(segments):
            yield self._separate(segment, min(index * self._grid.hop_samples, last))

    def _separate(
        self, segment: Float32[np.ndarray, "2 T"], start: int
    ) -> Float32[np.ndarray, "4 2 T"]:
        n_samples = segment.shape[-1]
        mixture = stft(torch.from_numpy(segment), N_FFT, N_FFT // 4)
        powers = {}
        for name in self._song.sources:
            source = self._song.source(name, start, start + n_samples)
            padded = np.pad(source, ((0, 0), (0, n_samples - source.shape[-1])))
            powers[name] = stft(torch.from_numpy(padded), N_FFT, N_FFT // 4).abs().square()
        total = torch.stack(list(powers.values())).sum(0).clamp(min=1e-20)
        estimates = torch.stack(
            [
                mixture * (powers[target] / total) if target in powers else 0 * mixture
                for target in TARGETS
            ]
        )
        return istft(estimates, N_FFT, N_FFT // 4, n_samples).numpy()


def baselines(song: Song, grid: SegmentGrid, sample_rate: int) -> Mapping[str, SegmentSeparator]:
    """Return the baselines for a song by name; their estimates are those of `TARGETS`."""
    separators = (Quarter(), Rules(sample_rate), IdealRatioMask(song, grid))
    return dict(zip(BASELINES, separators, strict=True))

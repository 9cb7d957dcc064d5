"""Random examples: stretches of recordings, and the same without their upper band."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Float32, Int, Int16
from torch import Tensor

from libsep.config import RestorationMaterialConfig
from libsep.datasets.audio_cache import FULL_SCALE
from libsep.dsp.low_pass import (
    Response,
    apply_response,
    brick_wall,
    butterworth,
    chebyshev,
    response_hertz,
)
from libsep.restoration.band import first_bin
from libsep.training.restoration.material import Recording

FILTERS = ("brick_wall", "butterworth", "chebyshev", "resample")
MARGIN_SAMPLES = 4096
"""What an example is longer on both sides while it is filtered, since filters wrap around."""

MAX_GAIN_DB = 10.0
"""Largest difference of level between recordings that are added, up or down."""


@dataclasses.dataclass(frozen=True)
class Batch:
    """Examples: what the network hears, what it should make, and between which bins.

    ``last_bins`` is where the recordings themselves end: nothing is known above.
    """

    degraded: Float[Tensor, "B T"]
    sources: Float[Tensor, "B T"]
    first_bins: Int[Tensor, " B"]
    last_bins: Int[Tensor, " B"]


class Examples:
    """Draws examples; the same for the same seed and step.

    Parameters
    ----------
    recordings
        A recording is taken with a probability that grows as the square root of its length.
    config
        Length and kinds of the examples.
    sample_rate
        Of the recordings, in Hz.
    n_fft
        Of the network's spectrogram, in samples.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        config: RestorationMaterialConfig,
        sample_rate: int,
        n_fft: int,
    ) -> None:
        self._config = config
        self._sample_rate = sample_rate
        self._n_fft = n_fft
        self._recordings = recordings
        self._coded = [r for r in recordings if r.copy is not None]
        self.n_samples = int(config.segment_s * sample_rate)

    def batch(self, seed: int, step: int, n_batch: int) -> Batch:
        """Return the examples of a step."""
        rng = np.random.default_rng([seed, 2, step])
        rows = [self._example(rng) for _ in range(n_batch)]
        degraded, sources, cutoffs, bandwidths = zip(*rows, strict=True)
        bin_hz = self._sample_rate / self._n_fft
        return Batch(
            torch.from_numpy(np.stack(degraded)),
            torch.from_numpy(np.stack(sources)),
            torch.tensor([first_bin(hertz, self._sample_rate, self._n_fft) for hertz in cutoffs]),
            torch.tensor([min(int(hertz / bin_hz), self._n_fft // 2 + 1) for hertz in bandwidths]),
        )

    def _example(
        self, rng: np.random.Generator
    ) -> tuple[Float32[np.ndarray, " T"], Float32[np.ndarray, " T"], float, float]:
        """Return degraded samples, source, the cut-off that is told, and the bandwidth."""
        kind = rng.uniform()
        error_hz = rng.uniform(-1, 1) * self._config.cutoff_error_hz
        if kind < self._config.coded and self._coded:
            recording = _draw(self._coded, rng)
            assert recording.copy is not None
            degraded, source = self._cut(recording, rng, recording.copy.samples)
            cutoff_hz, bandwidth_hz = recording.copy.cutoff_hz, recording.bandwidth_hz
        else:
            source, bandwidth_hz = self._source(rng, is_mixed=kind > 1 - self._config.mixed)
            low, high = self._config.lowest_cutoff_hz, self._config.highest_cutoff_hz
            cutoff_hz = float(np.exp(rng.uniform(np.log(low), np.log(high))))
            hertz = response_hertz(len(source), self._sample_rate)
            degraded = apply_response(source, draw_response(hertz, cutoff_hz, rng))
        inner = slice(MARGIN_SAMPLES, MARGIN_SAMPLES + self.n_samples)
        told_hz = float(
            np.clip(
                cutoff_hz + error_hz, self._config.lowest_cutoff_hz, self._config.highest_cutoff_hz
            )
        )
        return degraded[inner], source[inner], told_hz, max(bandwidth_hz, told_hz + 1000.0)

    def _source(
        self, rng: np.random.Generator, *, is_mixed: bool
    ) -> tuple[Float32[np.ndarray, " T"], float]:
        """Return a stretch of a recording, or of several at once, and its bandwidth."""
        n_recordings = int(rng.integers(2, 5)) if is_mixed else 1
        total = np.zeros(self.n_samples + 2 * MARGIN_SAMPLES, np.float32)
        bandwidth_hz = self._sample_rate / 2
        for _ in range(n_recordings):
            recording = _draw(self._recordings, rng)
            (samples,) = self._cut(recording, rng)
            if is_mixed:
                level = np.sqrt(np.square(samples).mean()) + 1e-6
                samples *= 0.1 / level * 10 ** (rng.uniform(-1, 1) * MAX_GAIN_DB / 20)
            total += samples
            bandwidth_hz = min(bandwidth_hz, recording.bandwidth_hz)
        return total, bandwidth_hz

    def _cut(
        self, recording: Recording, rng: np.random.Generator, *copies: Int16[np.ndarray, "2 _"]
    ) -> list[Float32[np.ndarray, " T"]]:
        """Return the same stretch of one channel (or of their mean) of copies and recording."""
        length = self.n_samples + 2 * MARGIN_SAMPLES
        second = int(recording.seconds[rng.integers(len(recording.seconds))])
        middle = int((second + rng.uniform()) * self._sample_rate)
        start = min(max(middle - length // 2, 0), max(recording.samples.shape[1] - length, 0))
        weights = ((1, 0), (0, 1), (0.5, 0.5))[rng.integers(3)]
        stretches = []
        for samples in (*copies, recording.samples):
            found = samples[:, start : start + length].astype(np.float32) / FULL_SCALE
            mono = weights[0] * found[0] + weights[1] * found[1]
            stretches.append(np.pad(mono, (0, length - len(mono))).astype(np.float32))
        return stretches


def draw_response(hertz: np.ndarray, cutoff_hz: float, rng: np.random.Generator) -> Response:
    """Return the response of a random filter that ends at a cut-off.

    A brick wall, or filters of Butterworth or Chebyshev of the 6th to 12th order, or what is left
    after converters of sample rates, whose passband ends a little below the cut-off.
    """
    kind = FILTERS[rng.integers(len(FILTERS))]
    order = int(rng.choice((6, 8, 10, 12)))
    if kind == "butterworth":
        return butterworth(hertz, cutoff_hz, order)
    if kind == "chebyshev":
        return chebyshev(hertz, cutoff_hz, order, float(rng.uniform(0.05, 1.0)))
    if kind == "resample":
        return brick_wall(hertz, cutoff_hz, float(rng.uniform(0.01, 0.1)) * cutoff_hz)
    return brick_wall(hertz, cutoff_hz)


def _draw(recordings: Sequence[Recording], rng: np.random.Generator) -> Recording:
    weights = np.sqrt([float(len(recording.seconds)) for recording in recordings])
    return recordings[rng.choice(len(recordings), p=weights / weights.sum())]

"""Loudness and peak of the stems while they stream by, in numpy and without a loop over samples."""

import array
import functools
import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Float64
from numpy.lib.stride_tricks import sliding_window_view

from libsep.units import amplitude_to_db, power_to_db

ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0
_OFFSET_LUFS = -0.691
_HOPS_PER_BLOCK = 4
_LONGEST_ROW = 64

FULL_SCALE_16_BIT = 32767 / 32768
"""The highest sample that 16 bits hold: a mixture that was clipped reaches it, again and again."""


class LoudnessMeter:
    """Integrated loudness of one stereo stream that arrives in blocks of any length.

    The result does not depend on how the stream is cut. A sum of squares is kept for each 100 ms;
    nothing else grows with the track.

    Parameters
    ----------
    sample_rate
        In Hz; a multiple of 10.

    References
    ----------
    Recommendation ITU-R BS.1770-5, annex 1.
    """

    def __init__(self, sample_rate: int) -> None:
        self._hop_samples = sample_rate // 10
        self._filter = KWeighting(sample_rate)
        self._rest: Float32[np.ndarray, "C _"] | None = None
        # One buffer that grows: many small ones, between large ones that come and go, would keep
        # the allocator from using these again.
        self._energies = array.array("d")

    def add(self, block: Float32[np.ndarray, "C T"]) -> None:
        """Take the next samples, full scale ±1.0."""
        if self._rest is not None:
            block = np.concatenate([self._rest, block], axis=-1)
        n_hops = block.shape[-1] // self._hop_samples
        n_samples = n_hops * self._hop_samples
        self._rest = block[:, n_samples:].copy()
        if n_hops:
            squares = self._filter.energies(block[:, :n_samples])  # of rows, which divide a hop
            self._energies.frombytes(squares.sum(axis=0).reshape(n_hops, -1).sum(axis=1).tobytes())

    def integrated_lufs(self) -> float:
        """Return the gated loudness so far in LUFS.

        ``-inf`` for silence, and for less than the 400 ms of a gating block.
        """
        energies = np.array(self._energies)
        if len(energies) < _HOPS_PER_BLOCK:
            return -math.inf
        powers = sliding_window_view(energies, _HOPS_PER_BLOCK).mean(axis=1) / self._hop_samples
        loud = powers[powers > _power_of(ABSOLUTE_GATE_LUFS)]
        if not len(loud):
            return -math.inf
        gate = max(_power_of(ABSOLUTE_GATE_LUFS), loud.mean() * 10 ** (RELATIVE_GATE_LU / 10))
        return _OFFSET_LUFS + power_to_db(float(loud[loud > gate].mean()))


class KWeighting:
    """The K-weighting filter with its state, as one matrix product for each row of samples.

    A recursive filter is cut into rows of up to 64 samples: within a row, filtering and the
    response to the state at its start are products with fixed matrices; from row to row only four
    numbers are carried. That takes half the time of a compiled recursion over samples.
    """

    def __init__(self, sample_rate: int) -> None:
        matrices = _row_matrices(sample_rate)
        self.row_samples, self._respond, self._enter, self._next = matrices
        self._state: dict[int, Float64[np.ndarray, " order"]] = {}

    def energies(self, block: Float32[np.ndarray, "C T"]) -> Float64[np.ndarray, "C rows"]:
        """Return the sum of squares of each filtered row; ``block`` continues the last one."""
        return np.stack([self._of_channel(index, block[index]) for index in range(len(block))])

    def _of_channel(
        self, index: int, samples: Float32[np.ndarray, " T"]
    ) -> Float64[np.ndarray, " rows"]:
        rows = samples.reshape(-1, self.row_samples)
        order = len(self._next)
        states = np.zeros((len(rows) + 1, order))
        states[0] = self._state.get(index, 0.0)
        states[1:] = rows @ self._enter
        decay, reach = self._next, 1
        while reach < len(states) and np.abs(decay).max() > 1e-12:
            states[reach:] += states[:-reach] @ decay.T  # now sums over the last 2 * reach rows
            decay, reach = decay @ decay, 2 * reach
        self._state[index] = states[-1]
        entered = np.concatenate([rows, states[:-1].astype(np.float32)], axis=1)
        weighted = entered @ self._respond
        energies: Float64[np.ndarray, " rows"] = np.einsum(
            "ij,ij->i", weighted, weighted, dtype=np.float64
        )
        return energies


class StemMeter:
    """What a finished track sounds like: loudness of every stream, peak, error of the sum.

    Parameters
    ----------
    targets
        Names of the stems, in their order.
    sample_rate
        In Hz; a multiple of 10.
    gain
        What the track was multiplied by: it does not hide that the track was clipped.
    """

    def __init__(self, targets: Sequence[str], sample_rate: int, gain: float = 1.0) -> None:
        self._full_scale = FULL_SCALE_16_BIT * gain
        self._meters = {name: LoudnessMeter(sample_rate) for name in ("mixture", *targets)}
        self._peak = 0.0
        self._n_clipped = 0
        self._residual = 0.0
        self._n_samples = 0

    def add(self, mixture: Float32[np.ndarray, "C T"], stems: Float32[np.ndarray, "S C T"]) -> None:
        """Take the next block of the mixture and of its stems, full scale ±1.0."""
        for meter, signal in zip(self._meters.values(), (mixture, *stems), strict=True):
            meter.add(signal)
            self._peak = max(self._peak, _peak(signal))
        if _peak(mixture) >= self._full_scale:
            self._n_clipped += int(np.count_nonzero(np.abs(mixture) >= self._full_scale))
        residual = mixture - stems.sum(axis=0)
        self._residual += float(np.einsum("ij,ij->", residual, residual, dtype=np.float64))
        self._n_samples += mixture.size

    def loudness_lufs(self) -> dict[str, float]:
        """Return the integrated loudness of ``mixture`` and of each target; ``-inf``: silent."""
        return {name: meter.integrated_lufs() for name, meter in self._meters.items()}

    def peak_db(self) -> float:
        """Return the highest sample of all streams in dB; above 0, integers would clip."""
        return amplitude_to_db(self._peak)

    def clipped_samples(self) -> int:
        """Return how many samples of the track, in both channels, reach full scale."""
        return self._n_clipped

    def null_db(self) -> float:
        """Return the level (RMS, dB) of the mixture minus the sum of the stems."""
        return power_to_db(self._residual / max(self._n_samples, 1))


def k_weighting_sections(
    sample_rate: int,
) -> tuple[tuple[Float64[np.ndarray, "3"], Float64[np.ndarray, "3"]], ...]:
    """Return numerator and denominator of the head's shelf and of the high-pass at a sample rate.

    The standard gives them for 48 kHz; the analogue values behind those are those of the reference.

    References
    ----------
    De Man, "Evaluation of implementations of the EBU R128 loudness measurement", AES 145, 2018.
    """
    gain, edge = 10 ** (3.999843853973347 / 20), math.tan(math.pi * 1681.974450955533 / sample_rate)
    band = gain**0.4996667741545416
    damped = edge / 0.7071752369554196
    shelf = np.array(
        [gain + band * damped + edge**2, 2 * (edge**2 - gain), gain - band * damped + edge**2]
    )
    shelf_below = np.array([1 + damped + edge**2, 2 * (edge**2 - 1), 1 - damped + edge**2])
    edge = math.tan(math.pi * 38.13547087602444 / sample_rate)
    damped = edge / 0.5003270373238773
    high_below = np.array([1 + damped + edge**2, 2 * (edge**2 - 1), 1 - damped + edge**2])
    return (
        (shelf / shelf_below[0], shelf_below / shelf_below[0]),
        (np.array([1.0, -2.0, 1.0]), high_below / high_below[0]),
    )


@functools.cache
def _row_matrices(
    sample_rate: int,
) -> tuple[int, Float32[np.ndarray, "_ _"], Float32[np.ndarray, "_ _"], Float64[np.ndarray, "_ _"]]:
    """Return the length of a row, and what `KWeighting` multiplies rows and states with.

    They take longer to compute than a short track to measure, and are the same for every stream.
    """
    hop_samples = sample_rate // 10
    lengths = range(1, _LONGEST_ROW + 1)
    row_samples = max(length for length in lengths if hop_samples % length == 0)
    b, a = (_product(*pair) for pair in zip(*k_weighting_sections(sample_rate), strict=True))
    step = np.eye(len(a) - 1, k=1)  # state space of the transposed direct form
    step[:, 0] -= a[1:]
    enter = b[1:] - a[1:] * b[0]
    # The state is written in coordinates in which what it still adds to the output is
    # orthonormal: in those of the direct form float32 would be too short for a rumble.
    basis = np.linalg.qr(_powers(step, hop_samples)[:, 0]).R
    step = basis @ np.linalg.solve(basis.T, step.T).T
    enter = basis @ enter
    powers = _powers(step, row_samples + 1)
    answers = np.linalg.inv(basis)[0] @ powers[:-1]  # of each sample of a row to the state
    impulse = np.concatenate([[b[0]], answers[:-1] @ enter])
    lags = np.subtract.outer(np.arange(row_samples), np.arange(row_samples))
    filtering = np.where(lags >= 0, impulse[lags], 0.0)
    respond = np.concatenate([filtering, answers], axis=1).T.astype(np.float32)
    return row_samples, respond, (powers[-2::-1] @ enter).astype(np.float32), powers[-1]


def _powers(matrix: Float64[np.ndarray, "n n"], count: int) -> Float64[np.ndarray, "count n n"]:
    powers = [np.eye(len(matrix))]
    for _ in range(count - 1):
        powers.append(powers[-1] @ matrix)
    return np.stack(powers)


def _product(
    first: Float64[np.ndarray, " m"], second: Float64[np.ndarray, " n"]
) -> Float64[np.ndarray, " order"]:
    return np.convolve(first, second)


def _peak(signal: Float32[np.ndarray, "C T"]) -> float:
    return float(max(signal.max(initial=0.0), -signal.min(initial=0.0)))


def _power_of(loudness_lufs: float) -> float:
    return float(10 ** ((loudness_lufs - _OFFSET_LUFS) / 10))

"""The shape of each stream, and how loud any mix of them is, in one pass over a file."""

import functools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from libsep.media.loudness import k_weighting_sections
from libsep.media.sheet import Sheet
from libsep.media.streams import decode_streams

MAX_BINS = 16384
"""Most columns of a waveform, whatever the length of the track."""

MIN_BIN_SAMPLES = 256
"""Shortest column, in samples."""

BLOCK_SAMPLES = 1 << 18
"""About how much is decoded before the page hears of it: 6 s."""


def bin_samples(n_samples: int) -> int:
    """Return how many samples of a track of ``n_samples`` make one column of its waveform."""
    return max(MIN_BIN_SAMPLES, math.ceil(n_samples / MAX_BINS))


def waveform(sheet: Sheet, *, ffmpeg: Path) -> Iterator[dict[str, Any]]:
    """Yield the waveform of a track part by part, as it is decoded.

    Yields
    ------
    Plain values: ``bins``, how many columns came before; ``peaks`` and ``levels``, for each stream
    the highest sample and the RMS of each column, both channels together, from 0 to 255 (full
    scale); ``energies``, the mean product of each two streams over all that was decoded so far
    (see `energies`).

    Raises
    ------
    DecodeError
        The file cannot be decoded.
    """
    per_bin = bin_samples(sheet.n_samples)
    total: Float64[np.ndarray, "S S"] = np.zeros((sheet.n_streams, sheet.n_streams))
    n_bins = n_done = 0
    for block in decode_streams(
        sheet.path,
        ffmpeg=ffmpeg,
        n_streams=sheet.n_streams,
        sample_rate=sheet.sample_rate,
        start_samples=0,
        n_samples=sheet.n_samples,
        block_samples=per_bin * max(1, BLOCK_SAMPLES // per_bin),
    ):
        peaks, levels = columns(block, per_bin)
        total += energies(block, sheet.sample_rate)
        n_done += block.shape[2]
        yield {
            "bins": n_bins,
            "peaks": peaks.tolist(),
            "levels": levels.tolist(),
            "energies": (total / n_done).tolist(),
        }
        n_bins += peaks.shape[1]


def columns(
    block: Float32[np.ndarray, "S 2 T"], per_bin: int
) -> tuple[UInt8[np.ndarray, "S bins"], UInt8[np.ndarray, "S bins"]]:
    """Return the highest sample and the RMS of each column of ``per_bin`` samples, in 255ths."""
    rest = -block.shape[2] % per_bin
    padded = np.pad(block, ((0, 0), (0, 0), (0, rest)))
    bins = padded.reshape(len(block), 2, -1, per_bin)
    peaks = np.abs(bins).max(axis=(1, 3))
    levels = np.sqrt(np.square(bins).mean(axis=(1, 3)))
    return _in_255ths(peaks), _in_255ths(levels)


def energies(block: Float32[np.ndarray, "S 2 T"], sample_rate: int) -> Float64[np.ndarray, "S S"]:
    """Return the sums of the products of each two streams, weighted as the ear hears them.

    A mix with the gains g then has the energy gᵀEg, so that any mix can be compared with the
    mixture without hearing it. The weighting is that of ITU-R BS.1770, without its gate, applied
    to the spectrum of the block.
    """
    n_fft = 1 << (block.shape[2] - 1).bit_length()  # lengths without large factors are quick
    spectra = np.fft.rfft(block, n_fft, axis=2) * _weights(n_fft, sample_rate)
    rows = spectra.astype(np.complex64).view(np.float32).reshape(len(block), -1)
    product: Float64[np.ndarray, "S S"] = (rows @ rows.T).astype(np.float64)
    product *= 2 / n_fft  # Parseval; only positive frequencies were added
    return product


@functools.lru_cache(maxsize=4)
def _weights(n_fft: int, sample_rate: int) -> Float32[np.ndarray, " F"]:
    turns = np.exp(-2j * np.pi * np.fft.rfftfreq(n_fft))
    response = np.ones(len(turns), dtype=complex)
    for above, below in k_weighting_sections(sample_rate):
        response *= np.polyval(above[::-1], turns) / np.polyval(below[::-1], turns)
    weights: Float32[np.ndarray, " F"] = np.abs(response).astype(np.float32)
    return weights


def _in_255ths(values: Float32[np.ndarray, "S bins"]) -> UInt8[np.ndarray, "S bins"]:
    steps: UInt8[np.ndarray, "S bins"] = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    return steps

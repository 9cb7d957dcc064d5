"""Find where a recording was cut off: the cliff that an encoder or a resampler left behind.

An encoder throws away everything above a frequency that it chooses by its bit rate, for the whole
track: there the spectrum falls by tens of dB within a few hundred hertz. What instruments, rooms,
tape and vinyl do is smooth: even 48 dB an octave are 5 dB over the width of such a cliff. So it is
the steepness that tells, not how much treble there is: a dark recording has no cliff.
"""

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Float32, Float64, Int64
from numpy.lib.stride_tricks import sliding_window_view

N_FFT = 4096
"""Samples of a frame; frames do not overlap."""

BINS_PER_BAND = 8
"""Bins that are averaged: 86 Hz at 44.1 kHz."""

FRAMES_PER_STRETCH = 128
"""Frames that are analysed at once, and whose spectrum is kept: 12 s at 44.1 kHz."""

PERCENTILES = (99, 95)
"""Spectra of the loudest frames in which a cliff is looked for. The first sees what is rare, in
sparse music; the second does not see what an encoder lets through now and then."""

LOWEST_HZ, HIGHEST_HZ = 3_000.0, 20_700.0
"""Where a cliff is looked for. Above, filters of converters are as steep as encoders."""

TOP_HZ = 21_700.0
"""Up to here the band above a cliff must be empty; further up lies the edge of 44.1 kHz."""

MIN_DROP_DB, CERTAIN_DROP_DB = 18.0, 30.0
"""A lesser fall is no cliff (the steepest without one: 15 dB), from the second one on it is sure.
Encoders leave 30 to 100 dB."""

SHOWN_DROP_DB = 12.0
"""How far the spectrum of 12 s must fall at the same place to show the cliff, too."""

LOWEST_SHELF_DB = -90.0
"""Level of the band under a cliff, relative to the loudest band, below which it is a codec's noise
and no music."""

AUDIBLE_DB = -50.0
"""Level of a frame or a stretch, relative to the loudest one, below which it is too quiet to show
anything: a track may be silent for minutes, with the noise of a converter."""

OFFSET_BINS = 2
"""Lowest bins, in which a constant offset lies, and no sound."""

CLASS_DB = 10.0
"""Frames are counted apart by their level, in steps of this."""

EDGE_DB = 6.0
"""How far the level has fallen at the cut-off that is told."""

_LEVELS_DB = np.arange(-200, 41)
_EDGE_BANDS = 3
_SHELF_BANDS = 6
_LINE_BANDS = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Cutoff:
    """Where a track was cut off, in Hz, and how sure that is, from 0 to 1."""

    hz: float
    confidence: float


class CutoffMeter:
    """Listens to a track that arrives in blocks of any length, and tells where it was cut off.

    The answer does not depend on how the track is cut. What is held is one stretch of samples, half
    a megabyte for each `CLASS_DB` that the track spans, and one kilobyte for every 12 s.

    Parameters
    ----------
    sample_rate
        In Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._band_hz = sample_rate / N_FFT * BINS_PER_BAND
        self._n_bands = N_FFT // 2 // BINS_PER_BAND
        self._window = np.hanning(N_FFT + 1)[:-1].astype(np.float32)
        self._counts: dict[int, Int64[np.ndarray, "bands levels"]] = {}
        self._stretches: list[Float32[np.ndarray, " bands"]] = []
        self._held: list[Float32[np.ndarray, "C _"]] = []
        self._n_held = 0

    def watching(
        self, blocks: Iterable[Float32[np.ndarray, "C _"]]
    ) -> Iterator[Float32[np.ndarray, "C _"]]:
        """Yield ``blocks`` as they are, and listen to them."""
        for block in blocks:
            self.add(block)
            yield block

    def add(self, block: Float32[np.ndarray, "C T"]) -> None:
        """Take the next samples, of any scale."""
        self._held.append(block)
        self._n_held += block.shape[-1]
        n_stretch = FRAMES_PER_STRETCH * N_FFT
        if self._n_held < n_stretch:
            return
        samples = np.concatenate(self._held, axis=-1)
        for start in range(0, self._n_held - n_stretch + 1, n_stretch):
            self._analyse(samples[:, start : start + n_stretch])
        self._n_held %= n_stretch
        self._held = [samples[:, samples.shape[-1] - self._n_held :].copy()]

    def cutoff(self) -> Cutoff | None:
        """Return where the track so far was cut off, or None: it was not, or there is no telling.

        Silence, and less than a frame, tells nothing. To be called once, when all is added.
        """
        n_frames = self._n_held // N_FFT
        if n_frames:
            samples = np.concatenate(self._held, axis=-1)
            self._analyse(samples[:, : n_frames * N_FFT])
        if not self._stretches:
            return None
        found = (self._cutoff(self._spectrum(percentile)) for percentile in PERCENTILES)
        return max((cut for cut in found if cut), key=lambda cut: cut.confidence, default=None)

    def _cutoff(self, spectrum: Float64[np.ndarray, " bands"]) -> Cutoff | None:
        cliff = self._cliff(spectrum)
        if cliff is None:
            return None
        band, drop_db, edge_hz = cliff
        depth = min((drop_db - SHOWN_DROP_DB) / (CERTAIN_DROP_DB - SHOWN_DROP_DB), 1.0)
        confidence = round(depth * self._share_that_shows(band), 3)
        return Cutoff(edge_hz, confidence) if confidence else None

    def _analyse(self, samples: Float32[np.ndarray, "C T"]) -> None:
        """Add whole frames to the table, and keep the spectrum of their louder half."""
        frames = samples.reshape(len(samples), -1, N_FFT) * self._window
        power = np.square(np.abs(np.fft.rfft(frames, axis=-1))).mean(axis=0)  # (N, F)
        power[:, :OFFSET_BINS] = 0
        bands = power[:, : N_FFT // 2].reshape(len(power), self._n_bands, BINS_PER_BAND).mean(2)
        scale = np.square(2 / N_FFT)  # a sine of full scale has about 0 dB
        with np.errstate(divide="ignore"):
            levels_db = 10 * np.log10(bands * scale)
        levels_db = np.clip(levels_db, _LEVELS_DB[0], _LEVELS_DB[-1]).astype(np.float32)
        columns = np.rint(levels_db).astype(np.int64) - _LEVELS_DB[0]
        cells = columns + np.arange(self._n_bands) * len(_LEVELS_DB)
        classes = np.floor(levels_db.max(axis=1) / CLASS_DB).astype(np.int64)
        shape = self._n_bands, len(_LEVELS_DB)
        for number in np.unique(classes).tolist():
            counts = np.bincount(cells[classes == number].ravel(), minlength=shape[0] * shape[1])
            self._counts[number] = self._counts.get(number, 0) + counts.reshape(shape)
        self._stretches.append(np.percentile(levels_db, 90, axis=0).astype(np.float32))

    def _spectrum(self, percentile: int) -> Float64[np.ndarray, " bands"]:
        """Return the level of each band, in dB, that this share of audible frames stays below."""
        quietest = max(self._counts) + AUDIBLE_DB / CLASS_DB
        audible = [counts for number, counts in self._counts.items() if number >= quietest]
        reached = np.sum(audible, axis=0).cumsum(axis=1)
        place: Int64[np.ndarray, " bands"] = np.argmax(
            reached * 100 >= percentile * reached[:, -1:], axis=1
        )
        levels_db: Float64[np.ndarray, " bands"] = _LEVELS_DB[place].astype(np.float64)
        return levels_db

    def _cliff(self, spectrum: Float64[np.ndarray, " bands"]) -> tuple[int, float, float] | None:
        """Return the lowest cliff: its band, how deep it is in dB, and its edge in Hz."""
        drops = self._drops(spectrum)
        is_cliff = drops >= MIN_DROP_DB
        loudest = spectrum.max()
        is_cliff &= _shelf(spectrum) - loudest >= LOWEST_SHELF_DB
        if loudest <= _LEVELS_DB[0] or not is_cliff.any():
            return None
        first = int(np.argmax(is_cliff))
        width = int(np.argmin(np.append(is_cliff[first:], np.False_)))
        band = first + int(np.argmax(drops[first : first + width]))
        fallen = spectrum[band - _EDGE_BANDS :] < _shelf(spectrum)[band] - EDGE_DB
        edge = band - _EDGE_BANDS + int(np.argmax(fallen))
        return band, float(drops[band]), float(edge * self._band_hz)

    def _drops(self, spectrum: Float64[np.ndarray, " bands"]) -> Float64[np.ndarray, " bands"]:
        """Return how far the level falls at each band, for good; nothing where none is looked for.

        Single lines, like the whistle of a screen or a pilot tone, are no level.
        """
        smooth = _running_median(spectrum, _LINE_BANDS)
        top = int(TOP_HZ / self._band_hz)
        above = np.full(self._n_bands, np.inf)
        above[:top] = np.maximum.accumulate(smooth[:top][::-1])[::-1]
        drops = np.full(self._n_bands, -np.inf)
        looked = slice(int(LOWEST_HZ / self._band_hz), int(HIGHEST_HZ / self._band_hz))
        drops[looked] = (_shelf(smooth) - np.roll(above, -_EDGE_BANDS))[looked]
        return drops

    def _share_that_shows(self, band: int) -> float:
        """Return the share of the audible stretches whose own spectrum falls at this band, too."""
        loudest = np.array([stretch.max() for stretch in self._stretches])
        audible = np.flatnonzero(loudest >= loudest.max() + AUDIBLE_DB)
        near = slice(band - _EDGE_BANDS + 1, band + _EDGE_BANDS)
        shown = [
            self._drops(self._stretches[index].astype(np.float64))[near].max() >= SHOWN_DROP_DB
            for index in audible
        ]
        return float(np.mean(shown))


def find_cutoff(blocks: Iterable[Float32[np.ndarray, "C _"]], sample_rate: int) -> Cutoff | None:
    """Return where a whole track was cut off; see `CutoffMeter`."""
    meter = CutoffMeter(sample_rate)
    for block in blocks:
        meter.add(block)
    return meter.cutoff()


def _shelf(spectrum: Float64[np.ndarray, " bands"]) -> Float64[np.ndarray, " bands"]:
    """Return for each band the median level of those just below it."""
    padded = np.pad(spectrum, (_SHELF_BANDS, 0), mode="edge")
    windows = sliding_window_view(padded, _SHELF_BANDS)[: len(spectrum)]
    levels_db: Float64[np.ndarray, " bands"] = np.median(windows[:, :-1], axis=-1)
    return levels_db


def _running_median(
    values: Float64[np.ndarray, " bands"], width: int
) -> Float64[np.ndarray, " bands"]:
    padded = np.pad(values, width // 2, mode="edge")
    medians: Float64[np.ndarray, " bands"] = np.median(sliding_window_view(padded, width), axis=-1)
    return medians

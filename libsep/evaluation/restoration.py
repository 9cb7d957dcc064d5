"""How well a missing band is restored, beside doing nothing and copying the band below."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from libsep.dsp.low_pass import apply_response, brick_wall, response_hertz
from libsep.dsp.replication import replicate
from libsep.dsp.stft import istft, stft
from libsep.metrics import band_lsd, si_sdr
from libsep.restoration.band import FADE_HZ, band_weights, first_bin, generated_band

CUTOFFS_HZ = (4000.0, 8000.0, 11_000.0, 16_000.0)
"""Where recordings are cut for a measurement."""

MIN_BAND_HZ = 1000.0
"""Width that a missing band must have in the source to be measured."""

N_FFT, HOP = 2048, 512
"""Of the spectrogram in which bands are exchanged."""

Stereo = Float32[np.ndarray, "2 T"]

Restore = Callable[[Stereo, float], Stereo]
"""Returns a recording with the band above a cut-off, in Hz, restored."""

Fill = Callable[[Tensor, Tensor], Tensor]
"""Takes a spectrogram and the first missing bin of each item; fills the band from there on."""


@dataclasses.dataclass(frozen=True)
class Case:
    """A recording that lost its band above a cut-off; ``name`` says how."""

    name: str
    degraded: Stereo
    cutoff_hz: float


@dataclasses.dataclass(frozen=True)
class Subject:
    """A recording with its bandwidth in Hz, and the cases that are made of it."""

    name: str
    source: Stereo
    bandwidth_hz: float
    cases: tuple[Case, ...]


@dataclasses.dataclass(frozen=True)
class RestorationRow:
    """What was measured of one recording, case and method.

    ``lsd`` is the log-spectral distance of all bins up to the bandwidth of the source, and
    ``lsd_high`` of those above the cut-off; 0 for equal signals. ``low_si_sdr_db`` compares the
    band more than 400 Hz below the cut-off with what was there before the restoration; infinite
    if nothing changed at all.
    """

    recording: str
    case: str
    method: str
    lsd: float
    lsd_high: float
    low_si_sdr_db: float


def cut_cases(
    source: Stereo, bandwidth_hz: float, sample_rate: int, cutoffs_hz: Sequence[float] = CUTOFFS_HZ
) -> tuple[Case, ...]:
    """Return a recording cut off as by a brick wall, wherever that takes 1 kHz or more from it."""
    return tuple(
        Case(f"{cutoff_hz:g} Hz", cut_off(source, cutoff_hz, sample_rate), cutoff_hz)
        for cutoff_hz in cutoffs_hz
        if cutoff_hz + MIN_BAND_HZ <= bandwidth_hz
    )


def cut_off(samples: Stereo, cutoff_hz: float, sample_rate: int) -> Stereo:
    """Return a recording without what is above a cut-off."""
    hertz = response_hertz(samples.shape[1], sample_rate)
    return apply_response(samples, brick_wall(hertz, cutoff_hz))


def evaluate_restoration(
    subjects: Iterable[Subject], methods: Mapping[str, Restore], sample_rate: int
) -> list[RestorationRow]:
    """Return what was measured, a row for each case of each recording and method."""
    return [
        _measure(subject, case, method, restore(case.degraded, case.cutoff_hz), sample_rate)
        for subject in subjects
        for case in subject.cases
        for method, restore in methods.items()
    ]


def left_as_it_is(degraded: Stereo, cutoff_hz: float) -> Stereo:
    """Return the band-limited recording itself: the first baseline."""
    return degraded


def replicated(degraded: Stereo, cutoff_hz: float, sample_rate: int) -> Stereo:
    """Return a recording whose missing band are copies of the octave below: the second baseline.

    The spectrum goes on falling as it falls below the cut-off; see `libsep.dsp.replication`.
    """
    return with_band(degraded, cutoff_hz, sample_rate, replicate)


def with_band(degraded: Stereo, cutoff_hz: float, sample_rate: int, fill: Fill) -> Stereo:
    """Return a recording whose band above a cut-off is what ``fill`` makes of its spectrogram."""
    with torch.inference_mode():
        spectrum = stft(torch.from_numpy(degraded), N_FFT, HOP)
        first_bins = torch.full((2,), first_bin(cutoff_hz, sample_rate, N_FFT))
        weights = band_weights(cutoff_hz, sample_rate, N_FFT)
        band = generated_band(spectrum, fill(spectrum, first_bins), weights)
        added = istft(band, N_FFT, HOP, degraded.shape[1]).numpy()
    return np.asarray(degraded + added, dtype=np.float32)


def low_band(samples: Stereo, cutoff_hz: float, sample_rate: int) -> Float32[np.ndarray, "2 _"]:
    """Return what lies more than 400 Hz below a cut-off, twice as far as the cross-fade reaches.

    Without the ends, where an excerpt breaks off, which is heard at all frequencies.
    """
    spectrum = stft(torch.from_numpy(samples), N_FFT, HOP)
    spectrum[:, first_bin(cutoff_hz - FADE_HZ, sample_rate, N_FFT) :] = 0
    low: np.ndarray = istft(spectrum, N_FFT, HOP, samples.shape[1]).numpy()
    n_ends = min(2 * N_FFT, samples.shape[1] // 4)
    return low[:, n_ends : samples.shape[1] - n_ends]


def _measure(
    subject: Subject, case: Case, method: str, estimate: Stereo, sample_rate: int
) -> RestorationRow:
    signals = torch.from_numpy(subject.source), torch.from_numpy(estimate)
    low = [low_band(each, case.cutoff_hz, sample_rate) for each in (case.degraded, estimate)]
    return RestorationRow(
        recording=subject.name,
        case=case.name,
        method=method,
        lsd=band_lsd(*signals, sample_rate, 0.0, subject.bandwidth_hz),
        lsd_high=band_lsd(*signals, sample_rate, case.cutoff_hz, subject.bandwidth_hz),
        low_si_sdr_db=si_sdr(*low),
    )

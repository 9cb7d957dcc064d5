"""How well a missing band is restored, beside doing nothing and copying the band below."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from libsep.dsp.low_pass import apply_response, brick_wall, response_hertz
from libsep.dsp.replication import replicate
from libsep.dsp.stft import istft, stft
from libsep.metrics import band_lsd, si_sdr
from libsep.nets.super_resolution import AmplitudePhaseNet
from libsep.restoration.band import FADE_HZ, band_weights, first_bin, generated_band

CUTOFFS_HZ = (4000.0, 8000.0, 11_000.0, 16_000.0)
"""Where recordings are cut for a measurement."""

N_FFT, HOP = 2048, 512

Stereo = Float32[np.ndarray, "2 T"]

Restore = Callable[[Stereo, float], Stereo]
"""Returns a recording with the band above a cut-off restored."""

Measures = dict[str, float]
"""``lsd``, ``lsd_high`` and ``low_si_sdr_db`` of one recording, cut-off and method."""


def cut_off(samples: Stereo, cutoff_hz: float, sample_rate: int) -> Stereo:
    """Return a recording without what is above a cut-off, as a brick wall leaves it."""
    hertz = response_hertz(samples.shape[1], sample_rate)
    return apply_response(samples, brick_wall(hertz, cutoff_hz))


def measure(
    source: Stereo, estimate: Stereo, cutoff_hz: float, bandwidth_hz: float, sample_rate: int
) -> Measures:
    """Return how far an estimate is from the source.

    Returns
    -------
    The log-spectral distance of all bins up to the bandwidth of the source (``lsd``) and of those
    above the cut-off (``lsd_high``), 0 for equal signals; and the SI-SDR in dB of the band that
    was there, below the cross-fade (``low_si_sdr_db``).
    """
    signals = torch.from_numpy(source), torch.from_numpy(estimate)
    low = [cut_off(each, cutoff_hz - FADE_HZ, sample_rate) for each in (source, estimate)]
    return {
        "lsd": band_lsd(*signals, sample_rate, 0.0, bandwidth_hz),
        "lsd_high": band_lsd(*signals, sample_rate, cutoff_hz, bandwidth_hz),
        "low_si_sdr_db": si_sdr(*low),
    }


def evaluate_restoration(
    recordings: Mapping[str, tuple[Stereo, float]],
    methods: Mapping[str, Restore],
    sample_rate: int,
    cutoffs_hz: tuple[float, ...] = CUTOFFS_HZ,
) -> dict[str, dict[float, dict[str, Measures]]]:
    """Return the measures by recording, cut-off and method.

    Parameters
    ----------
    recordings
        Samples and bandwidth in Hz by name; a cut-off that leaves less than 1 kHz of it to restore
        is left out.
    methods
        What restores, by name.
    sample_rate
        Of the recordings, in Hz.
    cutoffs_hz
        Where they are cut.
    """
    found: dict[str, dict[float, dict[str, Measures]]] = {}
    for name, (source, bandwidth_hz) in recordings.items():
        found[name] = {}
        for cutoff_hz in cutoffs_hz:
            if cutoff_hz + 1000.0 > bandwidth_hz:
                continue
            degraded = cut_off(source, cutoff_hz, sample_rate)
            found[name][cutoff_hz] = {
                method: measure(
                    source, restore(degraded, cutoff_hz), cutoff_hz, bandwidth_hz, sample_rate
                )
                for method, restore in methods.items()
            }
    return found


def left_as_it_is(degraded: Stereo, cutoff_hz: float) -> Stereo:
    """Return the band-limited recording itself."""
    return degraded


def replicated(degraded: Stereo, cutoff_hz: float, sample_rate: int) -> Stereo:
    """Return a recording whose missing band are copies of the octave below, with its tilt."""

    def fill(spectrum: Tensor, first_bins: Tensor) -> Tensor:
        return replicate(spectrum, first_bins)

    return _with_band(degraded, cutoff_hz, sample_rate, fill)


def restored(
    degraded: Stereo,
    cutoff_hz: float,
    sample_rate: int,
    network: AmplitudePhaseNet,
    *,
    is_bfloat16: bool,
) -> Stereo:
    """Return a recording whose missing band a network made, as `SuperResolver` does it."""

    def fill(spectrum: Tensor, first_bins: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=is_bfloat16):
            made: Tensor = network(spectrum, first_bins)
        return made

    return _with_band(degraded, cutoff_hz, sample_rate, fill)


def _with_band(
    degraded: Stereo, cutoff_hz: float, sample_rate: int, fill: Callable[[Tensor, Tensor], Tensor]
) -> Stereo:
    with torch.inference_mode():
        spectrum = stft(torch.from_numpy(degraded), N_FFT, HOP)
        first_bins = torch.full((2,), first_bin(cutoff_hz, sample_rate, N_FFT))
        made = fill(spectrum, first_bins)
        band = generated_band(spectrum, made, band_weights(cutoff_hz, sample_rate, N_FFT))
        added = istft(band, N_FFT, HOP, degraded.shape[1]).numpy()
    return np.asarray(degraded + added, dtype=np.float32)

"""Everything that is measured of the estimates of one song, target by target."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64

from libsep.datasets.songs import UNSCORED, Song
from libsep.evaluation.spectral import log_spectral_distances
from libsep.metrics import (
    FRAME_S,
    Reference,
    frame_sdr,
    si_sdr,
    usdr,
)
from libsep.track import TARGETS
from libsep.units import power_to_db, seconds_to_samples

SILENCE_DB = -70.0
"""A second whose RMS level is below this, relative to full scale, is silent."""

LIMIT_DB = 120.0
"""Ratios beyond this are set to it: 16-bit sources say nothing there."""

Estimates = Mapping[str, Float32[np.ndarray, "2 T"]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What was measured of one target of one song; None where it does not apply.

    Ratios are in dB. ``lsd``, ``lsd_high`` (from 8 kHz) and ``onset_lsd`` (near onsets) are
    log-spectral distances in units of log10 of power, less is better. ``sharpness_db`` and
    ``high_band_db`` compare attacks and treble with those of the source, 0 is best. ``leakage_db``
    is the energy of the estimate in the seconds in which the source is silent, relative to the
    mixture there; less is better. A source that is silent throughout (``is_silent``) has a leakage
    only. See `libsep.metrics` for the definitions.
    """

    usdr_db: float | None = None
    csdr_db: float | None = None
    sir_db: float | None = None
    sar_db: float | None = None
    si_sdr_db: float | None = None
    lsd: float | None = None
    lsd_high: float | None = None
    onset_lsd: float | None = None
    sharpness_db: float | None = None
    high_band_db: float | None = None
    leakage_db: float | None = None
    is_silent: bool = False


MEASURES = tuple(f.name for f in dataclasses.fields(Measures) if f.name != "is_silent")
"""Names of the numbers, in the order of tables."""


@runtime_checkable
class BssEval(Protocol):
    """What finds SIR and SAR; see `libsep.evaluation.bsseval`."""

    def __call__(
        self,
        sources: Mapping[str, Float32[np.ndarray, "2 T"]],
        estimates: Mapping[str, Float32[np.ndarray, "2 T"]],
        sample_rate: int,
    ) -> dict[str, tuple[float, float]]:
        """Return SIR and SAR by name, in dB."""
        ...


class References:
    """The sources of a song as `libsep.metrics.Reference`: each is looked at once for all models.

    Parameters
    ----------
    song
        The song.
    sample_rate
        In Hz.
    """

    def __init__(self, song: Song, sample_rate: int) -> None:
        self.song, self.sample_rate = song, sample_rate
        self._known: dict[str, Reference] = {}

    def of(self, target: str) -> Reference:
        """Return the source of a target."""
        if target not in self._known:
            source = torch.from_numpy(self.song.source(target))
            self._known[target] = Reference(source, self.sample_rate)
        return self._known[target]


def measure_song(
    references: References, estimates: Estimates, bss_eval: BssEval | None = None
) -> dict[str, Measures]:
    """Return what can be said about each estimate of a song.

    A target whose source is not known, because it is part of what is ``unscored``, is left out. A
    target that the song lacks is silent.
    """
    song, sample_rate = references.song, references.sample_rate
    silent_frames = {
        target: _is_silent(song.source(target), sample_rate)
        for target in TARGETS
        if target in estimates and (target in song.sources or UNSCORED not in song.sources)
    }
    heard = [target for target, silent in silent_frames.items() if not silent.all()]
    cut = _csdr_by_target(song, estimates, heard, sample_rate)
    ratios = bss_eval(*_for_bss_eval(song, estimates, heard), sample_rate) if bss_eval else {}
    mixture = _frame_energies(song.mixture(), sample_rate)
    measures = {}
    for target, silent in silent_frames.items():
        leakage_db = _leakage_db(estimates[target], mixture, silent, sample_rate)
        if target not in heard:
            measures[target] = Measures(leakage_db=leakage_db, is_silent=True)
            continue
        source, estimate = song.source(target), estimates[target]
        lsd, lsd_high = log_spectral_distances(source, estimate, sample_rate)
        reference, heard_estimate = references.of(target), torch.from_numpy(estimate)
        sir_db, sar_db = ratios.get(target, (math.nan, math.nan))
        measures[target] = Measures(
            usdr_db=_limited(usdr(source, estimate)),
            csdr_db=_limited(cut[target]),
            sir_db=_limited(sir_db),
            sar_db=_limited(sar_db),
            si_sdr_db=_limited(si_sdr(source, estimate)),
            lsd=round(lsd, 4),
            lsd_high=round(lsd_high, 4),
            onset_lsd=_limited(reference.onset_lsd(heard_estimate)),
            sharpness_db=_limited(reference.sharpness_db(heard_estimate)),
            high_band_db=_limited(reference.high_band_db(heard_estimate)),
            leakage_db=leakage_db,
        )
    return measures


def _csdr_by_target(
    song: Song, estimates: Estimates, targets: list[str], sample_rate: int
) -> dict[str, float]:
    """Return the median over seconds, of which a minute is held at a time."""
    if not targets:
        return {}
    minute = seconds_to_samples(60 * FRAME_S, sample_rate)
    ratios = [
        frame_sdr(
            np.stack([song.source(target, start, start + minute) for target in targets]),
            np.stack([estimates[target][:, start : start + minute] for target in targets]),
            sample_rate,
        )
        for start in range(0, song.n_samples, minute)
    ]
    joined = np.concatenate(ratios)
    medians = np.median(joined, axis=0) if len(joined) else np.full(len(targets), np.nan)
    return dict(zip(targets, medians.tolist(), strict=True))


def _for_bss_eval(
    song: Song, estimates: Estimates, targets: list[str]
) -> tuple[Estimates, Estimates]:
    """Return sources and estimates; what is unscored is one source more.

    Its estimate is the sum of those of the targets whose own source is not known.
    """
    sources = {target: song.source(target) for target in targets}
    parts = {target: estimates[target] for target in targets}
    unknown = [estimate for target, estimate in estimates.items() if target not in song.sources]
    if UNSCORED in song.sources and unknown:
        sources[UNSCORED] = song.source(UNSCORED)
        parts[UNSCORED] = np.sum(unknown, axis=0)
    return sources, parts


def _is_silent(
    signal: Float32[np.ndarray, "2 T"], sample_rate: int
) -> Bool[np.ndarray, " seconds"]:
    """Return which seconds are silent; the last one may be shorter."""
    frame = seconds_to_samples(FRAME_S, sample_rate)
    starts = np.arange(0, signal.shape[-1], frame)
    n_samples = np.minimum(starts + frame, signal.shape[-1]) - starts
    power = _frame_energies(signal, sample_rate) / (n_samples * len(signal))
    silent: Bool[np.ndarray, " seconds"] = power < 10 ** (SILENCE_DB / 10)
    return silent


def _frame_energies(
    signal: Float32[np.ndarray, "2 T"], sample_rate: int
) -> Float64[np.ndarray, " seconds"]:
    frame = seconds_to_samples(FRAME_S, sample_rate)
    squares = np.square(signal, dtype=np.float64).sum(0)
    energies: Float64[np.ndarray, " seconds"] = np.add.reduceat(
        squares, np.arange(0, len(squares), frame)
    )
    return energies


def _leakage_db(
    estimate: Float32[np.ndarray, "2 T"],
    mixture: Float64[np.ndarray, " seconds"],
    is_silent: Bool[np.ndarray, " seconds"],
    sample_rate: int,
) -> float | None:
    """Return the estimate's share of the mixture's energy where the source is silent, in dB."""
    reference = float(mixture[is_silent].sum())
    if reference == 0:
        return None
    return _limited(
        power_to_db(float(_frame_energies(estimate, sample_rate)[is_silent].sum()) / reference)
    )


def _limited(ratio_db: float) -> float | None:
    """Return a ratio within the limits, to the tenth of a thousandth; None for ``nan``."""
    if math.isnan(ratio_db):
        return None
    return round(min(max(ratio_db, -LIMIT_DB), LIMIT_DB), 4) + 0.0  # no -0.0

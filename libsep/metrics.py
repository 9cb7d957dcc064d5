"""How good estimates are: SDR in its variants, and what one hears of spectrum and transients."""

import math

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Int64
from torch import Tensor

from libsep.dsp.stft import n_frames, power, stft, stft_parts

FRAME_S = 1.0
"""Length of the frames of `frame_sdr`, in seconds."""

ONSET_FFT = 1024
"""Window in which onsets are looked for, in samples; the hop is a quarter of it."""

ONSET_FRAMES = 8
"""Frames that belong to an onset (46 ms at 44.1 kHz), and the least distance between two."""

HIGH_BAND_HZ = 8000.0
"""Where the high band begins."""

ATTACK_S = 0.01
"""Length of what is compared before and after an onset, in seconds."""

STEEPEST = 1e4
"""Largest rise of energy at an onset that counts (40 dB)."""


def usdr(source: Float32[np.ndarray, "C T"], estimate: Float32[np.ndarray, "C T"]) -> float:
    """Return the signal-to-distortion ratio over the whole track and all channels, in dB.

    ``10 log10(sum s² / sum (s - e)²)``. A perfect estimate gives ``inf``. If the source is
    silent, the ratio says nothing and the result is ``nan``.

    References
    ----------
    Mitsufuji et al., "Music Demixing Challenge 2021", Frontiers in Signal
    Processing 1, 2022, equation 1, without its small constants.
    """
    signal = float(np.sum(source.astype(np.float64) ** 2))
    distortion = float(np.sum((source.astype(np.float64) - estimate) ** 2))
    return _ratio_db(signal, distortion)


def frame_sdr(
    sources: Float32[np.ndarray, "S C T"], estimates: Float32[np.ndarray, "S C T"], sample_rate: int
) -> Float64[np.ndarray, "frames S"]:
    """Return the SDR of each frame of one second for each target, in dB: its median is the cSDR.

    As museval's SDR with frames of one second, which does not depend on its distortion filters.
    Like there, a frame in which any source or any estimate is silent counts for no target; it is
    left out, and so is the end that does not fill a frame.

    References
    ----------
    Stöter, Liutkus and Ito, "The 2018 signal separation evaluation campaign", LVA/ICA 2018.
    """
    frame = int(FRAME_S * sample_rate)
    ratios = [
        [usdr(*signals) for signals in zip(sources[..., cut], estimates[..., cut], strict=True)]
        for start in range(0, sources.shape[-1] - frame + 1, frame)
        for cut in [slice(start, start + frame)]
        if sources[..., cut].any((1, 2)).all() and estimates[..., cut].any((1, 2)).all()
    ]
    return np.array(ratios, dtype=np.float64).reshape(len(ratios), len(sources))


def si_sdr(source: Float32[np.ndarray, "C T"], estimate: Float32[np.ndarray, "C T"]) -> float:
    """Return the SDR after the best common gain of the source, in dB; ``nan`` if it is silent.

    References
    ----------
    Le Roux et al., "SDR - half-baked or well done?", ICASSP 2019, equation 3.
    """
    s, e = source.astype(np.float64), estimate.astype(np.float64)
    energy = float(np.sum(s**2))
    if energy == 0:
        return float("nan")
    scaled = float(np.sum(s * e)) / energy * s
    return _ratio_db(float(np.sum(scaled**2)), float(np.sum((scaled - e) ** 2)))


def lsd(
    source: Float[Tensor, "*lead T"],
    estimate: Float[Tensor, "*lead T"],
    n_fft: int = 2048,
    floor: float = 1e-8,
) -> float:
    """Return the log-spectral distance, in units of log10 of power; 0 for equal signals.

    The mean over frames of ``sqrt(mean over bins of (log10 |S|² - log10 |E|²)²)``. Powers below
    ``floor`` count as ``floor``, so silence against silence is 0.
    """
    logs = [
        stft(signal, n_fft, n_fft // 4).abs().square().clamp(min=floor).log10()
        for signal in (source, estimate)
    ]
    per_frame = (logs[0] - logs[1]).square().mean(dim=-2).sqrt()
    return float(per_frame.mean()) if per_frame.numel() else 0.0


def band_lsd(
    source: Float[Tensor, "C T"],
    estimate: Float[Tensor, "C T"],
    sample_rate: int,
    low_hz: float,
    high_hz: float,
) -> float:
    """Return the log-spectral distance (as `lsd`) of the bins from ``low_hz`` to below ``high_hz``.

    0 if there is no such bin.
    """
    n_fft, floor = 2048, 1e-8
    low, high = (math.ceil(hertz * n_fft / sample_rate) for hertz in (low_hz, high_hz))
    total, count = 0.0, 0
    spectra = zip(stft_parts(source, n_fft, n_fft // 4), stft_parts(estimate, n_fft, n_fft // 4),
                  strict=True)  # fmt: skip
    for parts in spectra:
        logs = [part[:, low:high].abs().square().clamp(min=floor).log10() for part in parts]
        if logs[0].numel() == 0:
            continue
        per_frame = (logs[0] - logs[1]).square().mean(dim=-2).sqrt()
        total, count = total + float(per_frame.sum()), count + per_frame.numel()
    return total / count if count else 0.0


def find_onsets(signal: Float[Tensor, "C T"]) -> Int64[Tensor, " onsets"]:
    """Return the frames in which notes or strokes begin, as numbers of `onset_spectrogram`.

    Where the square roots of the magnitudes rise at least twice as much as on average, and more
    than in the `ONSET_FRAMES` frames around; none in silence.
    """
    magnitudes = onset_spectrogram(signal).sqrt().sum(0)  # of the channels: (F, N)
    if magnitudes.shape[-1] < 2:
        return torch.zeros(0, dtype=torch.int64)
    rise = torch.zeros(magnitudes.shape[-1])
    rise[1:] = magnitudes.diff(dim=-1).clamp(min=0).sum(0)
    width = 2 * ONSET_FRAMES + 1
    highest = torch.nn.functional.max_pool1d(rise[None], width, stride=1, padding=ONSET_FRAMES)[0]
    return ((rise == highest) & (rise > 2 * rise.mean())).nonzero()[:, 0]


def find_attacks(signal: Float[Tensor, "C T"], sample_rate: int) -> Int64[Tensor, " attacks"]:
    """Return the samples at which the onsets of a signal begin, to 1.5 ms; none in silence.

    Where the energy of the 10 ms after a sample exceeds that of the 10 ms before the most, in the
    frames around each of `find_onsets`. Onsets at the very ends of the signal are left out.
    """
    return _attacks_at(find_onsets(signal), signal, sample_rate)


def _attacks_at(
    onsets: Int64[Tensor, " onsets"], signal: Float[Tensor, "C T"], sample_rate: int
) -> Int64[Tensor, " attacks"]:
    """Return what `find_attacks` does, the onsets being known."""
    length = int(ATTACK_S * sample_rate)
    centres = (onsets + 1) * (ONSET_FFT // 4) - ONSET_FFT // 2
    places = centres[:, None] + torch.arange(-ONSET_FFT // 2, ONSET_FFT, ONSET_FFT // 16)
    is_inside = (places >= length) & (places + length <= signal.shape[-1])
    places = places[is_inside.all(dim=1)]
    if len(places) == 0:
        return torch.zeros(0, dtype=torch.int64)
    before, after = _energies_around(signal, places, length)
    best = (after - before).argmax(dim=1, keepdim=True)  # an onset is more exact than a frame
    return places.gather(1, best)[:, 0]


def onset_spectrogram(signal: Float[Tensor, "C T"]) -> Float[Tensor, "C F N"]:
    """Return the magnitudes that onsets are looked for in."""
    parts = [part.abs() for part in stft_parts(signal, ONSET_FFT, ONSET_FFT // 4)]
    return torch.cat(parts, -1) if parts else signal.new_zeros((len(signal), ONSET_FFT // 2 + 1, 0))


class Reference:
    """A source, as what estimates are compared with at its onsets and above 8 kHz.

    What is looked for in the source is found once for all estimates.

    Parameters
    ----------
    source
        The true signal of a target.
    sample_rate
        In Hz.
    """

    def __init__(self, source: Float[Tensor, "C T"], sample_rate: int) -> None:
        self._sample_rate = sample_rate
        onsets = find_onsets(source)
        frames = onsets[:, None] + torch.arange(ONSET_FRAMES)
        self._is_near = torch.zeros(
            n_frames(source.shape[-1], ONSET_FFT, ONSET_FFT // 4), dtype=torch.bool
        )
        self._is_near[frames[frames < len(self._is_near)]] = True
        self._logs = self._logs_near(source)
        self._attacks = _attacks_at(onsets, source, sample_rate)[:, None]
        self._rises_db = self._rises(source)
        self._high, self._whole = self._energies(source)

    def onset_lsd(self, estimate: Float[Tensor, "C T"]) -> float:
        """Return the log-spectral distance (as `lsd`) within 46 ms of the onsets of the source.

        ``nan`` if it has none.
        """
        distances = (self._logs - self._logs_near(estimate)).square().mean(dim=-2).sqrt()
        return float(distances.mean()) if distances.numel() else float("nan")

    def sharpness_db(self, estimate: Float[Tensor, "C T"]) -> float:
        """Return how much steeper the estimate's onsets are than the source's, in dB.

        At each onset of the source the energy of the 10 ms after it is compared with that of the
        10 ms before; rises above 40 dB count as 40 dB. The mean difference is 0 for equal signals
        and negative if the onsets of the estimate are blurred, or covered by what leaks in from
        other targets. ``nan`` if the source has no onsets.
        """
        if len(self._attacks) == 0:
            return float("nan")
        return float((self._rises(estimate) - self._rises_db).mean())

    def high_band_db(self, estimate: Float[Tensor, "C T"]) -> float:
        """Return the energy of the estimate above 8 kHz relative to the source's, in dB.

        0 for equal signals, negative if treble is missing; ``nan`` if the source has none there,
        which is to say 80 dB less than in all its band.
        """
        if self._high <= 1e-8 * self._whole:
            return float("nan")
        return -_ratio_db(self._high, self._energies(estimate)[0])

    def _logs_near(self, signal: Float[Tensor, "C T"]) -> Float[Tensor, "C F near"]:
        """Return the logarithms of the powers near the onsets of the source."""
        logs = [signal.new_zeros((len(signal), ONSET_FFT // 2 + 1, 0))]
        first = 0
        for part in stft_parts(signal, ONSET_FFT, ONSET_FFT // 4):
            is_near = self._is_near[first : first + part.shape[-1]]
            logs.append(power(part[..., is_near]).clamp(min=1e-8).log10())
            first += part.shape[-1]
        return torch.cat(logs, -1)

    def _rises(self, signal: Float[Tensor, "C T"]) -> Float64[Tensor, "onsets 1"]:
        length = int(ATTACK_S * self._sample_rate)
        return _rise_db(*_energies_around(signal, self._attacks, length))

    def _energies(self, signal: Float[Tensor, "C T"]) -> tuple[float, float]:
        """Return the energies from `HIGH_BAND_HZ` on, and of all the band."""
        energies = torch.fft.rfft(signal).abs().double().square()
        first = int(HIGH_BAND_HZ / self._sample_rate * signal.shape[-1])
        return float(energies[:, first:].sum()), float(energies.sum())


def residual_db(
    mixture: Float32[np.ndarray, "C T"], estimates: Float32[np.ndarray, "S C T"]
) -> float:
    """Return the energy of mixture minus estimates relative to the mixture, in dB.

    ``-inf`` if they add up exactly; ``nan`` if the mixture is silent but the estimates are not.
    """
    error = mixture.astype(np.float64) - estimates.astype(np.float64).sum(0)
    residual = float(np.sum(error**2))
    if residual == 0:
        return float("-inf")
    return -_ratio_db(float(np.sum(mixture.astype(np.float64) ** 2)), residual)


def _energies_around(
    signal: Float[Tensor, "C T"], places: Int64[Tensor, "onsets places"], length: int
) -> tuple[Float64[Tensor, "onsets places"], Float64[Tensor, "onsets places"]]:
    """Return the energies of the ``length`` samples before and after samples."""
    total = torch.zeros(signal.shape[-1] + 1, dtype=torch.float64)
    total[1:] = signal.double().square().sum(0).cumsum(0)
    middle = total[places]
    return middle - total[places - length], total[places + length] - middle


def _rise_db(
    before: Float64[Tensor, "onsets 1"], after: Float64[Tensor, "onsets 1"]
) -> Float64[Tensor, "onsets 1"]:
    after = after.clamp(min=1e-12)
    return 10 * (after / torch.maximum(before, after / STEEPEST)).log10()


def _ratio_db(signal: float, distortion: float) -> float:
    if signal == 0:
        return float("nan")
    return float(10 * np.log10(signal / distortion)) if distortion else float("inf")

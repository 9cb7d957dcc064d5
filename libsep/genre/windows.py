"""The three stretches of a track that a classifier hears; works without torch."""

import functools
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from libsep.errors import DecodeError
from libsep.media.excerpt import decode_excerpt
from libsep.media.ffmpeg import STALL_TIMEOUT_S
from libsep.media.probe import probe_audio

SAMPLE_RATE = 22050
"""Rate of a window, in Hz."""

WINDOW_S = 10.0
WINDOW_SAMPLES = int(WINDOW_S * SAMPLE_RATE)

PLACES = (0.25, 0.5, 0.75)
"""Where the middle of each window lies, as a share of the track."""


def window_starts_s(duration_s: float, places: tuple[float, ...] = PLACES) -> tuple[float, ...]:
    """Return where the windows of a track of this length begin, in seconds."""
    last_s = max(duration_s - WINDOW_S, 0.0)
    return tuple(min(max(place * duration_s - WINDOW_S / 2, 0.0), last_s) for place in places)


def read_windows(
    path: Path,
    *,
    ffmpeg: Path,
    duration_s: float | None = None,
    places: tuple[float, ...] = PLACES,
    stall_timeout_s: float = STALL_TIMEOUT_S,
) -> Float32[np.ndarray, "N 2 T"]:
    """Decode the windows of a track, and little else of it.

    Parameters
    ----------
    path
        Audio file.
    ffmpeg
        The ffmpeg program.
    duration_s
        Length of the track in seconds; without it the file is asked, and one that does not know
        is heard from its beginning on.
    places
        Where the windows lie, as shares of the track.
    stall_timeout_s
        Seconds without data after which the track is given up.

    Raises
    ------
    ProbeError
        The file is no audio that can be read.
    DecodeError
        It cannot be decoded, or none of its windows holds audio.
    """
    if duration_s is None:
        info = probe_audio(path, ffmpeg=ffmpeg, stall_timeout_s=stall_timeout_s)
        duration_s = info.duration_s or 2 * WINDOW_S
    windows = [
        decode_excerpt(
            path,
            start_s=start_s,
            n_samples=WINDOW_SAMPLES,
            sample_rate=SAMPLE_RATE,
            ffmpeg=ffmpeg,
            stall_timeout_s=stall_timeout_s,
        )
        for start_s in window_starts_s(duration_s, places)
    ]
    heard = [window for window in windows if window.shape[1]]
    if not heard:
        raise DecodeError(path, f"no audio where it was looked for, in {duration_s:.1f} s")
    # A header that promises too much leaves the last windows empty: hear another one twice.
    return np.stack([_filled(window if window.shape[1] else heard[-1]) for window in windows])


def cut_windows(
    samples: Float32[np.ndarray, "2 T"], sample_rate: int
) -> Float32[np.ndarray, "3 2 t"]:
    """Return the windows of a track that is decoded already.

    Parameters
    ----------
    samples
        The whole track, in memory or mapped from a file; only the windows are read.
    sample_rate
        Rate of ``samples`` in Hz; a multiple of `SAMPLE_RATE`.

    Raises
    ------
    ValueError
        The rate is no multiple, or there are no samples.
    """
    factor, rest = divmod(sample_rate, SAMPLE_RATE)
    n_samples = samples.shape[1]
    if rest or not factor or not n_samples:
        raise ValueError(f"{n_samples} samples at {sample_rate} Hz, expected {SAMPLE_RATE} Hz × n")
    starts = (round(start * sample_rate) for start in window_starts_s(n_samples / sample_rate))
    cuts = (samples[:, start : start + factor * WINDOW_SAMPLES] for start in starts)
    return np.stack([_filled(_downsampled(cut, factor)) for cut in cuts])


def _filled(window: Float32[np.ndarray, "2 t"]) -> Float32[np.ndarray, "2 T"]:
    """Return a window of full length: a shorter one is repeated."""
    n_repeats = -(-WINDOW_SAMPLES // window.shape[1])
    repeated = np.tile(window, (1, n_repeats))[:, :WINDOW_SAMPLES]
    return np.ascontiguousarray(repeated, dtype=np.float32)


def _downsampled(samples: Float32[np.ndarray, "2 T"], factor: int) -> Float32[np.ndarray, "2 t"]:
    if factor == 1:
        return samples
    taps = _low_pass(factor)
    smooth = [np.convolve(channel, taps, mode="same")[::factor] for channel in samples]
    return np.stack(smooth).astype(np.float32)


@functools.cache
def _low_pass(factor: int) -> Float32[np.ndarray, " taps"]:
    """Return a low-pass filter for every ``factor``-th sample: flat to 0.84 of the new band.

    A sinc under a Kaiser window, which lets less than -60 dB through from the new band's end on.
    """
    reach = 24 * factor
    time = np.arange(-reach, reach + 1) / factor
    taps = np.sinc(0.92 * time) * np.kaiser(2 * reach + 1, 6.0)
    return np.asarray(taps / taps.sum(), dtype=np.float32)

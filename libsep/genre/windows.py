"""The three stretches of a track that a classifier hears; works without torch."""

import dataclasses
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from libsep.errors import DecodeError
from libsep.media.excerpt import decode_excerpt
from libsep.media.ffmpeg import STALL_TIMEOUT_S
from libsep.media.probe import probe_audio

PLACES = (0.25, 0.5, 0.75)
"""Where the middle of each window lies, as a share of the track."""


HEARD_SHARE = 1e-6
"""Windows with less power than this share of the loudest one's are not heard: 60 dB."""


@dataclasses.dataclass(frozen=True, slots=True)
class Window:
    """A stretch of audio: its rate in Hz, and its length in samples."""

    sample_rate: int
    n_samples: int

    @property
    def duration_s(self) -> float:
        """Its length in seconds."""
        return self.n_samples / self.sample_rate

    def starts_s(self, duration_s: float, places: tuple[float, ...] = PLACES) -> tuple[float, ...]:
        """Return where the windows of a track of this length begin, in seconds."""
        last_s = max(duration_s - self.duration_s, 0.0)
        starts = (place * duration_s - self.duration_s / 2 for place in places)
        return tuple(min(max(start, 0.0), last_s) for start in starts)


def read_windows(
    path: Path,
    *,
    ffmpeg: Path,
    window: Window,
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
    window
        Rate and length of each window.
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
        duration_s = info.duration_s or 2 * window.duration_s
    windows = [
        decode_excerpt(
            path,
            start_s=start_s,
            n_samples=window.n_samples,
            sample_rate=window.sample_rate,
            ffmpeg=ffmpeg,
            stall_timeout_s=stall_timeout_s,
        )
        for start_s in window.starts_s(duration_s, places)
    ]
    heard = [cut for cut in windows if cut.shape[1]]
    if not heard:
        raise DecodeError(path, f"no audio where it was looked for, in {duration_s:.1f} s")
    # A header that promises too much leaves the last windows empty: hear another one twice.
    cuts = (cut if cut.shape[1] else heard[-1] for cut in windows)
    return np.stack([_filled(cut, window.n_samples) for cut in cuts])


def without_silence(windows: Float32[np.ndarray, "N 2 T"]) -> Float32[np.ndarray, "M 2 T"]:
    """Return the windows that sound: all of them if none does.

    A track may be silent for minutes, such as before a hidden one.
    """
    power = np.square(windows, dtype=np.float64).mean(axis=(1, 2))
    heard: np.ndarray = windows[power >= HEARD_SHARE * power.max(initial=0)]
    return heard


def in_phase(windows: Float32[np.ndarray, "N 2 T"]) -> Float32[np.ndarray, "N 2 T"]:
    """Return windows of a track whose channels do not cancel each other when they are added.

    If a channel was inverted, left and right differ more than they have in common: then the right
    one is inverted. A constant offset, which is no sound, is taken away.
    """
    offset = windows.mean(axis=2, keepdims=True, dtype=np.float64).astype(np.float32)
    centred: np.ndarray = windows - offset
    if np.vdot(centred[:, 0], centred[:, 1]) < 0:
        centred[:, 1] *= -1
    return centred


def _filled(cut: Float32[np.ndarray, "2 t"], n_samples: int) -> Float32[np.ndarray, "2 T"]:
    """Return a window of full length: a shorter one is repeated."""
    n_repeats = -(-n_samples // cut.shape[1])
    repeated = np.tile(cut, (1, n_repeats))[:, :n_samples]
    return np.ascontiguousarray(repeated, dtype=np.float32)

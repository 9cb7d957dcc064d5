"""A few seconds out of a track, without decoding what comes before."""

from pathlib import Path

import ffmpeg as graphs
import numpy as np
from jaxtyping import Float32

from libsep.errors import DecodeError
from libsep.media.downmix import by_position
from libsep.media.ffmpeg import STALL_TIMEOUT_S, Process
from libsep.media.lost_input import check_input_was_whole
from libsep.media.pieces import pieces_of
from libsep.media.probe import INPUT_OPTIONS


def decode_excerpt(
    path: Path,
    *,
    start_s: float,
    n_samples: int,
    sample_rate: int,
    ffmpeg: Path,
    stall_timeout_s: float = STALL_TIMEOUT_S,
) -> Float32[np.ndarray, "2 T"]:
    """Return up to ``n_samples`` stereo samples from about ``start_s`` on.

    For listening, not for converting: ffmpeg jumps to the place by the file's index or by its bit
    rate, the resampler is its fastest, and channels of no position are not heard. Of a file in
    several pieces, it is the first one.

    Parameters
    ----------
    path
        Audio file.
    start_s
        Where to begin, in seconds.
    n_samples
        How much to decode; fewer samples come back where the track ends, none behind its end.
    sample_rate
        Rate of the samples that come out, in Hz.
    ffmpeg
        The ffmpeg program.
    stall_timeout_s
        Seconds without data after which the track is given up.

    Raises
    ------
    DecodeError
        ffmpeg cannot read the file, moved nothing for too long, or lost the disk in the midst.
    """
    try:
        first = next(piece for piece in pieces_of(path).all if piece.url)
    except OSError as exc:
        raise DecodeError(path, f"cannot be read: {exc.strerror}") from exc
    options = {**INPUT_OPTIONS, **first.options}
    audio = graphs.input(first.url, **(options | {"ss": f"{start_s:.3f}"}))["a:0"]
    audio = by_position(audio).filter("aresample", sample_rate)
    audio = audio.filter("aformat", sample_fmts="flt", channel_layouts="stereo")
    graph = audio.output("pipe:1", format="f32le", acodec="pcm_f32le", t=n_samples / sample_rate)
    with Process(
        graph, ffmpeg=ffmpeg, path=path, error=DecodeError, stall_timeout_s=stall_timeout_s
    ) as process:
        data = process.read(8 * n_samples)
        process.finish()
        if len(data) < 8 * n_samples:
            check_input_was_whole(process, path, first.url, options, ffmpeg=ffmpeg)
    samples = np.frombuffer(data, "<f4", len(data) // 8 * 2).reshape(-1, 2).T
    return np.where(np.isfinite(samples), samples, np.float32(0))

"""All audio streams of a stem file at once, from any sample on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ffmpeg as graphs
import numpy as np
from jaxtyping import Float32

from libsep.errors import DecodeError
from libsep.media.ffmpeg import STALL_TIMEOUT_S, Process, file_url

OPTIONS: dict[str, Any] = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov",
    "vn": None,
    "copyts": None,
}
"""How a stem file is opened: only as this one file, with the times that its packets have."""

LEAD_S = 0.25
"""How much earlier decoding begins than the first sample that is wanted, in seconds: a frame of
AAC is whole only after the one before it, and files seek to the start of a frame."""


def decode_streams(
    path: Path,
    *,
    ffmpeg: Path,
    n_streams: int,
    sample_rate: int,
    start_samples: int,
    n_samples: int,
    block_samples: int,
    stall_timeout_s: float = STALL_TIMEOUT_S,
) -> Iterator[Float32[np.ndarray, "S 2 T"]]:
    """Yield a stretch of the first streams of an MP4 file, block by block.

    The samples are those that decoding from the start gives, bit for bit, wherever the stretch
    begins; only what is needed is decoded. All streams lie on one clock, that of the file's own
    times: a stream that begins late or ends early is silent there. Together the blocks hold exactly
    ``n_samples``, and silence behind the end of the file.

    Parameters
    ----------
    path
        MP4 file whose first audio streams are stereo.
    ffmpeg
        The ffmpeg program.
    n_streams
        How many streams.
    sample_rate
        That of all of them, in Hz.
    start_samples, n_samples
        The stretch.
    block_samples
        Length of the blocks; only the last one may be shorter.
    stall_timeout_s
        Seconds without data after which the file is given up.

    Raises
    ------
    DecodeError
        ffmpeg cannot read the file, or moved nothing for too long.
    """
    graph = _graph(path, n_streams, sample_rate, start_samples, n_samples)
    frame_bytes = 8 * n_streams
    with Process(
        graph, ffmpeg=ffmpeg, path=path, error=DecodeError, stall_timeout_s=stall_timeout_s
    ) as process:
        for done in range(0, n_samples, block_samples):
            expected = min(block_samples, n_samples - done) * frame_bytes
            data = process.read(expected)
            if len(data) < expected:
                process.finish()
                raise process.fail(f"ends {done} samples after sample {start_samples}")
            frames = np.frombuffer(data, "<f4").reshape(-1, n_streams, 2).transpose(1, 2, 0)
            yield np.where(np.isfinite(frames), frames, np.float32(0)).copy(order="C")
        process.finish()


def _graph(path: Path, n_streams: int, sample_rate: int, start_samples: int, n_samples: int) -> Any:
    """Return what has ffmpeg write a stretch of all streams, interleaved, as 32-bit floats."""
    options = dict(OPTIONS)
    lead_s = start_samples / sample_rate - LEAD_S
    if lead_s > 0:
        options |= {"ss": f"{lead_s:.6f}", "noaccurate_seek": None}
    source = graphs.input(file_url(path), **options)
    streams = [
        source[f"a:{index}"]
        .filter("atrim", start_pts=start_samples, end_pts=start_samples + n_samples)
        .filter("aresample", sample_rate, **{"async": 1}, first_pts=start_samples)
        .filter("aformat", sample_fmts="flt", channel_layouts="stereo")
        .filter("apad", whole_len=n_samples)
        for index in range(n_streams)
    ]
    merged = graphs.filter(streams, "amerge", inputs=n_streams)
    return merged.output("pipe:1", format="f32le", acodec="pcm_f32le")

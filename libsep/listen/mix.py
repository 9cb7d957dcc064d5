"""A mix of the streams as a WAV file, made while it is sent."""

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64

from libsep.media.sheet import Sheet
from libsep.media.streams import decode_streams

BYTES_PER_FRAME = 6
"""Two channels of 24 bits."""

FULL_SCALE = (1 << 23) - 1
BLOCK_SAMPLES = 1 << 17
MAX_32_BIT = 0xFFFFFFFF


def mixed(
    sheet: Sheet, gains: Sequence[float], *, start_samples: int, n_samples: int, ffmpeg: Path
) -> Iterator[Float64[np.ndarray, "2 T"]]:
    """Yield the sum of all streams, each with its gain (a factor), block by block.

    Raises
    ------
    DecodeError
        The file cannot be decoded.
    """
    factors = np.asarray(gains, dtype=np.float64)
    for block in decode_streams(
        sheet.path,
        ffmpeg=ffmpeg,
        n_streams=sheet.n_streams,
        sample_rate=sheet.sample_rate,
        start_samples=start_samples,
        n_samples=n_samples,
        block_samples=BLOCK_SAMPLES,
    ):
        yield np.tensordot(factors, block, axes=1)


def wav_header(n_samples: int, sample_rate: int) -> bytes:
    """Return the header of a WAV file of 24 bits and two channels.

    Beyond 4 GB it is one of RF64, which holds the lengths in 64 bits.

    References
    ----------
    EBU Tech 3306, "MBWF / RF64".
    """
    n_bytes = n_samples * BYTES_PER_FRAME  # even, so that no byte of padding follows
    fmt = struct.pack(
        "<4sIHHIIHH", b"fmt ", 16, 1, 2, sample_rate, sample_rate * BYTES_PER_FRAME,
        BYTES_PER_FRAME, 24,
    )  # fmt: skip
    riff_bytes = 4 + len(fmt) + 8 + n_bytes
    if riff_bytes <= MAX_32_BIT:
        head = struct.pack("<4sI4s", b"RIFF", riff_bytes, b"WAVE")
        return head + fmt + struct.pack("<4sI", b"data", n_bytes)
    head = struct.pack("<4sI4s", b"RF64", MAX_32_BIT, b"WAVE")
    ds64 = struct.pack("<4sIQQQI", b"ds64", 28, riff_bytes + 36, n_bytes, n_samples, 0)
    return head + ds64 + fmt + struct.pack("<4sI", b"data", MAX_32_BIT)


def pcm24(samples: Float64[np.ndarray, "2 T"] | Float32[np.ndarray, "2 T"]) -> bytes:
    """Return samples as interleaved integers of 24 bits, rounded; what is above full scale clips.

    Full scale 1.0 is 2²³ - 1.
    """
    steps = np.rint(samples.T * FULL_SCALE).clip(-FULL_SCALE - 1, FULL_SCALE).astype("<i4")
    return np.ascontiguousarray(steps).view(np.uint8).reshape(-1, 4)[:, :3].tobytes()

"""Music that the benchmarks convert: a real excerpt, repeated to the length that is asked for."""

import resource
import struct
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from libsep.library.demo.files import example_stem_file
from libsep.media.decode import decode_file
from libsep.media.ffmpeg import find_ffmpeg

SAMPLE_RATE = 44100


def mixture_of(duration_s: float) -> np.ndarray:
    """Return the mixture of stempeg's example, ``(2, T)``, repeated to ``duration_s`` seconds."""
    excerpt = decode_file(example_stem_file(), ffmpeg=find_ffmpeg())
    n_samples = round(duration_s * SAMPLE_RATE)
    repeats = -(-n_samples // excerpt.shape[1])
    return np.tile(excerpt, repeats)[:, :n_samples]


def write_wave(path: Path, duration_s: float) -> Path:
    """Write whole minutes of the mixture as a 16-bit WAVE file, hours of it in little memory."""
    excerpt = mixture_of(60.0)
    data = (np.clip(excerpt.T, -1, 1) * 32767).astype("<i2").tobytes()
    n_minutes = round(duration_s / 60)
    n_bytes = len(data) * n_minutes
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", 36 + n_bytes, b"WAVE", b"fmt ", 16, 1, 2, SAMPLE_RATE, 4 * SAMPLE_RATE, 4, 16,
        b"data", n_bytes,
    )  # fmt: skip
    with path.open("wb") as file:
        file.write(head)
        for _ in range(n_minutes):
            file.write(data)
    return path


def write_mp3(path: Path, duration_s: float, music: list[Path]) -> Path:
    """Write pieces of music, one after the other and again, as an MP3 of 192 kbit/s."""
    ffmpeg = [str(find_ffmpeg()), "-v", "error", "-y"]
    coder = ["-vn", "-ac", "2", "-ar", str(SAMPLE_RATE), "-c:a", "libmp3lame", "-b:a", "192k"]
    with tempfile.TemporaryDirectory() as folder:
        once = Path(folder) / "once.mp3"
        inputs = [word for piece in music for word in ("-i", str(piece))]
        joined = "".join(f"[{index}:a:0]" for index in range(len(music)))
        joined += f"concat=n={len(music)}:v=0:a=1"
        subprocess.run([*ffmpeg, *inputs, "-filter_complex", joined, *coder, once], check=True)
        repeated = ["-stream_loop", "-1", "-i", once, "-t", str(duration_s), "-c", "copy"]
        subprocess.run([*ffmpeg, *repeated, path], check=True)
    return path


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)

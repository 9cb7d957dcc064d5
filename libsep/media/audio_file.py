"""Plain audio files: one stereo stream, written while it is made."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import ffmpeg as graphs
import numpy as np
from jaxtyping import Float32

from libsep.errors import StemsError
from libsep.media.encode import quantise_alac
from libsep.media.ffmpeg import STALL_TIMEOUT_S, Process, file_url


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AudioFormat:
    """A kind of file: extension, ffmpeg's options, and whether samples beyond ±1.0 survive."""

    extension: str
    options: Mapping[str, Any]
    is_integer: bool = False
    is_unlimited: bool = False


FORMATS: Mapping[str, AudioFormat] = {
    "wav": AudioFormat(
        extension=".wav",
        options={"format": "wav", "c:a": "pcm_s24le"},
        is_integer=True,
    ),
    "float": AudioFormat(
        extension=".wav",
        options={"format": "wav", "c:a": "pcm_f32le"},
        is_unlimited=True,
    ),
    "flac": AudioFormat(
        extension=".flac",
        options={
            "format": "flac", "c:a": "flac", "sample_fmt": "s32", "bits_per_raw_sample": 24,
            "strict": "experimental",
        },
        is_integer=True,
    ),
    "mp3": AudioFormat(
        extension=".mp3", options={"format": "mp3", "c:a": "libmp3lame", "b:a": "320k"}
    ),
    "m4a": AudioFormat(
        extension=".m4a", options={"format": "ipod", "c:a": "aac", "b:a": "256k", "aac_pns": 0}
    ),
}  # fmt: skip
"""By the names of the command line: WAV of 24 bits or 32-bit floats, FLAC of 24 bits, MP3 of
320 kbit/s, AAC of 256 kbit/s."""

MAX_RIFF_BYTES = 4_000_000_000
"""Audio beyond this needs RF64, whose lengths have 64 bits; many players know only RIFF."""

PCM, EXTENSIBLE = b"\x01\x00", b"\xfe\xff"
"""Codes of formats in a WAV file."""


class AudioWriter:
    """One ffmpeg that encodes a stereo stream from a pipe into a file.

    Use it as a context manager; leaving the block with an error, or without `close`, stops ffmpeg
    and leaves a useless file to the caller.

    Parameters
    ----------
    path
        File to write; an existing one is overwritten.
    audio_format
        One of `FORMATS`.
    sample_rate
        In Hz.
    n_samples
        How many will be written, per channel.
    ffmpeg
        The ffmpeg program.
    stall_timeout_s
        Seconds without progress after which ffmpeg is given up.
    """

    def __init__(
        self,
        path: Path,
        audio_format: AudioFormat,
        *,
        sample_rate: int,
        n_samples: int,
        ffmpeg: Path,
        stall_timeout_s: float = STALL_TIMEOUT_S,
    ) -> None:
        self._is_integer = audio_format.is_integer
        sample_format = "s32le" if self._is_integer else "f32le"
        source = graphs.input("pipe:0", format=sample_format, ar=sample_rate, ac=2).audio
        options = dict(audio_format.options)
        if options["format"] == "wav" and n_samples * 8 > MAX_RIFF_BYTES:
            options["rf64"] = "always"
        self._path = path
        self._has_plain_header = self._is_integer and options["format"] == "wav"
        graph = source.output(filename=file_url(path), map_metadata=-1, **options)
        self._process = Process(
            graph, ffmpeg=ffmpeg, path=path, error=StemsError, stall_timeout_s=stall_timeout_s
        )

    def __enter__(self) -> "AudioWriter":
        """Start ffmpeg."""
        self._process.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End ffmpeg, whether or not the file is whole."""
        self._process.__exit__(exc_type, exc, traceback)

    def write(self, block: Float32[np.ndarray, "2 T"]) -> None:
        """Append samples, full scale ±1.0.

        Raises
        ------
        StemsError
            ffmpeg has ended, or takes nothing any more.
        """
        samples = np.ascontiguousarray(block.T)
        data = quantise_alac(samples).tobytes() if self._is_integer else samples.tobytes()
        self._process.write(data)

    def close(self) -> None:
        """Finish the file.

        Raises
        ------
        StemsError
            ffmpeg failed.
        """
        self._process.finish()
        if self._has_plain_header:
            _say_pcm(self._path)


def _say_pcm(path: Path) -> None:
    """Call the 24 bits of a WAV file what they are.

    ffmpeg names them by the code for formats with more than two channels, and the header goes on
    after that as it would anyway. DJ players refuse files with that code.
    """
    try:
        with path.open("r+b") as file:
            head = file.read(256)
            place = head.find(b"fmt ") + 8
            if place >= 20 and head[place : place + 2] == EXTENSIBLE:
                file.seek(place)
                file.write(PCM)
    except OSError as exc:
        raise StemsError(path, f"cannot be written: {exc.strerror}") from exc

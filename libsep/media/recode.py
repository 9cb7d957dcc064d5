"""What a lossy encoder makes of a recording."""

from pathlib import Path
from typing import Literal

import ffmpeg as graphs
import numpy as np
from jaxtyping import Float32

from libsep.errors import DecodeError
from libsep.media.atomic import temporary
from libsep.media.decode import SAMPLE_RATE, decode_file
from libsep.media.ffmpeg import Process, file_url

LossyCodec = Literal["mp3", "aac"]

_ENCODERS = {"mp3": ("libmp3lame", "mp3", ".mp3"), "aac": ("aac", "ipod", ".m4a")}


def recode(
    path: Path, folder: Path, codec: LossyCodec, bitrate_kbps: int, *, ffmpeg: Path
) -> Float32[np.ndarray, "2 T"]:
    """Encode the first audio stream of a file, and return what is decoded from that.

    The samples are aligned with those of `decode_file` for the file itself, to the sample; a few
    more may follow at the end.

    Parameters
    ----------
    path
        Audio file.
    folder
        Where the encoded file lies for a moment.
    codec, bitrate_kbps
        MP3 by LAME or AAC by ffmpeg's own encoder, at a constant bit rate in kbit/s.
    ffmpeg
        The ffmpeg program.

    Raises
    ------
    DecodeError
        The file cannot be decoded, or this ffmpeg has no such encoder.
    """
    encoder, muxer, suffix = _ENCODERS[codec]
    with temporary(folder / f"{path.stem}-{bitrate_kbps}{suffix}") as part:
        audio = graphs.input(file_url(path))["a:0"].filter("aresample", SAMPLE_RATE)
        audio = audio.filter("aformat", channel_layouts="stereo")
        graph = audio.output(
            filename=file_url(part), format=muxer, acodec=encoder, audio_bitrate=f"{bitrate_kbps}k"
        )
        with Process(graph, ffmpeg=ffmpeg, path=path, error=DecodeError) as process:
            process.finish()
        return decode_file(part, ffmpeg=ffmpeg)

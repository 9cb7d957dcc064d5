"""Encode the mixture and its four stems into one MP4, while they are being made."""

import collections
import math
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import ffmpeg as graphs
import numpy as np
from jaxtyping import Float32, Int32

from libsep.errors import StemsError
from libsep.media.atoms import MalformedAtomError
from libsep.media.ffmpeg import STALL_TIMEOUT_S, Process, file_url
from libsep.media.fragments import FRAGMENTED, defragment
from libsep.media.stems import STREAM_NAMES
from libsep.units import amplitude_to_db

Codec = Literal["aac", "alac"]
AacCoder = Literal["twoloop", "fast"]

AAC_PRIMING_SAMPLES = 2112
"""Samples before the first one in a stem file: what Apple's encoder has, and readers assume."""

NATIVE_PRIMING_SAMPLES = 1024
"""What ffmpeg's own AAC encoder has; the difference is added as silence before time 0."""

ALAC_FULL_SCALE = 1 << 23
"""ALAC holds 24 bits: a 24-bit source stays bit for bit what it was, and the rounding of five
streams (-142 dB) stays far below any converter's noise. 16 bits would halve the file."""

AAC_HEADROOM_DB = 3.0
"""Peaks above full scale that AAC carries well; its largest numbers end near there."""

AAC_OPTIONS = {"twoloop": {"aac_pns": 0}, "fast": {"aac_pns": 0, "aac_is": 0, "aac_tns": 0}}
"""Tools of ffmpeg's encoder that each coder goes without: noise substitution is 5 dB worse on
drums; with intensity stereo ``fast`` misses the mixture by 14 dB more, and it gains nothing from
noise shaping in time (``benchmarks/encoders.py``)."""

NARROW = ("Bass",)
"""Streams that ``twoloop`` encodes in any case. ``fast`` has to spend its bits, and where one loud
tone is nearly all there is, its steps become so small that the tone exceeds its largest number: a
sine at -1 dB loses 3 dB, and basses of loud songs are wrong by -25 dB where ``twoloop`` is by -40.
On most other streams it errs less than ``twoloop``, and is twice as quick; not on loud mono ones
with much bass."""

WIDE_KBPS = 256
"""Bit rate from which ``fast`` is told to keep all that is below `WIDE_HZ`; by itself it ends at
20 kHz, as ``twoloop`` does not. It costs neither time nor, at this rate, precision below."""

WIDE_HZ = 22050

MAX_PENDING = 2
"""Blocks that wait for the encoder before `StemEncoder.write` waits too."""


class StemEncoder:
    """One ffmpeg that encodes five stereo streams from one pipe into an MP4 with ``moov`` last.

    All streams get the same number of samples, encoder and settings, so they stay aligned. The
    file is no stem file yet: tags and the final pass (`stems.finalise`) follow. Use it as a
    context manager; leaving the block with an error, or without `close`, stops ffmpeg and leaves
    a useless file to the caller.

    Parameters
    ----------
    path
        File to write; an existing one is overwritten.
    ffmpeg
        The ffmpeg program.
    codec
        ``aac``, or ``alac`` with 24 bits.
    bitrate_kbps
        Constant bit rate of each AAC stream, in kbit/s.
    aac_coder
        How ffmpeg's encoder looks for its step sizes. ``fast`` takes half to three
        quarters of the time of ``twoloop``, and at 256 kbit/s seldom errs more but in what is
        `NARROW`.
    sample_rate
        Rate of the samples, in Hz: 44100 or 48000.
    stall_timeout_s
        Seconds without progress after which ffmpeg is given up.

    Attributes
    ----------
    n_samples
        Samples per channel that were written so far.
    n_clipped
        Samples, of all ten channels, that were above full scale; only ALAC has to cut them.
    """

    def __init__(
        self,
        path: Path,
        *,
        ffmpeg: Path,
        codec: Codec = "aac",
        bitrate_kbps: int = 256,
        aac_coder: AacCoder = "fast",
        sample_rate: int = 44100,
        stall_timeout_s: float = STALL_TIMEOUT_S,
    ) -> None:
        if sample_rate not in (44100, 48000):
            raise ValueError(f"stem files hold 44100 or 48000 Hz, not {sample_rate}")
        self.n_samples = 0
        self.n_clipped = 0
        self._peak = 0.0
        self._path = path
        self._codec = codec
        options = _codec_options(codec, bitrate_kbps, aac_coder)
        self._process = Process(
            _graph(path, codec, sample_rate, options),
            ffmpeg=ffmpeg,
            path=path,
            error=StemsError,
            stall_timeout_s=stall_timeout_s,
        )
        self._pending: collections.deque[Future[None]] = collections.deque()

    def __enter__(self) -> "StemEncoder":
        """Start ffmpeg."""
        self._process.__enter__()
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="stem-encoder")
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End ffmpeg, whether or not the file is finished."""
        self._process.kill()
        self._writer.shutdown(cancel_futures=True)
        self._process.__exit__(exc_type, exc, traceback)

    @property
    def pid(self) -> int:
        """Number of the process of ffmpeg."""
        return self._process.pid

    @property
    def warnings(self) -> list[str]:
        """What was odd about the samples."""
        over_db = amplitude_to_db(self._peak)
        if over_db <= 0:  # silence has no finite one
            return []
        advice = f"a gain_db lower by {math.ceil(10 * over_db) / 10:.1f} would avoid it"
        if self.n_clipped:
            return [f"{self.n_clipped} samples clipped, by up to {over_db:.1f} dB; {advice}"]
        if self._codec == "aac" and over_db > AAC_HEADROOM_DB:
            return [f"peaks of {over_db:.1f} dB above full scale are distorted by AAC; {advice}"]
        return []

    def write(
        self, mixture: Float32[np.ndarray, "2 T"], stems: Float32[np.ndarray, "4 2 T"]
    ) -> None:
        """Give the next samples to the encoder; it works on them while the caller goes on.

        Parameters
        ----------
        mixture
            Full scale ±1.0; AAC keeps what is above, ALAC clips it.
        stems
            In the order of `TARGETS`, as many samples as ``mixture``.

        Raises
        ------
        StemsError
            ffmpeg has failed, now or in an earlier block; or a sample is no finite number.
        """
        streams = np.concatenate([mixture[None], stems])
        if not np.isfinite(streams).all():
            raise StemsError(self._path, "samples to encode are not finite; is the model broken?")
        while len(self._pending) >= MAX_PENDING or (self._pending and self._pending[0].done()):
            self._pending.popleft().result()
        samples = streams.reshape(10, -1).T  # (T, 10)
        self._measure_peak(samples)
        if self._codec == "alac":
            samples = quantise_alac(samples)
        self._pending.append(self._writer.submit(self._process.write, samples.tobytes()))
        self.n_samples += mixture.shape[1]

    def close(self) -> None:
        """Finish the file.

        Raises
        ------
        StemsError
            ffmpeg failed, or there was not one sample.
        """
        while self._pending:
            self._pending.popleft().result()
        if self.n_samples == 0:
            raise StemsError(self._path, "no samples to encode")
        self._process.finish()
        try:
            with self._path.open("r+b") as file:
                defragment(file)
        except MalformedAtomError as exc:
            message = f"expected an MP4 in fragments as ffmpeg writes it: {exc}"
            raise StemsError(self._path, message) from exc
        except OSError as exc:
            raise StemsError(self._path, f"cannot be written: {exc.strerror}") from exc

    def _measure_peak(self, samples: Float32[np.ndarray, "T C"]) -> None:
        peak = float(max(samples.max(initial=0.0), -samples.min(initial=0.0)))
        self._peak = max(self._peak, peak)
        if self._codec == "alac" and peak > 1.0:
            self.n_clipped += int((np.abs(samples) > 1.0).sum())


def quantise_alac(samples: Float32[np.ndarray, "*axes"]) -> Int32[np.ndarray, "*axes"]:
    """Round to the nearest of 2**24 steps, half to even, and clip; the steps are multiples of 256.

    The lower 8 bits of 32 are 0 because ffmpeg's ALAC encoder drops them.
    """
    steps = np.rint(samples * np.float32(ALAC_FULL_SCALE))
    return steps.clip(-ALAC_FULL_SCALE, ALAC_FULL_SCALE - 1).astype(np.int32) << 8


def _codec_options(codec: Codec, bitrate_kbps: int, aac_coder: AacCoder) -> dict[str, Any]:
    if codec == "alac":
        return {"c:a": "alac", "sample_fmt": "s32p"}
    is_widened = aac_coder == "fast" and bitrate_kbps >= WIDE_KBPS
    return {
        "c:a": "aac",
        "b:a": f"{bitrate_kbps}k",
        "aac_coder": aac_coder,
        **AAC_OPTIONS[aac_coder],
        **({"cutoff": WIDE_HZ} if is_widened else {}),
    }


def _graph(path: Path, codec: Codec, sample_rate: int, options: dict[str, Any]) -> Any:
    """Return the ffmpeg graph: ten channels in, five stereo streams out."""
    sample_format = "f32le" if codec == "aac" else "s32le"
    source = graphs.input("pipe:0", format=sample_format, ar=sample_rate, ac=10).audio
    split = source.filter_multi_output("asplit", len(STREAM_NAMES))
    lead = AAC_PRIMING_SAMPLES - NATIVE_PRIMING_SAMPLES
    streams = []
    by_stream = {}
    for index, name in enumerate(STREAM_NAMES):
        channels = f"{2 * index}|{2 * index + 1}"
        stream = split.stream(index).filter("channelmap", map=channels, channel_layout="stereo")
        if codec == "aac":
            if name in NARROW:
                by_stream[f"aac_coder:a:{index}"] = "twoloop"
            stream = stream.filter("adelay", f"{lead}S", all=1).filter("asetpts", f"PTS-{lead}")
        streams.append(stream)
        by_stream[f"disposition:a:{index}"] = "default" if index == 0 else "0"
        by_stream[f"metadata:s:a:{index}"] = f"handler_name={name}"
    return graphs.output(
        *streams,
        filename=file_url(path),
        format="mp4",
        movie_timescale=sample_rate,
        map_metadata=-1,
        map_chapters=-1,
        **FRAGMENTED,
        **options,
        **by_stream,
    )

"""The samples of all pieces of a track, one after the other, each from an ffmpeg of its own."""

import contextlib
from pathlib import Path
from types import TracebackType
from typing import Any

import ffmpeg as graphs

from libsep.errors import DecodeError, TrackError
from libsep.media.downmix import to_stereo
from libsep.media.ffmpeg import Process, version
from libsep.media.lost_input import check_input_was_whole
from libsep.media.pieces import Piece
from libsep.media.probe import INPUT_OPTIONS, AudioInfo

FRAME_BYTES = 8
"""Two floats."""


class PieceReader:
    """Reads a track as stereo floats; a context manager that is read from once.

    Parameters
    ----------
    path
        Audio file.
    info
        What `libsep.media.probe.probe_audio` found, with the pieces.
    stream
        Which of the file's audio streams, from 0.
    sample_rate
        Rate of the samples that come out, in Hz.
    ffmpeg
        The ffmpeg program.
    stall_timeout_s
        Seconds without data after which the track is given up.
    """

    def __init__(
        self,
        path: Path,
        info: AudioInfo,
        *,
        stream: int,
        sample_rate: int,
        ffmpeg: Path,
        stall_timeout_s: float,
    ) -> None:
        self._path = path
        self._info = info
        self._stream = stream
        self._sample_rate = sample_rate
        self._ffmpeg = ffmpeg
        self._stall_timeout_s = stall_timeout_s
        self._stack = contextlib.ExitStack()
        self._complaints: list[str] = []
        self._n_begun = 0
        self._n_silent_bytes = 0
        self._process: Process | None = None

    def __enter__(self) -> "PieceReader":
        """Start the ffmpeg of the first piece."""
        self._begin_next()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End ffmpeg, whether or not everything was read."""
        self._stack.close()

    @property
    def pid(self) -> int:
        """Number of the process of ffmpeg; 0 while a silent piece is read."""
        return self._process.pid if self._process is not None else 0

    @property
    def complaints(self) -> list[str]:
        """Distinct complaints of ffmpeg about all pieces so far."""
        return list(dict.fromkeys(self._complaints))

    def read(self, n_bytes: int) -> bytes:
        """Return the next ``n_bytes`` of samples; fewer only at the end of the last piece.

        Raises
        ------
        DecodeError
            ffmpeg failed or stalled.
        """
        data = bytearray()
        while len(data) < n_bytes:
            try:
                data += self._read(n_bytes - len(data))
                if len(data) < n_bytes and not self._go_on():
                    break
            except TrackError as exc:
                raise self._named(exc) from exc.__cause__
        return bytes(data)

    def fail(self, message: str) -> TrackError:
        """Return an error about the track, with ffmpeg's last messages."""
        if self._process is not None:
            return self._process.fail(message)
        return DecodeError(self._path, message)

    def _read(self, n_bytes: int) -> bytes:
        if self._process is not None:
            return self._process.read(n_bytes)
        n_silent = min(n_bytes, self._n_silent_bytes)
        self._n_silent_bytes -= n_silent
        return bytes(n_silent)

    def _go_on(self) -> bool:
        """End the piece that has been read; return whether there is another one, and begin it."""
        if self._process is not None:
            self._process.finish()
            self._check_input(self._process)
            self._complaints += self._process.complaints
        if self._n_begun == len(self._info.pieces):
            return False
        self._stack.close()
        self._begin_next()
        return True

    def _check_input(self, process: Process) -> None:
        """Raise if the disk of the piece that has been read failed in the midst of it."""
        piece = self._info.pieces[self._n_begun - 1]
        options = {**INPUT_OPTIONS, **piece.options}
        check_input_was_whole(process, self._path, piece.url, options, ffmpeg=self._ffmpeg)

    def _begin_next(self) -> None:
        piece = self._info.pieces[self._n_begun]
        self._n_begun += 1
        if not piece.url:
            self._process = None
            self._n_silent_bytes = FRAME_BYTES * round((piece.length_s or 0) * self._sample_rate)
            return
        process = Process(
            self._graph(piece),
            ffmpeg=self._ffmpeg,
            path=self._path,
            error=DecodeError,
            stall_timeout_s=self._stall_timeout_s,
        )
        self._process = self._stack.enter_context(process)

    def _graph(self, piece: Piece) -> Any:
        """Return the ffmpeg graph: a piece of an audio stream as stereo floats in a pipe."""
        audio = graphs.input(piece.url, **{**INPUT_OPTIONS, **piece.options})[f"a:{self._stream}"]
        if piece.length_s is not None:
            first = round(piece.start_s * self._info.sample_rate)
            end = first + round(piece.length_s * self._info.sample_rate)
            audio = audio.filter("atrim", start_sample=first, end_sample=end)
        audio = to_stereo(audio, self._info)
        resampler = (
            {"resampler": "soxr", "precision": 28}
            if "--enable-libsoxr" in version(self._ffmpeg)
            else {"filter_size": 128, "phase_shift": 10, "cutoff": 0.97, "linear_interp": 1}
        )
        audio = audio.filter("aresample", self._sample_rate, **resampler)
        audio = audio.filter("aformat", sample_fmts="flt", channel_layouts="stereo")
        return audio.output("pipe:1", format="f32le", acodec="pcm_f32le")

    def _named(self, exc: TrackError) -> TrackError:
        """Return an error that says which piece it is about, if there are several."""
        n_pieces = len(self._info.pieces)
        if n_pieces == 1:
            return exc
        return type(exc)(exc.path, f"part {self._n_begun} of {n_pieces}: {exc.message}", exc.log)

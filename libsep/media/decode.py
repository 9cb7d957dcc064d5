"""Turn any audio file into stereo samples, block by block."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import ffmpeg as graphs
import numpy as np
from jaxtyping import Float32

from libsep.errors import ProbeError
from libsep.media.ffmpeg import (
    PIPE_BYTES,
    STALL_TIMEOUT_S,
    Process,
    file_url,
    find_ffmpeg,
)
from libsep.media.lost_input import check_input_was_whole
from libsep.media.piece_reader import FRAME_BYTES, PieceReader
from libsep.media.pieces import pieces_of
from libsep.media.probe import INPUT_OPTIONS, AudioInfo, opening_error, probe_audio, read_head

SAMPLE_RATE = 44100
"""Rate of the models and of stem files, in Hz; every source is resampled to it."""

BLOCK_SAMPLES = 1 << 19
"""Samples that `decode_file` reads at once: 12 s."""

N_WARNINGS = 8
"""Distinct complaints of ffmpeg that become warnings; more only say more of the same."""

NOTICED_LOSS_S = 0.1
"""How much of a track may be missing without a warning: what codecs add at both ends."""

MAX_AMPLITUDE = 8.0
"""Largest sample that is taken for sound: 18 dB above full scale. Damaged AAC decodes to 90 dB."""

MUTED_SAMPLES = 2048
"""How much becomes silent from a sample on that is no sound: the rest of a damaged frame."""

MIN_SAMPLES = 441
"""Shortest track: a hundredth of a second. Players find nothing in stem files of few samples."""


class Decoder:
    """A track as a stream of stereo blocks, decoded by one ffmpeg that runs as far as it is read.

    Use it as a context manager and iterate over it once. Leaving it early is fine: ffmpeg is gone
    when the block ends.

    * Mono goes to both channels at unchanged level, and two channels are left and right. More than
      two channels become two by the weights of ITU-R BS.775 (centre and surrounds at -3 dB, no
      LFE), scaled so that full scale in all channels at once does not clip: a 5.1 track becomes
      7.7 dB quieter. That holds for each part of a track whose channels change.
    * A track of several pieces (`libsep.media.pieces`) is decoded piece by piece.
    * Another sample rate is converted by soxr at 28 bits (flat to 20 kHz, images and aliases below
      -140 dB), or by a long filter of ffmpeg's own where soxr is missing. Stem files hold 44.1 or
      48 kHz and the models know one rate, so 96 kHz sources lose what is above 22 kHz.
    * A sample that is no finite number, or above `MAX_AMPLITUDE`, is damage: from it on
      `MUTED_SAMPLES` are silent, with a warning.
    * A slightly damaged track is kept, with ffmpeg's complaints as warnings. A track that ends
      far before the length in its header is an error.

    Parameters
    ----------
    path
        Audio file.
    ffmpeg
        The ffmpeg program.
    block_samples
        Length of the blocks; only the last one may be shorter.
    sample_rate
        Rate of the samples that come out, in Hz.
    stream
        Which of the file's audio streams, from 0.
    info
        What `probe_audio` found, if it was asked before.
    stall_timeout_s
        Seconds without data after which the track is given up.
    max_duration_s
        Longest track that is decoded, in seconds; no limit if None.
    min_samples
        A file that gives fewer is an error: too short for a track.

    Attributes
    ----------
    info
        What the file says about itself.
    n_samples
        Samples per channel that were handed out so far.
    warnings
        What was odd about the file; complete after the last block.
    """

    def __init__(
        self,
        path: Path,
        *,
        ffmpeg: Path,
        block_samples: int,
        sample_rate: int = SAMPLE_RATE,
        stream: int = 0,
        info: AudioInfo | None = None,
        stall_timeout_s: float = STALL_TIMEOUT_S,
        max_duration_s: float | None = None,
        min_samples: int = MIN_SAMPLES,
    ) -> None:
        if block_samples <= 0:
            raise ValueError(f"blocks of {block_samples} samples, expected at least one")
        self.info = info or probe_audio(
            path, ffmpeg=ffmpeg, stream=stream, stall_timeout_s=stall_timeout_s
        )
        self.n_samples = 0
        self.warnings = list(self.info.warnings)
        self._path = path
        self._sample_rate = sample_rate
        self._block_samples = block_samples
        self._max_duration_s = max_duration_s
        self._min_samples = min_samples
        self._n_muted = 0
        self._n_to_mute = 0
        self._reader = PieceReader(
            path,
            self.info,
            stream=stream,
            sample_rate=sample_rate,
            ffmpeg=ffmpeg,
            stall_timeout_s=stall_timeout_s,
        )

    def __enter__(self) -> "Decoder":
        """Start ffmpeg."""
        self._reader.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End ffmpeg, whether or not everything was read."""
        self._reader.__exit__(exc_type, exc, traceback)

    @property
    def pid(self) -> int:
        """Number of the process of ffmpeg."""
        return self._reader.pid

    def __iter__(self) -> Iterator[Float32[np.ndarray, "2 T"]]:
        """Yield the blocks in order.

        Raises
        ------
        DecodeError
            ffmpeg failed or stalled; there are no samples, far fewer than the header says, or more
            than `max_duration_s`; or most of them are damage.
        """
        while data := self._reader.read(self._block_samples * FRAME_BYTES):
            samples = np.frombuffer(data, "<f4", len(data) // FRAME_BYTES * 2)
            block = np.array(samples.reshape(-1, 2).T, order="C")
            self._mute_damage(block)
            self.n_samples += block.shape[1]
            self._check_not_too_long()
            yield block
        self.warnings += self._reader.complaints[:N_WARNINGS]
        if self._n_muted:
            muted_s = self._n_muted / self._sample_rate
            self.warnings.append(f"{muted_s:.2f} s are damaged (no sound) and were made silent")
        self._check_complete()

    def _mute_damage(self, block: Float32[np.ndarray, "2 T"]) -> None:
        """Silence damage; how far does not depend on how the track is cut into blocks."""
        n_samples = block.shape[1]
        is_bad = ~(np.abs(block) <= MAX_AMPLITUDE).all(axis=0)  # true for NaN, too
        if not is_bad.any() and self._n_to_mute == 0:
            return
        positions = np.arange(n_samples)
        last_bad = np.maximum.accumulate(np.where(is_bad, positions, -MUTED_SAMPLES))
        is_muted = (positions - last_bad < MUTED_SAMPLES) | (positions < self._n_to_mute)
        block[:, is_muted] = 0
        self._n_muted += int(is_muted.sum())
        left_after_last = MUTED_SAMPLES - (n_samples - int(last_bad[-1]))
        self._n_to_mute = max(left_after_last, self._n_to_mute - n_samples, 0)

    def _check_not_too_long(self) -> None:
        limit_s = self._max_duration_s
        if limit_s is not None and self.n_samples > limit_s * self._sample_rate:
            raise self._reader.fail(f"longer than {limit_s:g} s, the longest that is converted")

    def _check_complete(self) -> None:
        """Compare the decoded length with the header's."""
        if self.n_samples == 0:
            raise self._reader.fail("no samples: the file has a header, but no audio")
        if self.n_samples < self._min_samples:
            raise self._reader.fail(f"{self.n_samples} samples are too short for a track")
        if self._n_muted > self.n_samples / 2:
            raise self._reader.fail(
                f"{self._n_muted / self.n_samples:.0%} of it is no sound, but numbers beyond "
                f"{MAX_AMPLITUDE:g} × full scale (floats that were written as if they were 16 bit?)"
            )
        found_s = self.n_samples / self._sample_rate
        expected_s = self.info.duration_s
        if expected_s is None or not self.info.is_duration_exact:
            return
        if found_s < expected_s - tolerated_loss_s(expected_s):
            raise self._reader.fail(
                f"only {found_s:.1f} s could be decoded, the header says {expected_s:.1f} s; "
                "the file is cut short or damaged"
            )
        if found_s < expected_s - NOTICED_LOSS_S:
            self.warnings.append(f"{expected_s - found_s:.1f} s of the audio are missing")


def tolerated_loss_s(duration_s: float) -> float:
    """Return how much of a damaged track may be missing before it is an error, in seconds.

    One second, or 1 % of a longer track, and never more than 5 s: lost frames, no lost ending. Of
    a track shorter than three seconds it is a third.
    """
    return min(duration_s / 3, max(1.0, min(0.01 * duration_s, 5.0)))


def decode_blocks(
    path: Path,
    *,
    ffmpeg: Path,
    block_samples: int,
    sample_rate: int = SAMPLE_RATE,
    stall_timeout_s: float = STALL_TIMEOUT_S,
) -> Iterator[Float32[np.ndarray, "2 T"]]:
    """Yield a track's samples in stereo blocks; see `Decoder`, which also tells the warnings."""
    with Decoder(
        path,
        ffmpeg=ffmpeg,
        block_samples=block_samples,
        sample_rate=sample_rate,
        stall_timeout_s=stall_timeout_s,
    ) as decoder:
        yield from decoder


def decode_file(
    path: Path,
    *,
    ffmpeg: Path | None = None,
    sample_rate: int = SAMPLE_RATE,
    stream: int = 0,
    min_samples: int = MIN_SAMPLES,
) -> Float32[np.ndarray, "2 T"]:
    """Return all samples of a file, in stereo.

    Parameters
    ----------
    path
        Audio file.
    ffmpeg
        The ffmpeg program; by default the one that `find_ffmpeg` finds.
    sample_rate
        Rate of the samples that come out, in Hz.
    stream
        Which of the file's audio streams, from 0; a stem file has five.
    min_samples
        A file that gives fewer is an error: too short for a track.

    Returns
    -------
    Samples, full scale ±1.0.

    Raises
    ------
    ProbeError
        The file is no audio that can be read.
    DecodeError
        It cannot be decoded, or ends early.
    """
    with Decoder(
        path,
        ffmpeg=ffmpeg or find_ffmpeg(),
        block_samples=BLOCK_SAMPLES,
        sample_rate=sample_rate,
        stream=stream,
        min_samples=min_samples,
    ) as decoder:
        return np.concatenate(list(decoder), axis=1)


def hash_audio(path: Path, *, ffmpeg: Path, stall_timeout_s: float = STALL_TIMEOUT_S) -> str:
    """Return the SHA-256 of the packets of a file's first audio stream, in hexadecimal.

    Nothing is decoded, and only the packets count: tags, cover and padding may change.

    Raises
    ------
    ProbeError
        The file is no audio that can be read, or has no packets.
    """
    head = read_head(path)
    digest = hashlib.sha256()
    for url, options in _packet_sources(path, digest):
        options = {**INPUT_OPTIONS, **options}
        packets = graphs.input(url, **options)["a:0"]
        with Process(
            packets.output("pipe:1", format="data", acodec="copy"),
            ffmpeg=ffmpeg,
            path=path,
            error=ProbeError,
            stall_timeout_s=stall_timeout_s,
        ) as process:
            is_empty = True
            try:
                while part := process.read(PIPE_BYTES):
                    digest.update(part)
                    is_empty = False
                process.finish()
            except ProbeError as exc:
                raise opening_error(path, head, process.lines, exc) from exc
            check_input_was_whole(process, path, url, options, ffmpeg=ffmpeg)
            if is_empty:
                raise process.fail("has a header, but no audio")
    return digest.hexdigest()


def _packet_sources(path: Path, digest: Any) -> list[tuple[bytes, dict[str, Any]]]:
    """Return what ffmpeg opens to read the packets of a file; tell ``digest`` of its edits."""
    try:
        pieces = pieces_of(path).all
    except OSError as exc:
        raise ProbeError(path, f"cannot be read: {exc.strerror}") from exc
    if any("ignore_editlist" in piece.options for piece in pieces):
        digest.update(repr([(piece.start_s, piece.length_s) for piece in pieces]).encode())
        return [(file_url(path), {"ignore_editlist": 1})]
    return [(piece.url, piece.options) for piece in pieces]

"""What a file says about its audio, and whether it is audio at all."""

import dataclasses
import re
import stat
from pathlib import Path
from typing import Any

import ffmpeg as graphs

from libsep.errors import DecodeError, ProbeError
from libsep.media.ffmpeg import STALL_TIMEOUT_S, Process
from libsep.media.id3_objection import id3_objection
from libsep.media.pieces import Piece, Pieces, pieces_of

FORMATS = (
    "aac", "ac3", "aiff", "amr", "amrnb", "amrwb", "ape", "asf", "au", "avi", "caf", "dsf", "dts",
    "dtshd", "eac3", "flac", "flv", "iff", "matroska", "mlp", "mov", "mp3", "mpc", "mpc8", "mpeg",
    "mpegts", "ogg", "oma", "rm", "shn", "tak", "truehd", "tta", "voc", "w64", "wav", "wv",
)  # fmt: skip
"""Containers, by ffmpeg's names, that are opened. None of them refers to other files: playlists
(hls, concat, dash, imf, sdp ...) are missing on purpose."""

INPUT_OPTIONS: dict[str, Any] = {
    "protocol_whitelist": "file,pipe",
    "format_whitelist": ",".join(FORMATS),
    "vn": None,
    "sn": None,
    "dn": None,
}
"""How every source is opened: only as this one file, and only its audio."""

PROTECTED_TAGS = ("drms", "enca", "aavd")
"""Sample entries of MP4 whose audio is encrypted: iTunes Store, Common Encryption, Audible."""


SAMPLE_RATES = range(2_000, 3_000_000)
"""Rates in Hz that music may have: from telephones to DSD. Others are damaged headers."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AudioInfo:
    """What a file says about one of its audio streams.

    ``codec`` and ``channel_layout`` are in ffmpeg's words (``mp3``, ``5.1(side)``),
    ``sample_rate`` is in Hz. ``duration_s`` is the header's length in seconds, None where it has
    none; ``is_duration_exact`` is False where ffmpeg guessed it from the bit rate, or where other
    streams may be longer than the audio. ``pieces`` are what is decoded, in this order;
    ``warnings`` say what is odd about the file.
    """

    codec: str
    sample_rate: int
    n_channels: int
    channel_layout: str
    duration_s: float | None
    is_duration_exact: bool
    pieces: tuple[Piece, ...]
    warnings: tuple[str, ...] = ()


def probe_audio(
    path: Path, *, ffmpeg: Path, stream: int = 0, stall_timeout_s: float = STALL_TIMEOUT_S
) -> AudioInfo:
    """Read the header of a file and decode the first frame of its audio.

    Parameters
    ----------
    path
        File that may be audio.
    ffmpeg
        The ffmpeg program.
    stream
        Which of the file's audio streams, from 0.
    stall_timeout_s
        Seconds after which a file that gives no data is given up.

    Raises
    ------
    ProbeError
        The file is empty, text, a playlist, protected, without audio, or cannot be read.
    DecodeError
        It has an audio stream, but not one frame of it could be decoded, or it is cut short.
    """
    head = read_head(path)
    try:
        pieces = pieces_of(path, stream)
    except OSError as exc:
        raise ProbeError(path, f"cannot be read: {exc.strerror}") from exc
    first = pieces.all[0]
    source = graphs.input(first.url, **{**INPUT_OPTIONS, **first.options})
    audio = source[f"a:{stream}"].filter("ashowinfo")
    # The times of the file, not from its first sample on.
    graph = audio.output("pipe:1", format="null", **{"frames:a": 1}).global_args("-copyts")
    with Process(
        graph,
        ffmpeg=ffmpeg,
        path=path,
        error=ProbeError,
        stall_timeout_s=stall_timeout_s,
        level="info",
    ) as process:
        try:
            process.finish()
        except ProbeError as exc:
            raise opening_error(path, head, process.lines, exc) from exc
        return _parse(path, process.lines, pieces, stream=stream, log=process.log)


def read_head(path: Path) -> bytes:
    """Return the first bytes of a regular file; nothing of a pipe, which may never answer.

    Raises
    ------
    ProbeError
        The file is empty, a folder, or cannot be read.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise ProbeError(path, "is a folder, expected an audio file")
        if not stat.S_ISREG(mode):
            return b""
        with path.open("rb") as file:
            head = file.read(1024)
            objection = id3_objection(file, is_skipped=True)
    except OSError as exc:
        raise ProbeError(path, f"cannot be read: {exc.strerror}") from exc
    if not head:
        raise ProbeError(path, "is empty (0 bytes), expected audio")
    if objection:
        raise ProbeError(path, f"cannot be opened: {objection}; remove the tag")
    return head


def opening_error(path: Path, head: bytes, lines: list[str], exc: ProbeError) -> ProbeError:
    """Return ``exc`` with a reason that tells more, if the file's head or ffmpeg's lines do."""
    return ProbeError(path, _reason(head, lines) or _in_plain_words(exc.message), exc.log)


def _in_plain_words(message: str) -> str:
    """Return what an error of ffmpeg means to the owner of the file, with its words behind."""
    code, separator, reason = message.partition(": ")
    if not code.startswith("ffmpeg ended with code") or not separator:
        return message
    if "Error opening input" in reason:
        return f"is no audio that can be opened; damaged, cut short or misnamed? ({reason})"
    return f"its audio cannot be read; damaged or cut short? ({reason})"


def _reason(head: bytes, lines: list[str]) -> str:
    text = "\n".join(lines)
    if protection := _protection(lines):
        return protection
    if "matches no streams" in text:
        return "has no audio stream"
    if head and _is_text(head):
        kind = "a playlist" if re.match(rb"#EXT|ffconcat|\[playlist\]|<", head) else "text"
        return f"is {kind}, expected audio"
    if "moov atom not found" in text:
        return "is an MP4 without its index (moov); it is cut short or was never finished"
    if "not on whitelist" in text:
        return "is a kind of file that libsep does not open (playlist, video, game or tracker)"
    return ""


def _is_text(head: bytes) -> bool:
    try:
        text = head[:1000].decode()
    except UnicodeDecodeError:
        return False
    return all(char.isprintable() or char.isspace() for char in text)


def _protection(lines: list[str]) -> str:
    tags = "|".join(PROTECTED_TAGS)
    for line in lines:
        if match := re.match(rf"\[info\]   Stream #0:.*: Audio: .*\(({tags}) /", line):
            return f"is protected by DRM ({match.group(1)}) and cannot be decoded"
        if "DRM protected" in line:
            return "is protected by DRM and cannot be decoded"
    return ""


def _parse(path: Path, lines: list[str], pieces: Pieces, *, stream: int, log: str) -> AudioInfo:
    """Read what ffmpeg printed about the file and its first frame."""
    if protection := _protection(lines):
        raise ProbeError(path, protection, log)
    n_lines = lines.index("[info] Stream mapping:") if "[info] Stream mapping:" in lines else None
    inputs = [line for line in lines[:n_lines] if line.startswith("[info]   Stream #0:")]
    codecs = [match.group(1) for line in inputs if (match := re.search(r": Audio: (\w+)", line))]
    frame = next((match for line in lines if (match := _FRAME.search(line))), None)
    if frame is None:
        raise DecodeError(path, "not one frame of the audio could be decoded; is it damaged?", log)
    if int(frame["rate"]) not in SAMPLE_RATES:
        raise ProbeError(path, f"says {frame['rate']} Hz, no rate of music; is its header damaged?")
    duration_s, is_end = pieces.duration_s, pieces.is_end
    if duration_s is None:
        duration_s = next(
            (_seconds(match) for line in lines if (match := _DURATION.match(line))), None
        )
        is_end = any(_COUNTS_FROM_0.match(line) for line in lines)
    if duration_s is not None and is_end:
        duration_s -= max(float(frame["start_s"]), 0.0)
    is_alone = all(": Audio: " in line or "(attached pic)" in line for line in inputs)
    is_estimate = any("Estimating duration" in line for line in lines)
    is_exact = pieces.is_exact and is_alone and not is_estimate
    return AudioInfo(
        codec=codecs[stream],
        sample_rate=int(frame["rate"]),
        n_channels=int(frame["channels"]),
        channel_layout=frame["layout"],
        duration_s=duration_s,
        is_duration_exact=duration_s is not None and (is_exact or pieces.duration_s is not None),
        pieces=pieces.all,
        warnings=pieces.warnings,
    )


_FRAME = re.compile(
    r"pts_time:(?P<start_s>-?[0-9.e+]+) .*"
    r"channels:(?P<channels>\d+) chlayout:(?P<layout>.+) rate:(?P<rate>\d+)"
)
_DURATION = re.compile(r"\[info\]   Duration: (\d+):(\d+):(\d+\.\d+)")

_COUNTS_FROM_0 = re.compile(r"\[info\] Input #0, (matroska|flv|asf)")
"""Formats whose length is the time of their end, wherever they begin."""


def _seconds(duration: re.Match[str]) -> float:
    hours, minutes, seconds = duration.groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)

"""Tags of the containers that mutagen does not read (WebM, Matroska, CAF), by way of ffmpeg."""

import re
from collections.abc import Iterator
from pathlib import Path

import ffmpeg as graphs

from libsep.errors import TagError
from libsep.media.ffmpeg import Process, file_url
from libsep.media.id3_objection import id3_objection
from libsep.media.pieces import Piece, piece_between_tags
from libsep.media.probe import FORMATS

_MAX_BYTES = 16 << 20
_STALL_TIMEOUT_S = 30.0
_DURATION = re.compile(r"\[info\]   Duration: (\d+):(\d+):([\d.]+)")
_START = re.compile(r"\[info\] Input #0, (?:matroska|flv).*?, start: ([\d.]+)", re.DOTALL)
_SAMPLE_RATE = re.compile(r"Audio: .*?, (\d+) Hz")


def read_ffmetadata(path: Path, ffmpeg: Path) -> tuple[list[tuple[str, str]], float | None, int]:
    """Return the tags of a file, its length in seconds and its sample rate in Hz.

    Keys come as they lie in the file. Tags of the streams count too, behind those of the file;
    those of chapters do not. A length that the header does not tell is None.

    Raises
    ------
    TagError
        ffmpeg cannot open the file, finds no audio in it, or stalls.
    """
    _check_tag(path)
    piece = piece_between_tags(path) or Piece(url=file_url(path))
    options = {"protocol_whitelist": "file,pipe", "format_whitelist": ",".join(FORMATS)}
    source = graphs.input(piece.url, **{**options, **piece.options})
    graph = source.output("pipe:1", format="ffmetadata")
    with Process(
        graph,
        ffmpeg=ffmpeg,
        path=path,
        error=TagError,
        stall_timeout_s=_STALL_TIMEOUT_S,
        level="info",
    ) as process:
        text = process.read(_MAX_BYTES).decode("utf-8", "replace")
        process.finish()
        messages = "\n".join(process.lines)
    duration = _DURATION.search(messages)
    sample_rate = _SAMPLE_RATE.search(messages)
    if sample_rate is None:
        raise TagError(path, "neither mutagen nor ffmpeg finds audio in it")
    duration_s = _to_seconds(*duration.groups()) if duration else None
    if duration_s is not None and (start := _START.search(messages)):
        duration_s -= float(start.group(1))  # it is the time of the end
    return list(parse_ffmetadata(text)), duration_s, int(sample_rate.group(1))


def _check_tag(path: Path) -> None:
    try:
        with path.open("rb") as file:
            objection = id3_objection(file, is_skipped=True)
    except OSError as exc:
        raise TagError(path, f"cannot be read: {exc.strerror}") from exc
    if objection:
        raise TagError(path, objection)


def _to_seconds(hours: str, minutes: str, seconds: str) -> float:
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def parse_ffmetadata(text: str) -> Iterator[tuple[str, str]]:
    r"""Yield keys and values of ffmpeg's metadata format.

    A backslash escapes ``=``, ``;``, ``#``, itself and the end of a line.
    """
    section = ""
    for line in re.findall(r"(?:\\.|[^\\\n])+", text, re.DOTALL):
        if line.startswith("["):
            section = line
        if line.startswith((";", "#", "[")) or section == "[CHAPTER]":
            continue
        match = re.fullmatch(r"((?:\\.|[^\\=])*)=(.*)", line, re.DOTALL)
        if match is not None:
            key, value = (re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL) for part in match.groups())
            yield key, value

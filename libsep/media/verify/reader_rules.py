"""Rules B2 to B5: ffmpeg's libraries, on which most players build, read five equal streams."""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import ffmpeg as graphs

from libsep.errors import VerifyError
from libsep.media.ffmpeg import Process, file_url
from libsep.media.stems import STREAM_NAMES
from libsep.media.verify.report import Finding

READ_BYTES = 1 << 16
N_STREAMS = len(STREAM_NAMES)


@dataclasses.dataclass(slots=True)
class _Reading:
    """What ffmpeg said about a file: its inputs, and each stream's layout, start and length."""

    inputs: list[str]
    complaints: list[str]
    layouts: dict[int, str] = dataclasses.field(default_factory=dict)
    starts: dict[int, int] = dataclasses.field(default_factory=dict)
    n_samples: dict[int, int] = dataclasses.field(default_factory=dict)


def check_readers(path: Path, ffmpeg: Path) -> Iterator[Finding]:
    """Decode all audio streams of a file and yield the broken rules B2 to B5."""
    reading = _read(path, ffmpeg)
    audio = [index for index, line in enumerate(reading.inputs) if ": Audio: " in line]
    if audio[:N_STREAMS] != list(range(N_STREAMS)):
        yield Finding("B2", "error", f"audio streams are {audio}, expected 0 to {N_STREAMS - 1}")
    layouts = list(reading.layouts.values())
    starts = list(reading.starts.values())
    lengths = list(reading.n_samples.values())
    if layouts != ["stereo"] * N_STREAMS or set(starts) != {0} or len(set(lengths)) != 1:
        found = f"layouts {layouts}, starts {starts}, lengths {lengths} (samples)"
        yield Finding("B3", "error", f"expected five stereo streams, from 0, equally long: {found}")
    defaults = [index for index in audio if "(default)" in reading.inputs[index]]
    if defaults != [0]:
        yield Finding("B4", "error", f"default streams are {defaults}, expected only 0")
    if reading.complaints:
        yield Finding("B5", "error", f"does not decode: {reading.complaints[0]}")


def _read(path: Path, ffmpeg: Path) -> _Reading:
    """Decode everything into a list of frames: stream, times, length and checksum of each."""
    options = {"protocol_whitelist": "file", "format_whitelist": "mov", "vn": None}
    streams = graphs.input(file_url(path), **options)["a"]
    graph = streams.output("pipe:1", format="framecrc", acodec="pcm_s16le", flush_packets=0)
    reading = _Reading([], [])
    with Process(graph, ffmpeg=ffmpeg, path=path, error=VerifyError, level="info") as process:
        rest = b""
        try:
            while part := process.read(READ_BYTES):
                *lines, rest = (rest + part).split(b"\n")
                for line in lines:
                    _parse_line(line.decode(errors="replace"), reading)
            process.finish()
        except VerifyError as exc:
            reading.complaints.append(exc.message)
        mapping = "[info] Stream mapping:"
        n_lines = process.lines.index(mapping) if mapping in process.lines else len(process.lines)
        reading.inputs = [
            line for line in process.lines[:n_lines] if line.startswith("[info]   Stream #0:")
        ]
        # What was said before may be about the cover, which is no fault of the audio.
        pattern = r"(?:\[[^\]]* @ 0x[0-9a-f]+\] )*\[(?:error|fatal)\] "
        reading.complaints += [line for line in process.lines[n_lines:] if re.match(pattern, line)]
    return reading


def _parse_line(line: str, reading: _Reading) -> None:
    if line.startswith("#"):
        if match := re.match(r"#channel_layout_name (\d+): (.*)", line):
            reading.layouts[int(match.group(1))] = match.group(2)
    elif line:
        stream, _, pts, duration = map(int, line.split(",", 4)[:4])
        reading.starts.setdefault(stream, pts)
        reading.n_samples[stream] = reading.n_samples.get(stream, 0) + duration

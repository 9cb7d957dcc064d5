"""Rules D1 to D3: the streams of a stem file are the signals that were encoded."""

from collections.abc import Iterator
from pathlib import Path

import ffmpeg as graphs
import numpy as np
from jaxtyping import Float32, Float64
from numpy.lib.stride_tricks import sliding_window_view

from libsep.errors import VerifyError
from libsep.media.encode import quantise_alac
from libsep.media.ffmpeg import PIPE_BYTES, Process, file_url, find_ffmpeg
from libsep.media.stems import STREAM_NAMES
from libsep.media.verify.container import read_container
from libsep.media.verify.report import Finding, Report
from libsep.units import amplitude_to_db, power_to_db

N_STREAMS = len(STREAM_NAMES)

MAX_OFFSET_SAMPLES = 4096
"""Largest shift that D1 looks for; twice the priming of any encoder."""

N_FFT = 1 << 15
"""Length of the transforms that look for it, in samples."""

MIN_CORRELATION = 0.5
"""Least correlation of a decoded stream with its source at offset 0; AAC reaches 0.9 and more."""

AMBIGUITY = 0.05
"""How much better another source may fit before D1 calls the streams swapped."""

SHIFT_GAIN = 0.01
"""How much better a stream must fit its source elsewhere before D1 calls it shifted: slow signals
fit themselves nearly as well a sample beside."""

SILENCE_DB = -67.0
"""Level of both channels below which a stream is not compared: the encoder may drop all of it."""

NULL_BOUND_DB = {"mp4a": -10.0, "alac": -100.0}
"""Most that the sum of the stems may differ from the master, relative to the level of all five
streams: each brings the coding noise of its own level."""

ROUNDING_DB = -130.0
"""What they may differ by at any level: the rounding of five streams to 24 bits is 12 dB less."""


def verify_fidelity(
    path: Path,
    sources: Float32[np.ndarray, "5 2 T"],
    *,
    start_samples: int = 0,
    ffmpeg: Path | None = None,
) -> Report:
    """Decode a part of a stem file and compare it with what was encoded.

    Parameters
    ----------
    path
        Stem file.
    sources
        Mixture, drums, bass, other and vocals as they were given to the encoder.
    start_samples
        Where in the track ``sources`` begin. Everything before is decoded too.
    ffmpeg
        The ffmpeg program; by default the one that `find_ffmpeg` finds.

    Returns
    -------
    Findings: D1 a stream is shorter, shifted or another one's, D2 an ALAC stream is not bit for
    bit the same, D3 the stems do not add up to the master (asked where nothing is above full
    scale).

    Raises
    ------
    MalformedAtomError
        The file is no MP4; `verify_stems` says so in a report.
    VerifyError
        It cannot be decoded.
    """
    codec = read_container(path).tracks[0].codec
    n_samples = sources.shape[2]
    decoded = _decode(path, start_samples, n_samples, ffmpeg or find_ffmpeg())
    if decoded.shape[2] < n_samples:
        message = f"{start_samples + decoded.shape[2]} samples, expected more"
        return Report(path=path, findings=(Finding("D1", "error", message),))
    findings = [*_check_alignment(decoded, sources)]
    if float(np.abs(sources).max(initial=0.0)) <= 1.0:  # what is louder, both codecs distort
        findings += _check_sum(decoded, NULL_BOUND_DB[codec])
    if codec == "alac":
        findings += _check_exact(decoded, sources)
    return Report(path=path, findings=tuple(findings))


def _decode(
    path: Path, start_samples: int, n_samples: int, ffmpeg: Path
) -> Float32[np.ndarray, "5 2 T"]:
    """Return part of all five streams, shorter where the file ends."""
    options = {"protocol_whitelist": "file", "format_whitelist": "mov", "vn": None}
    source = graphs.input(file_url(path), **options)
    streams = [source[f"a:{index}"] for index in range(N_STREAMS)]
    merged = graphs.filter(streams, "amerge", inputs=N_STREAMS)
    frame_bytes = 4 * 2 * N_STREAMS
    graph = merged.output("pipe:1", format="f32le", acodec="pcm_f32le")
    with Process(graph, ffmpeg=ffmpeg, path=path, error=VerifyError) as process:
        skip_bytes = start_samples * frame_bytes
        while skip_bytes > 0:
            part = process.read(min(skip_bytes, PIPE_BYTES))
            if not part:
                break
            skip_bytes -= len(part)
        data = process.read(n_samples * frame_bytes)
        if len(data) < n_samples * frame_bytes:
            process.finish()
    frames = np.frombuffer(data, "<f4", len(data) // frame_bytes * 2 * N_STREAMS)
    return np.ascontiguousarray(frames.reshape(-1, N_STREAMS, 2).transpose(1, 2, 0))


def _check_alignment(
    decoded: Float32[np.ndarray, "5 2 T"], sources: Float32[np.ndarray, "5 2 T"]
) -> Iterator[Finding]:
    for index, (stream, source) in enumerate(zip(decoded, sources, strict=True)):
        if _level_db(source) < SILENCE_DB:
            continue
        name = STREAM_NAMES[index]
        fits = [_correlation(stream, other) for other in sources]
        best = int(np.argmax(fits))
        offset, fit = _best_offset(stream, source)
        if fits[best] > max(fits[index] + AMBIGUITY, MIN_CORRELATION):
            yield Finding("D1", "error", f"{name} holds {STREAM_NAMES[best]}")
        elif _correlation(stream, source[::-1]) > max(fits[index] + AMBIGUITY, MIN_CORRELATION):
            yield Finding("D1", "error", f"{name} has left and right swapped")
        elif fit < MIN_CORRELATION:
            yield Finding("D1", "error", f"{name} correlates {fit:.2f} with its source at best")
        elif offset != 0 and fit > fits[index] + SHIFT_GAIN:
            yield Finding("D1", "error", f"{name} is {offset} samples late")


def _check_exact(
    decoded: Float32[np.ndarray, "5 2 T"], sources: Float32[np.ndarray, "5 2 T"]
) -> Iterator[Finding]:
    expected = quantise_alac(sources)
    found = quantise_alac(decoded)
    for name, stream, source in zip(STREAM_NAMES, found, expected, strict=True):
        n_different = int((stream != source).sum())
        if n_different:
            yield Finding("D2", "error", f"{name} differs in {n_different} samples")


def _check_sum(decoded: Float32[np.ndarray, "5 2 T"], bound_db: float) -> Iterator[Finding]:
    if _level_db(decoded[0]) < SILENCE_DB:
        return
    all_db = _level_db(decoded) + power_to_db(float(N_STREAMS))
    null_db = _level_db(decoded[0] - decoded[1:].sum(axis=0))
    if null_db > max(all_db + bound_db, ROUNDING_DB):
        found_db = null_db - all_db
        message = f"stems and master differ by {found_db:.1f} dB, expected below {bound_db:.0f} dB"
        yield Finding("D3", "error", message)


def _level_db(samples: Float32[np.ndarray, "*any"]) -> float:
    return amplitude_to_db(float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))))


def _correlation(first: Float32[np.ndarray, "2 T"], second: Float32[np.ndarray, "2 T"]) -> float:
    """Return the normalised correlation at offset 0; 0 where one is silent.

    Both channels count by their energy, and with that middle and side: the sum of the channels
    alone would be little but coding noise where they are nearly opposite.
    """
    scale = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(np.vdot(first, second)) / scale if scale else 0.0


def _best_offset(
    late: Float32[np.ndarray, "2 T"], early: Float32[np.ndarray, "2 T"]
) -> tuple[int, float]:
    """Return the shift in samples at which two signals match best, and their correlation there.

    Only shifts up to `MAX_OFFSET_SAMPLES` are asked for, so the signals are compared in stretches,
    each with what lies that near to it: one transform over all of them costs five times as much.
    """
    n_channels, n_samples = late.shape
    hop = N_FFT - 2 * MAX_OFFSET_SAMPLES
    n_stretches = -(-n_samples // hop)
    rest = n_stretches * hop - n_samples
    around = np.pad(late, ((0, 0), (MAX_OFFSET_SAMPLES, MAX_OFFSET_SAMPLES + rest)))
    windows = sliding_window_view(around, N_FFT, axis=1)[:, ::hop]
    stretches = np.pad(early, ((0, 0), (0, rest))).reshape(n_channels, n_stretches, hop)
    spectra = np.fft.rfft(windows, N_FFT) * np.conj(np.fft.rfft(stretches, N_FFT))
    summed = spectra.sum(axis=(0, 1), dtype=np.complex128)
    matches: Float64[np.ndarray, " N"] = np.fft.irfft(summed, N_FFT)[: 2 * MAX_OFFSET_SAMPLES + 1]
    best = int(np.argmax(matches))
    scale = float(np.linalg.norm(late) * np.linalg.norm(early))
    return best - MAX_OFFSET_SAMPLES, float(matches[best]) / scale if scale else 0.0

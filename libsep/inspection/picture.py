"""A stem file as a picture: waveform and spectrogram of each stream, and what the sum misses.

Needs the optional dependencies of the extra ``evaluate``.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64

from libsep.errors import ConfigError, StemsError, reason_of
from libsep.media import atomic
from libsep.media.sheet import Sheet
from libsep.media.streams import decode_streams
from libsep.units import format_duration, power_to_db

try:
    from matplotlib.figure import Figure

    from libsep.media.lettering import lettering
except ImportError as exc:
    raise ConfigError(f"pictures need matplotlib: pip install 'libsep[evaluate]' ({exc})") from exc

N_FFT = 2048
"""Window of the spectrograms, in samples: 46 ms."""

N_FRAMES = 1200
"""Columns of a spectrogram, and of a waveform; a long track has gaps between its windows."""

FLOOR_DB = -100.0
"""What is black in a spectrogram: a hundred dB below a sine at full scale."""

BLOCK_SAMPLES = 1 << 18

MIXTURE_COLOR = "#59626D"
SUM_COLOR = "#16191D"


class Outline:
    """Waveform and spectrogram of one signal, gathered while it streams by.

    Parameters
    ----------
    n_samples
        Length of the signal.
    """

    def __init__(self, n_samples: int) -> None:
        self._n_samples = n_samples
        n_frames = min(N_FRAMES, max(1, n_samples // (N_FFT // 4)))
        self._starts = np.linspace(0, max(n_samples - N_FFT, 0), n_frames).astype(np.int64)
        self._window = np.hanning(N_FFT)
        self._scale = 2 / self._window.sum()
        self._next = 0
        self._position = 0
        self._kept = np.zeros(0)
        self._energy = 0.0
        self.low = np.zeros(n_frames)
        self.high = np.zeros(n_frames)
        self.spectrogram_db: Float64[np.ndarray, "N F"] = np.full(
            (n_frames, N_FFT // 2 + 1), FLOOR_DB
        )

    def add(self, block: Float32[np.ndarray, "2 T"]) -> None:
        """Take the next samples, full scale ±1.0."""
        self._energy += float(np.square(block, dtype=np.float64).mean(axis=0).sum())
        mono = block.mean(axis=0, dtype=np.float64)
        columns = (np.arange(len(mono)) + self._position) * len(self.low) // self._n_samples
        np.minimum.at(self.low, columns, mono)
        np.maximum.at(self.high, columns, mono)
        first = self._position - len(self._kept)
        signal = np.concatenate([self._kept, mono])
        while self._next < len(self._starts):
            begin = int(self._starts[self._next]) - first
            if begin + N_FFT > len(signal):
                break
            spectrum = np.abs(np.fft.rfft(signal[begin : begin + N_FFT] * self._window))
            level = 20 * np.log10(np.maximum(self._scale * spectrum, 1e-12))
            self.spectrogram_db[self._next] = np.maximum(level, FLOOR_DB)
            self._next += 1
        self._kept = signal[-N_FFT:]
        self._position += len(mono)

    def rms_db(self) -> float:
        """Return the level of the signal so far."""
        return power_to_db(self._energy / max(self._position, 1))


def draw(sheet: Sheet, path: Path, *, ffmpeg: Path) -> float:
    """Write the picture of a stem file as PNG, and return the level of mixture minus sum in dB.

    Parameters
    ----------
    sheet
        The stem file.
    path
        PNG file to write.
    ffmpeg
        The ffmpeg program.

    Raises
    ------
    DecodeError
        It cannot be decoded.
    ConfigError
        The picture cannot be written, or the file is there and no picture.
    """
    atomic.refuse_to_replace(path, b"\x89PNG")
    rows = [
        ("mixture", MIXTURE_COLOR),
        *zip(sheet.names, sheet.colors, strict=True),
        ("sum of the stems", SUM_COLOR),
        ("mixture minus sum", SUM_COLOR),
    ]
    outlines = [Outline(sheet.n_samples) for _ in rows]
    for block in decode_streams(
        sheet.path,
        ffmpeg=ffmpeg,
        n_streams=sheet.n_streams,
        sample_rate=sheet.sample_rate,
        start_samples=0,
        n_samples=sheet.n_samples,
        block_samples=BLOCK_SAMPLES,
    ):
        total = block[1:].sum(axis=0)
        for outline, signal in zip(outlines, (*block, total, block[0] - total), strict=True):
            outline.add(signal)
    title = sheet.path.name.encode(errors="replace").decode()
    try:
        with lettering(title + "".join(sheet.names)) as legible, atomic.replacing(path) as part:
            named = [(legible(name), color) for name, color in rows]
            figure = _figure(sheet, legible(title), named, outlines)
            figure.savefig(part, format="png", dpi=110)
    except (StemsError, OSError) as exc:
        raise ConfigError(f"{path}: the picture cannot be written: {reason_of(exc)}") from exc
    return outlines[-1].rms_db()


def _figure(
    sheet: Sheet, title: str, rows: Sequence[tuple[str, str]], outlines: Sequence[Outline]
) -> Figure:
    figure = Figure(figsize=(13, 1.45 * len(rows) + 0.9), layout="constrained")
    axes = figure.subplots(len(rows), 2, sharex=True, width_ratios=(1, 1.25), squeeze=False)
    duration_s = sheet.n_samples / sheet.sample_rate
    top = max(float(np.abs([o.low, o.high]).max()) for o in outlines[:-1]) or 1.0
    for (name, color), outline, (left, right) in zip(rows, outlines, axes, strict=True):
        _draw_waveform(left, outline, duration_s, top, color)
        level = outline.rms_db()
        shown = f"{level:.1f} dB" if np.isfinite(level) else "silence"
        left.set_title(f"{name}   {shown}", fontsize=9, loc="left")
        image = right.imshow(
            outline.spectrogram_db.T, origin="lower", aspect="auto", vmin=FLOOR_DB, vmax=-10,
            cmap="magma", extent=(0, duration_s, 0, sheet.sample_rate / 2000),
            interpolation="nearest",
        )  # fmt: skip
        right.set_ylabel("kHz", fontsize=8)
    for axis in axes[-1]:
        axis.xaxis.set_major_formatter(lambda value, _: format_duration(value))
    for axis in axes.flat:
        axis.tick_params(labelsize=8)
    bar = figure.colorbar(image, ax=axes[:, 1], shrink=0.5, pad=0.01)
    bar.set_label("dB, a sine at full scale is 0", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    figure.suptitle(title, fontsize=11)
    return figure


def _draw_waveform(axis: Any, outline: Outline, duration_s: float, top: float, color: str) -> None:
    times_s = np.linspace(0, duration_s, len(outline.low))
    axis.fill_between(times_s, outline.low, outline.high, color=color, linewidth=0.4)
    axis.set_ylim(-1.05 * top, 1.05 * top)
    axis.set_xlim(0, duration_s)
    axis.axhline(0, color="black", linewidth=0.3)
    axis.spines[["top", "right"]].set_visible(False)

"""Spectrograms of a recording before and after its band was restored.

Needs the optional dependencies of the extra ``evaluate``.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from libsep.dsp.stft import stft
from libsep.errors import ConfigError
from libsep.evaluation.restoration import HOP, N_FFT, Stereo, Subject, replicated
from libsep.evaluation.restoration_run import restore
from libsep.media.decode import SAMPLE_RATE
from libsep.restoration.super_resolver import SuperResolver

try:
    from matplotlib.figure import Figure

    from libsep.media.lettering import lettering
except ImportError as exc:
    raise ConfigError(f"plots need matplotlib: pip install 'libsep[evaluate]' ({exc})") from exc

RANGE_DB = 90.0
"""From the loudest cell to what is drawn black, in dB."""


def draw_spectrograms(signals: Mapping[str, Stereo], cutoff_hz: float, sample_rate: int) -> Figure:
    """Return a figure with a panel for each signal, all on the scale of the first.

    Parameters
    ----------
    signals
        By title.
    cutoff_hz
        Is marked by a line.
    sample_rate
        In Hz.
    """
    figure = Figure(figsize=(3.6 * len(signals), 3.4), layout="constrained")
    panels = figure.subplots(1, len(signals), sharey=True, squeeze=False)[0]
    top_db: float | None = None
    for axes, (title, samples) in zip(panels, signals.items(), strict=True):
        power = stft(torch.from_numpy(samples), N_FFT, HOP).abs().square().mean(0).numpy()
        levels = 10 * np.log10(power + 1e-12)
        top_db = float(levels.max()) if top_db is None else top_db
        axes.imshow(
            levels,
            origin="lower",
            aspect="auto",
            cmap="magma",
            vmin=top_db - RANGE_DB,
            vmax=top_db,
            extent=(0, samples.shape[1] / sample_rate, 0, sample_rate / 2000),
        )
        axes.axhline(cutoff_hz / 1000, color="white", linewidth=0.6, linestyle=":")
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("s", fontsize=8)
        axes.tick_params(labelsize=8)
    panels[0].set_ylabel("kHz", fontsize=8)
    return figure


def draw_subject(subject: Subject, resolver: SuperResolver, path: Path) -> None:
    """Write how the second case of a recording (usually 8 kHz) looks before and after, as PNG.

    Raises
    ------
    ConfigError
        The picture cannot be written.
    """
    case = subject.cases[min(1, len(subject.cases) - 1)]
    signals = {
        subject.name: subject.source,
        f"without its band: {case.name}": case.degraded,
        "replication": replicated(case.degraded, case.cutoff_hz, SAMPLE_RATE),
        f"restored by {resolver.model.name}": restore(case.degraded, case.cutoff_hz, resolver),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with lettering(subject.name) as legible:
            titled = {legible(title): samples for title, samples in signals.items()}
            figure = draw_spectrograms(titled, case.cutoff_hz, SAMPLE_RATE)
            figure.savefig(path, dpi=100, format="png")
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be written: {exc.strerror}") from exc

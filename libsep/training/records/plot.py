"""The curves of a training as a picture; only where matplotlib is installed."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from libsep.training.records.curve import Row

IS_INSTALLED = importlib.util.find_spec("matplotlib") is not None
if IS_INSTALLED:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

PICTURE = "curve.png"

COLOURS = {
    "drums": "tab:orange",
    "bass": "tab:green",
    "other": "tab:purple",
    "vocals": "tab:blue",
    "mean": "black",
}

TITLES = {
    "loss": "loss",
    "discriminator": "losses of the discriminators",
    "adversarial": "adversarial parts of the generator's loss",
    "sdr_db": "SDR on the validation, dB (ringed: accepted as the best)",
    "lsd": "log-spectral distance",
    "lsd_high": "log-spectral distance above the cut-off (ringed: accepted as the best)",
    "onset_lsd": "log-spectral distance at onsets",
    "sharpness_db": "sharpness of onsets, dB above the source",
    "f1": "F1 of hits by drum, on kits that are not learned from",
    "high_band_db": "energy above 8 kHz, dB above the source",
}
"""What is drawn, one panel each, if the training recorded it; in this order."""


def plot_curve(rows: Sequence[Row], path: Path) -> None:
    """Draw loss, learning rate, SDR by target, and of an adversarial stage what it adds.

    Over hours of audio, or over steps if none were recorded. Without a row nothing is written.
    """
    panels = [family for family in TITLES if any(_names(rows, family))]
    if not panels:
        return
    n_columns = min(len(panels), 2)
    n_lines = -(-len(panels) // n_columns)
    figure = Figure(figsize=(6.4 * n_columns, 3.6 * n_lines), dpi=110, layout="constrained")
    for number, family in enumerate(panels, start=1):
        axes = figure.add_subplot(n_lines, n_columns, number)
        _draw(axes, rows, family)
    canvas = FigureCanvasAgg(figure)  # `savefig` would draw it all twice
    canvas.print_png(path)  # type: ignore[no-untyped-call]  # matplotlib has no annotation for it


def _draw(axes: "Axes", rows: Sequence[Row], family: str) -> None:
    x_name = "audio_h" if any(row.get("audio_h") for row in rows) else "step"
    is_measure = family.endswith(("_db", "lsd", "lsd_high"))
    for name in _names(rows, family):
        points = [(row[x_name], row[name]) for row in rows if name in row]
        label = name.removeprefix(f"{family}/")
        axes.plot(
            *zip(*points, strict=True),
            label=label,
            color=COLOURS.get(label) if is_measure else None,
            marker="." if is_measure else "",
            linewidth=2 if label in ("mean", "loss") else 1,
        )
        best = [(row[x_name], row[name]) for row in rows if name in row and row.get("is_best")]
        if name in ("sdr_db/mean", "lsd_high/mean") and best:
            x, y = zip(*best, strict=True)
            axes.scatter(x, y, s=70, facecolors="none", edgecolors="black")
    axes.set_title(TITLES[family], fontsize=10)
    axes.set_xlim(0, 1.02 * max(row[x_name] for row in rows) or 1)
    axes.set_xlabel("hours of audio" if x_name == "audio_h" else "step")
    axes.tick_params(which="both", labelsize=8)
    axes.grid(alpha=0.3)
    if family == "loss":
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}")
        _draw_rate(axes, rows, x_name)
    axes.legend(fontsize=8, loc="best")


def _draw_rate(axes: "Axes", rows: Sequence[Row], x_name: str) -> None:
    points = [(row[x_name], row["rate"]) for row in rows if "rate" in row]
    if not points:
        return
    right = axes.twinx()
    right.plot(*zip(*points, strict=True), color="tab:red", linewidth=1, linestyle=":")
    right.set_ylabel("learning rate (dotted)", color="tab:red", fontsize=8)
    right.set_ylim(bottom=0)
    right.tick_params(labelsize=8)


def _names(rows: Sequence[Row], family: str) -> list[str]:
    """Return the names of a family: itself, and its parts."""
    names = dict.fromkeys(name for row in rows for name in row)
    return [name for name in names if name == family or name.startswith(f"{family}/")]

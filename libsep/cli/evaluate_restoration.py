"""``libsep evaluate`` of a super-resolution model: spectral distances beside the baselines."""

import math
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from libsep.cli.lines import markup
from libsep.config import Config
from libsep.errors import ConfigError

Means = Mapping[str, Mapping[str, Mapping[str, float]]]


def evaluate_restoration(
    model: str,
    datasets: list[Path],
    *,
    out: Path | None,
    json_file: Path | None,
    device: str | None,
) -> None:
    """Measure, write the files that were asked for, and print the means.

    Raises
    ------
    ConfigError
        There is no such device, there are no recordings that can be cut off, a file cannot be
        written, or a package of the extra ``evaluate`` is missing.
    ModelError
        The model cannot be loaded.
    """
    from libsep.evaluation import restoration_report as report
    from libsep.evaluation.report import write_text
    from libsep.evaluation.restoration_run import (
        evaluate_model,
        find_recordings,
        picture_names,
        read_subjects,
    )
    from libsep.restoration.model import find_restoration_model
    from libsep.restoration.super_resolver import SuperResolver
    from libsep.separation.placed_network import find_device

    console = Console(stderr=True, soft_wrap=True, highlight=False)
    found = find_restoration_model(model)
    chosen = Config().replaced(separation={"device": device}).separation.device
    place = find_device("cpu" if chosen == "auto" else chosen).type
    resolver = SuperResolver(found, device=place, precision="float32")
    if out is not None:
        from libsep.evaluation.restoration_plots import draw_subject
    rows = []
    recordings = find_recordings(datasets)
    pictures = zip(recordings, picture_names(recordings), strict=True)
    for number, (recording, picture) in enumerate(pictures, 1):
        console.print(f"[dim]{number}/{len(recordings)}[/] {markup(recording.name)}")
        for subject in read_subjects([recording], warn=lambda text: console.print(markup(text))):
            rows += evaluate_model([subject], found.name, resolver)
            if out is not None:
                draw_subject(subject, resolver, out / picture)
    if not rows:
        raise ConfigError("no recording has anything above the cut-offs to be restored")
    text = report.as_json_text(found.name, found.sha256, rows)
    if out is not None:
        report.write_files(out, text, rows)
    if json_file == Path("-"):
        print(text, end="")
        return
    if json_file is not None:
        write_text(json_file, text)
    _show(report.means_of(rows))


def _show(means: Means) -> None:
    """Print log-spectral distances above the cut-off and in all, and what changed below it."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 160
    methods = list(dict.fromkeys(method for found in means.values() for method in found))
    for measure, name in (("lsd_high", "above the cut-off"), ("lsd", "all bins")):
        table = Table("cut off", "recordings", *methods, "low band, dB", box=None)
        table.title = f"log-spectral distance to the recording, {name}"
        for case, found in means.items():
            cells = [f"{found[method][measure]:.2f}" for method in methods]
            kept_db = found[methods[-1]]["low_si_sdr_db"]
            kept = "unchanged" if math.isinf(kept_db) else f"{kept_db:.0f}"
            table.add_row(case, f"{found[methods[0]]['n_recordings']:.0f}", *cells, kept)
        console.print(table)

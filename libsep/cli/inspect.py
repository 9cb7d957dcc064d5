"""``libsep inspect``: one stem file as a sheet, and as a picture."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from libsep.cli.lines import markup
from libsep.cli.options import ConfigOption, JsonOption, refuse_uris, within
from libsep.cli.terminal import go_on_unread
from libsep.inspection.findings import Findings
from libsep.inspection.findings import inspect as look_at
from libsep.units import format_bytes, format_duration

PIPED_WIDTH = 10_000


def inspect(
    file: Annotated[Path, typer.Argument(help="Stem file.")],
    plot: Annotated[
        str | None,
        typer.Option(
            "--plot",
            metavar="PATH",
            help="PNG file for waveforms and spectrograms of all streams, or a folder for it.",
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is in a stem file: tags, stems, levels, how it was made, and if it conforms.

    With --plot, also waveforms and spectrograms of each stream and of what the sum of the stems
    lacks. Exit 1 if the file breaks a rule.
    """
    from libsep.config import Config, load
    from libsep.media.ffmpeg import find_ffmpeg

    refuse_uris("inspect", file)
    ffmpeg = find_ffmpeg((load(Config, config) if config else Config()).decode.ffmpeg)
    found = look_at(file, ffmpeg=ffmpeg)
    values = found.as_json()
    if plot is not None:
        from libsep.inspection.picture import draw
        from libsep.media.file_names import fitting

        go_on_unread()
        picture = within(plot, fitting(file.name, ".png"))
        values["null_db"] = draw(found.sheet, picture, ffmpeg=ffmpeg)
    if as_json:
        print(json.dumps(values, indent=2))
    else:
        _print(found, values.get("null_db"))
    if not found.report.is_conformant:
        raise typer.Exit(1)


def _print(found: Findings, null_db: float | None) -> None:
    # A pipe has no width: nothing is wrapped there.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
    console.print(f"[bold]{markup(str(found.path))}[/]", soft_wrap=True)
    console.print(f"{format_bytes(found.size_bytes)}, {format_duration(found.duration_s)}")
    console.print()
    console.print(_streams(found))
    if null_db is not None:
        console.print(f"mixture minus sum of the stems: {null_db:.1f} dB")
    for title, rows in _sections(found).items():
        if rows:
            console.print(f"\n[bold]{title}[/]")
            table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
            table.add_column(no_wrap=True, style="cyan")
            table.add_column(overflow="fold")
            for name, value in rows:
                table.add_row(markup(name), markup(" ".join(value.split())))
            console.print(table)
    verdict = "[green]conforms[/]" if found.report.is_conformant else "[red]broken[/]"
    console.print(f"\n[bold]verification[/] {verdict}")
    for finding in found.report.findings:
        console.print(f"   {finding.rule} {finding.severity}: {markup(finding.message)}")


def _streams(found: Findings) -> Table:
    table = Table("", "stream", "codec", box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("rate", "channels", "samples", "kbit/s"):
        table.add_column(name, justify="right")
    for stream in found.streams:
        mark = f"[{stream.color}]■[/]" if stream.color else " "
        table.add_row(
            mark, markup(stream.name) + (" [dim](plays)[/]" if stream.is_enabled else ""),
            markup(stream.codec), f"{stream.sample_rate} Hz", str(stream.n_channels),
            f"{stream.n_samples:,}", f"{stream.bitrate_kbps:.0f}",
        )  # fmt: skip
    return table


def _sections(found: Findings) -> dict[str, list[tuple[str, str]]]:
    tags, manifest, mark = found.sheet.tags, found.manifest, found.fingerprint
    shown = [(name, " · ".join(values)) for name, values in tags.fields.items()]
    shown += [(name, " · ".join(values)) for name, values in tags.extras.items()]
    shown += [("rating", f"{tags.rating} of 100")] if tags.rating is not None else []
    shown += [("picture", format_bytes(len(picture.data))) for picture in tags.pictures]
    shown += [("Serato", name) for name in sorted(tags.serato)]
    atom = [("", "none: players see five streams and no stems")]
    if manifest is not None:
        dsp = manifest.get("mastering_dsp")
        effects = dsp.items() if isinstance(dsp, dict) else ()
        on = [name for name, each in effects if isinstance(each, dict) and each.get("enabled")]
        atom = [
            ("version", str(manifest.get("version"))),
            ("stems", ", ".join(f"{n} {c}" for n, c in zip(found.sheet.names, found.sheet.colors,
                                                          strict=True))),
            ("mastering", ", ".join(on) or "off"),
        ]  # fmt: skip
    made = [("", "none: not made by libsep")]
    if mark is not None:
        names = ("source", "model", "genre", "run", "version", "audio_sha256", "model_sha256",
                 "config_sha256", "tags_sha256")  # fmt: skip
        made = [(name, str(getattr(mark, name))) for name in names]
    made.append(("mixture_sha256", found.mixture_sha256))
    return {"tags": shown, "stem atom": atom, "fingerprint": made}

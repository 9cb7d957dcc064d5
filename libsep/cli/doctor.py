"""``libsep doctor``: what is there, in which version, and whether it is usable."""

import dataclasses
import json
import platform
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import typer
from rich.console import Console

from libsep import __version__
from libsep.cli.options import JsonOption
from libsep.cli.progress import markup
from libsep.errors import LibsepError, ModelError
from libsep.machine import n_cores
from libsep.units import format_bytes


@dataclasses.dataclass(frozen=True)
class Finding:
    """One line of the report: what was looked at, what was found, whether it is usable."""

    part: str
    found: str
    is_usable: bool = True


def doctor(as_json: JsonOption = False) -> None:
    """Check ffmpeg, devices, Ray, models and disk; exit 1 if something is not usable."""
    findings = list(_findings())
    if as_json:
        print(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2))
    else:
        console = Console(soft_wrap=True, highlight=False)
        for finding in findings:
            mark = "[green]ok[/]" if finding.is_usable else "[bold red]no[/]"
            console.print(f"{mark}  {finding.part:<7} {markup(finding.found)}")
    if not all(finding.is_usable for finding in findings):
        raise typer.Exit(1)


def _findings() -> Iterator[Finding]:
    yield Finding("libsep", f"{__version__}, Python {platform.python_version()}")
    for part, look in (
        ("ffmpeg", _ffmpeg),
        ("device", _device),
        ("Ray", _ray),
        ("models", _models),
    ):
        yield _tried(part, look)
    free = shutil.disk_usage(Path.cwd()).free
    yield Finding("disk", f"{format_bytes(free)} free in {Path.cwd()}", free > 2_000_000_000)


def _tried(part: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(part, look())
    except (LibsepError, ImportError, OSError) as exc:
        return Finding(part, str(exc), is_usable=False)


def _ffmpeg() -> str:
    from libsep.media.ffmpeg import find_ffmpeg, version

    program = find_ffmpeg()
    name = version(program).splitlines()[0].partition(" Copyright")[0]
    return f"{name} ({program})"


def _device() -> str:
    import torch

    from libsep.separation.cpu import has_native_bfloat16, processor_name

    precision = "bfloat16" if has_native_bfloat16() else "float32"
    cpu = f"CPU {processor_name()}, {n_cores()} cores, {precision}"
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return f"{', '.join(names) or 'no GPU'}; {cpu}; torch {torch.__version__}"


def _ray() -> str:
    from libsep.batch.cluster import embedded_ray, ray_version

    with embedded_ray(n_track_slots=1, object_store_bytes=100_000_000):
        return f"{ray_version()}, embedded: starts"


def _models() -> str:
    from libsep.model_folder.description import models_folder
    from libsep.separation.registry import list_models
    from libsep.separation.weights import load_network

    models = list_models()
    if not models:
        raise ModelError(f"{models_folder()}: no model in it")
    for model in models:
        load_network(model)
    return ", ".join(f"{model.name} ({model.licence})" for model in models)

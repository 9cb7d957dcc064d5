"""``libsep doctor``: what is there, in which version, and whether it is usable."""

import dataclasses
import json
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import typer
from rich.console import Console

from libsep import __version__
from libsep.cli.lines import markup
from libsep.cli.options import AddressOption, InsecureOption, JsonOption
from libsep.cli.tables import nodes_table
from libsep.errors import LibsepError, ModelError, NodesError, reason_of
from libsep.machine import n_cores
from libsep.units import counted, format_bytes


@dataclasses.dataclass(frozen=True)
class Finding:
    """One line of the report: what was looked at, what was found, whether it is usable.

    ``rows`` are the nodes of a cluster that differ from this machine, as in `NodesError`.
    """

    part: str
    found: str
    is_usable: bool = True
    rows: tuple[tuple[str, str, str, str], ...] = ()


def doctor(
    address: AddressOption = None, insecure: InsecureOption = False, as_json: JsonOption = False
) -> None:
    """Check ffmpeg, devices, Ray, models and disk; exit 1 if something is not usable.

    With --address, every node of that cluster is held against this machine.
    """
    findings = list(_findings(address, insecure))
    if as_json:
        print(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2))
    else:
        console = Console(soft_wrap=True, highlight=False)
        for finding in findings:
            mark = "[green]ok[/]" if finding.is_usable else "[bold red]no[/]"
            console.print(f"{mark}  {finding.part:<7} {markup(finding.found)}")
            if finding.rows:
                console.print(nodes_table(finding.rows))
    if not all(finding.is_usable for finding in findings):
        raise typer.Exit(1)


def _findings(address: str | None, insecure: bool) -> Iterator[Finding]:
    yield Finding("libsep", f"{__version__}, Python {platform.python_version()}")
    yield _tried("ffmpeg", _ffmpeg)
    yield _tried("device", _device)
    yield _tried("Ray", _embedded_ray) if address is None else _ray_there(address, insecure)
    yield _tried("models", _models)
    free = shutil.disk_usage(Path.cwd()).free
    yield Finding("disk", f"{format_bytes(free)} free in {Path.cwd()}", free > 2_000_000_000)


def _ray_there(address: str, insecure: bool) -> Finding:
    """Return what differs on the nodes of a cluster."""
    os.environ["RAY_ADDRESS"] = address  # Ray, and libsep.batch, read it when they are imported
    try:
        return _tried("Ray", lambda: _nodes(insecure))
    except NodesError as exc:
        return Finding("Ray", str(exc), is_usable=False, rows=exc.rows)


def _tried(part: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(part, look())
    except NodesError:
        raise
    except (LibsepError, ImportError, OSError) as exc:
        return Finding(part, reason_of(exc), is_usable=False)


def _ffmpeg() -> str:
    from libsep.media.ffmpeg import find_ffmpeg, version

    program = find_ffmpeg()
    name = version(program).splitlines()[0].partition(" Copyright")[0]
    return f"{name} ({program})"


def _device() -> str:
    import torch

    from libsep.separation.cpu import has_native_bfloat16, processor_name

    precision = "bfloat16" if has_native_bfloat16() else "float32"
    cpu = f"CPU {processor_name()}, {counted(n_cores(), 'core')}, {precision}"
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return f"{', '.join(names) or 'no GPU'}; {cpu}; torch {torch.__version__}"


def _embedded_ray() -> str:
    from libsep.batch.cluster.connection import embedded_ray, ray_version

    with embedded_ray(n_track_slots=1, object_store_bytes=100_000_000):
        return f"{ray_version()}, embedded: starts"


def _nodes(insecure: bool) -> str:
    from libsep.batch.cluster.connection import cluster_or_embedded_ray, ray_version
    from libsep.batch.cluster.inspection import Needs
    from libsep.batch.cluster.preflight import check_nodes
    from libsep.restoration.model import list_restoration_models
    from libsep.separation.registry import list_models
    from libsep.transients.model import list_hit_models, list_sound_models

    needs = Needs(
        models=(
            *list_models(),
            *list_restoration_models(),
            *list_hit_models(),
            *list_sound_models(),
        )
    )
    with cluster_or_embedded_ray(n_cpus=1, object_store_bytes=100_000_000, is_insecure=insecure):
        return f"{ray_version()}, cluster: {check_nodes(needs)} nodes agree with this machine"


def _models() -> str:
    from libsep.model_folder.description import models_folder
    from libsep.restoration import weights as restoration_weights
    from libsep.restoration.model import list_restoration_models
    from libsep.separation import weights
    from libsep.separation.card import better_model_hint
    from libsep.separation.registry import list_models
    from libsep.transients import weights as drum_weights
    from libsep.transients.model import list_hit_models, list_sound_models

    models, restorers = list_models(), list_restoration_models()
    listeners, makers = list_hit_models(), list_sound_models()
    if not models:
        raise ModelError(f"{models_folder()}: no model in it")
    for model in models:
        weights.check_networks(model)
    for restorer in restorers:
        restoration_weights.load_network(restorer)
    for listener in listeners:
        drum_weights.load_hit_network(listener)
    for maker in makers:
        drum_weights.load_sound_network(maker)
    loaded = (*models, *restorers, *listeners, *makers)
    names = ", ".join(f"{model.name} ({model.licence})" for model in loaded)
    hint = better_model_hint()
    return f"{names}; {hint}" if hint else names

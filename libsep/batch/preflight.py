"""Before a cluster gets tracks: every node must have what the run needs, and the same of it.

Each node looks at itself in a task of its own, and so does the driver, by the same function; what
a node finds must be what the driver finds.
"""

import contextlib
import dataclasses
import logging
import os
import platform
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import ray
import torch
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from libsep import __version__
from libsep.errors import ConfigError, LibsepError, NodesError
from libsep.ledger import FOLDER
from libsep.media.atomic import replacing
from libsep.media.ffmpeg import find_ffmpeg, version
from libsep.model_folder.tensors import check_sha256
from libsep.separation.registry import Model
from libsep.units import format_bytes

logger = logging.getLogger(__name__)

ANSWER_TIMEOUT_S = 180.0
"""Seconds in which a node must have looked; a drive that hangs would let a run wait for ever."""

MIN_SCRATCH_BYTES = 1_000_000_000
"""Free space in the folder for temporary files, below which a node cannot take part."""

N_PROBES = 8
"""Tracks that every node looks for, spread over those of the run."""

THIS_MACHINE = "this machine"
"""What the driver's is called in the table."""

Node = Mapping[str, Any]
"""One of ``ray.nodes()``."""


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """What a machine has of one part of what a run needs, or why that is not usable."""

    found: str
    is_usable: bool = True


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a run needs of a node; the default needs no more than programs and scratch space.

    Parameters
    ----------
    ffmpeg
        The program, if the configuration names one.
    models
        Models whose weights every node must hold, at the same path.
    tracks
        Files of the library, each with its size in bytes.
    output_root
        Folder of the stem files, which all nodes must share and be able to write.
    """

    ffmpeg: Path | None = None
    models: tuple[Model, ...] = ()
    tracks: tuple[tuple[Path, int], ...] = ()
    output_root: Path | None = None
    mark: str = dataclasses.field(default_factory=lambda: secrets.token_hex(16))
    """What the driver writes into the output folder, and the nodes read there."""


def probes(tracks: Sequence[tuple[Path, int]]) -> tuple[tuple[Path, int], ...]:
    """Return at most `N_PROBES` of the tracks of a run, first and last among them."""
    if len(tracks) <= N_PROBES:
        return tuple(tracks)
    last = len(tracks) - 1
    return tuple(tracks[round(index * last / (N_PROBES - 1))] for index in range(N_PROBES))


def check_nodes(needs: Needs, nodes: Sequence[Node] | None = None) -> int:
    """Let nodes look at themselves, and return how many did; all agree with this machine.

    Parameters
    ----------
    needs
        What the run needs.
    nodes
        Of ``ray.nodes()``; by default all that are alive and can get work.

    Raises
    ------
    NodesError
        Some do not; it holds the table of what differs. This machine is among those looked at.
    """
    asked = working_nodes() if nodes is None else nodes
    with _marked(needs):
        here = look(needs)
        expected = {what: finding.found for what, finding in here.items()}
        rows = _differences(THIS_MACHINE, here, expected)
        for name, findings in _answers(needs, asked):
            rows += _differences(name, findings, expected)
    if rows:
        n_nodes = len({row[0] for row in rows})
        message = f"{n_nodes} of {len(asked) + 1} machines cannot take part in the run as they are"
        raise NodesError(message, tuple(rows))
    logger.info("%d nodes agree with this machine: %s", len(asked), expected)
    return len(asked)


def working_nodes() -> list[Node]:
    """Return the nodes of the cluster that are alive and have a CPU or GPU to give."""
    return [
        node
        for node in ray.nodes()
        if node["Alive"] and (node["Resources"].get("CPU") or node["Resources"].get("GPU"))
    ]


def node_name(node: Node) -> str:
    """Return what people call a node: the name of its machine, and its address."""
    return f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"


def look(needs: Needs) -> dict[str, Finding]:
    """Return what this machine has of what a run needs, part by part."""
    findings = {
        "libsep": Finding(__version__),
        "Python": Finding(".".join(platform.python_version_tuple()[:2])),
        "Ray": Finding(str(ray.__version__)),
        "torch": Finding(torch.__version__.partition("+")[0]),  # what follows is CPU or CUDA
        "ffmpeg": _tried(_ffmpeg, needs),
    }
    for model in needs.models:
        findings[f"model {model.name}"] = _tried(_model, model)
    if needs.tracks:
        findings["library"] = _tried(_library, needs)
    if needs.output_root is not None:
        findings["stems folder"] = _tried(_output, needs)
    findings["scratch space"] = _tried(_scratch, needs)
    return findings


def _tried(part: Callable[[Any], str], argument: Any) -> Finding:
    """Return what a part of the look finds, or why it is not usable."""
    try:
        return Finding(part(argument))
    except LibsepError as exc:
        return Finding(str(exc), is_usable=False)
    except OSError as exc:
        where = f"{exc.filename}: " if exc.filename else ""
        return Finding(f"{where}{exc.strerror or exc}", is_usable=False)


def _ffmpeg(needs: Needs) -> str:
    return version(find_ffmpeg(needs.ffmpeg)).partition("\n")[0].partition(" Copyright")[0]


def _model(model: Model) -> str:
    check_sha256(model.weights_path, model.sha256)
    return f"sha256 {model.sha256[:12]}"


def _library(needs: Needs) -> str:
    """Look for some of the tracks, and read a byte of each."""
    for path, size_bytes in needs.tracks:
        with path.open("rb") as file:
            file.read(1)
            found_bytes = os.fstat(file.fileno()).st_size
        if found_bytes != size_bytes:
            raise ConfigError(f"{path}: {found_bytes} bytes, expected {size_bytes}")
    return "readable"


def _output(needs: Needs) -> str:
    """Find the driver's mark in the output folder, and write there as a stem file is written."""
    folder = _own_folder(needs)
    try:
        mark = _mark_path(needs).read_text(encoding="ascii")
    except FileNotFoundError:
        mark = ""
    if mark != needs.mark:
        raise ConfigError(f"{folder.parent}: another folder than the driver's (is it mounted?)")
    probe = folder / f"{_mark_path(needs).name}-{secrets.token_hex(4)}"
    try:
        with replacing(probe) as part:
            part.write_text(needs.mark, encoding="ascii")
    finally:
        probe.unlink(missing_ok=True)
    return "writable"


def _scratch(_needs: Needs) -> str:
    folder = tempfile.gettempdir()
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < MIN_SCRATCH_BYTES:
        free, needed = format_bytes(free_bytes), format_bytes(MIN_SCRATCH_BYTES)
        raise ConfigError(f"{free} free in {folder}, expected {needed}")
    return "enough"


def _own_folder(needs: Needs) -> Path:
    assert needs.output_root is not None
    return needs.output_root / FOLDER


def _mark_path(needs: Needs) -> Path:
    return _own_folder(needs) / f"preflight-{needs.mark}"


@contextlib.contextmanager
def _marked(needs: Needs) -> Iterator[None]:
    """Keep a file in the output folder that only nodes with the same folder can see."""
    if needs.output_root is None:
        yield
        return
    path = _mark_path(needs)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(needs.mark, encoding="ascii")
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be written: {exc.strerror}") from exc
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _answers(needs: Needs, nodes: Sequence[Node]) -> Iterator[tuple[str, dict[str, Finding]]]:
    """Let every node look, all at once; yield each one's name and what it found."""
    task = ray.remote(look)
    asked = {
        task.options(
            num_cpus=0,
            max_retries=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
        ).remote(needs): node_name(node)
        for node in nodes
    }
    ready, late = ray.wait(list(asked), num_returns=len(asked), timeout=ANSWER_TIMEOUT_S)
    for reference in late:
        ray.cancel(reference, force=True)
        message = f"no answer for {ANSWER_TIMEOUT_S:.0f} s (does a drive hang?)"
        yield asked[reference], {"answer": Finding(message, is_usable=False)}
    for reference in ready:
        try:
            yield asked[reference], ray.get(reference)
        except ray.exceptions.RayTaskError as exc:
            last_line = str(exc).strip().rpartition("\n")[2]
            yield asked[reference], {"libsep": Finding(last_line, is_usable=False)}
        except ray.exceptions.RayError as exc:  # the node is gone, or its worker died
            reason = str(exc).partition("\n")[0]
            yield asked[reference], {"answer": Finding(reason, is_usable=False)}


def _differences(
    name: str, findings: Mapping[str, Finding], expected: Mapping[str, str]
) -> list[tuple[str, str, str, str]]:
    return [
        (name, what, finding.found, "" if name == THIS_MACHINE else expected.get(what, "one"))
        for what, finding in findings.items()
        if not finding.is_usable or finding.found != expected.get(what)
    ]

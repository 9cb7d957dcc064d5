"""Before a cluster gets tracks: every node must have what the run needs, and the same of it.

Each node looks at itself in a task of its own, and so does the driver, by the same function; what
a node finds must be what the driver finds.
"""

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from libsep.batch.cluster.inspection import Finding, Needs, look
from libsep.batch.cluster.nodes import Node
from libsep.errors import ConfigError, NodesError, StemsError, TransferError
from libsep.pipeline import Settings
from libsep.track import Track

logger = logging.getLogger(__name__)

ANSWER_TIMEOUT_S = 180.0
"""Seconds in which a node must have looked; a drive that hangs would let a run wait for ever."""

N_PROBES = 8
"""Tracks that every node looks for, spread over those of the run."""

THIS_MACHINE = "this machine"
"""What the driver's is called in the table."""


def needs_of(settings: Settings, tracks: Sequence[Track]) -> Needs:
    """Return what a run needs of each machine.

    Parameters
    ----------
    settings
        Of the run.
    tracks
        All that it is to convert.
    """
    staging = settings.staging
    in_store = staging is not None and staging.library is not None
    restorer, drums = settings.restoration_model, settings.drum_models
    helpers = (*((restorer,) if restorer else ()), *(drums.all if drums else ()))
    return Needs(
        ffmpeg=settings.config.decode.ffmpeg,
        models=(*settings.models.values(), *helpers),
        tracks=tuple(
            (track.source if in_store else track.path, track.size_bytes)
            for track in _spread(tracks)
        ),
        output_root=settings.output_root,
        staging=staging,
    )


def _spread(tracks: Sequence[Track]) -> list[Track]:
    """Return at most `N_PROBES` of the tracks, the first and the last among them."""
    last = len(tracks) - 1
    places = {round(index * last / (N_PROBES - 1)) for index in range(N_PROBES)}
    return [tracks[place] for place in sorted(places)] if tracks else []


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
        differences = [_differences(THIS_MACHINE, here, expected)]
        for name, findings in _answers(needs, asked):
            differences.append(_differences(name, findings, expected))
    rows = tuple(row for part in differences for row in part)
    if rows:
        n_different = sum(map(bool, differences))
        message = f"{n_different} of {len(differences)} machines cannot take part as they are"
        raise NodesError(message, rows)
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


def why_not(needs: Needs, node: Node) -> str:
    """Return why a node that joins cannot take part in the run; empty if it can."""
    try:
        check_nodes(needs, [node])
    except NodesError as exc:
        rows = "; ".join(f"{what}: {found}" for _, what, found, _ in exc.rows)
        return f"{node_name(node)}: {rows}"
    except ConfigError as exc:
        return str(exc)
    return ""


@contextlib.contextmanager
def _marked(needs: Needs) -> Iterator[None]:
    """Keep a file in the output that only machines with the same output can see."""
    output = needs.output
    if output is None:
        yield
        return
    try:
        output.write(needs.mark_name, needs.mark.encode())
    except (StemsError, TransferError) as exc:
        raise ConfigError(f"{output.folder}: cannot be written: {exc.message}") from exc
    try:
        yield
    finally:
        with contextlib.suppress(OSError, TransferError):
            output.delete(needs.mark_name)


def _answers(needs: Needs, nodes: Sequence[Node]) -> Iterator[tuple[str, dict[str, Finding]]]:
    """Let every node look, all at once; yield each one's name and what it found."""
    if not nodes:  # Ray would look for a cluster
        return
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

"""Which nodes of a cluster may take part in a run: those of the start, and those that join."""

import dataclasses
import os
import secrets
from collections.abc import Iterable

from libsep.batch.nodes import Node
from libsep.batch.plan import Attempt
from libsep.batch.preflight import Needs, check_nodes, node_name, probes
from libsep.errors import NodesError
from libsep.pipeline import Settings


class Admission:
    """Holds what a run needs against the nodes of a cluster; lets everybody in without one.

    Parameters
    ----------
    attempts
        The tracks of the run.
    settings
        What they share.
    """

    def __init__(self, attempts: Iterable[Attempt], settings: Settings) -> None:
        staging = settings.staging
        is_library_here = staging is None or staging.library is None
        is_output_here = staging is None or staging.output is None
        tracks = [(each.track.path, each.track.size_bytes) for each in attempts]
        self._needs = Needs(
            ffmpeg=settings.config.decode.ffmpeg,
            models=tuple(settings.models.values()),
            tracks=probes(tracks) if is_library_here else (),
            output_root=settings.output_root if is_output_here else None,
        )
        self._is_cluster = bool(os.environ.get("RAY_ADDRESS"))

    def check_all(self) -> None:
        """Let the nodes that are there look at themselves.

        Raises
        ------
        NodesError
            Some cannot take part; it holds the table of what differs.
        """
        if self._is_cluster:
            check_nodes(self._needs)

    def problem_of(self, node: Node) -> str:
        """Return why a node that joins cannot take part; empty text if it can."""
        if not self._is_cluster:
            return ""
        needs = dataclasses.replace(self._needs, mark=secrets.token_hex(16))
        try:
            check_nodes(needs, [node])
        except NodesError as exc:
            rows = (f"{what}: {found}" for _, what, found, _ in exc.rows)
            return f"{node_name(node)}: {'; '.join(rows)}"
        return ""

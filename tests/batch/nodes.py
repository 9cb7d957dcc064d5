"""Clusters of several nodes on this machine, and what makes a track wait on one of them."""

from pathlib import Path
from typing import Any

from ray.cluster_utils import Cluster

from libsep.media.ffmpeg import find_ffmpeg

from ..processes import PATIENCE_S

NODE = {"num_cpus": 1, "object_store_memory": 80_000_000}
HEAD = NODE | {
    "num_cpus": 0,
    "include_dashboard": False,
    # Two processes that nobody asks for anything here.
    "include_log_monitor": False,
    "no_monitor": True,
}
"""A head that does no work."""


class PatientCluster(Cluster):
    """A cluster that waits for its nodes longer than the 30 s that Ray grants."""

    def _wait_for_node(self, node: Any, timeout: float = PATIENCE_S) -> None:
        super()._wait_for_node(node, timeout)


class Gate:
    """An ffmpeg that waits, for tracks called ``gated…``, until it is opened."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "gate"
        self.folder.mkdir()
        self.ffmpeg = folder / "ffmpeg"
        self.ffmpeg.write_text(
            "#!/bin/sh\n"
            'all="$*"; name="${all#*gated-}"; name="${name%%.*}"\n'
            'case "$all" in *gated-*)\n'
            f'  : > "{self.folder}/gated-$name"\n'
            f'  while [ ! -e "{self.folder}/open" ]; do sleep 0.05; done;;\n'
            "esac\n"
            f'exec "{find_ffmpeg()}" "$@"\n'
        )
        self.ffmpeg.chmod(0o755)

    def waiting(self) -> set[str]:
        """Return the tracks whose ffmpeg has come to the gate."""
        return {path.name for path in self.folder.glob("gated-*")}

    def forget(self) -> None:
        for path in self.folder.glob("gated-*"):
            path.unlink()

    def open(self) -> None:
        (self.folder / "open").touch()

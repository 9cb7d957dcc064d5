"""The nodes of Ray as the driver sees them: which take work, which died, is Ray still there."""

import concurrent.futures
import contextlib
import dataclasses
import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import psutil
import ray
from ray._private import worker as ray_worker
from ray._private.state import state as gcs_state

from libsep.batch.cluster.machines import Machine
from libsep.errors import ClusterError
from libsep.units import format_bytes

logger = logging.getLogger(__name__)

WATCH_S = 2.0
"""How often the driver looks at the nodes."""

SILENT_S = 40.0
"""Seconds without an answer after which the cluster is lost; Ray ends the process after 60."""

LONGEST_STEP_S = 1.0
"""What counts at most between two looks at the clock, so that a sleep of the machine does not."""

LOST_THIS_MACHINE = "Ray has lost this machine (its raylet died); run again to go on"
"""What a driver says whose own node has died."""

LEAST_SCRATCH_BYTES = 1_000_000
"""Free space on the disk of Ray's own files under which Ray waits, without a word, for ever."""

CORES = "libsep_cores"
"""Ray's resource that says how many separators a node bears; without it, as many as CPUs."""

Node = Mapping[str, Any]
"""One of ``ray.nodes()``."""

Check = Callable[[Node], str]
"""Returns why a node cannot take part in the run; empty text if it can. May take minutes."""

Answer = TypeVar("Answer")


@dataclasses.dataclass(frozen=True, slots=True)
class _Look:
    """What Ray said: all nodes it ever had, and those that are to go soon."""

    nodes: tuple[Node, ...]
    draining: frozenset[str]


class Nodes:
    """Watches the nodes without ever making the driver wait.

    A node that joins in mid-run is looked at before it gets work; one that drains gets none.

    Parameters
    ----------
    check
        What a node that joins has to pass. Those of the first look have passed it already.

    Raises
    ------
    ClusterError
        Ray does not answer.
    """

    def __init__(self, check: Check | None = None) -> None:
        self._check = check
        self._own_id: str = ray.get_runtime_context().get_node_id()
        self._scratch = Path(ray_worker._global_node.get_session_dir_path())
        self._raylet = _own_raylet()
        self._looking: concurrent.futures.Future[_Look] | None = None
        self._checking: concurrent.futures.Future[dict[str, str]] | None = None
        self._looked_s = self._stepped_s = time.monotonic()
        self._silent_s = 0.0
        self._last = _Look((), frozenset())
        self.death_times_s: list[float] = []
        self.refused: dict[str, str] = {}
        try:
            first = _in_thread(_look).result(SILENT_S)
        except TimeoutError as exc:
            raise ClusterError(f"Ray does not answer for {SILENT_S:.0f} s") from exc
        self._admitted = {node["NodeID"] for node in first.nodes if node["Alive"]}
        self._take(first)

    @property
    def alive(self) -> frozenset[str]:
        """Names of the nodes that live, those that drain or get no work among them."""
        return frozenset(node["NodeID"] for node in self._last.nodes if node["Alive"])

    @property
    def is_single(self) -> bool:
        """Whether there has never been another node than this one."""
        return len(self._last.nodes) == 1

    @property
    def machines(self) -> tuple[Machine, ...]:
        """The nodes that take work."""
        machines = (
            _machine(node)
            for node in self._last.nodes
            if node["Alive"]
            and node["NodeID"] in self._admitted
            and node["NodeID"] not in self._last.draining
        )
        return tuple(each for each in machines if each.n_tracks or each.n_cores or each.n_gpus)

    @property
    def shunned(self) -> frozenset[str]:
        """Names of the living nodes that get no work although Ray would give them some."""
        return self.alive - self._admitted

    def watch(self) -> bool:
        """Take note of what Ray has said meanwhile; return whether the nodes are others now.

        Raises
        ------
        ClusterError
            Ray has lost all nodes or this one, does not answer any more, or its disk is full.
        """
        before = self.machines, self.alive
        self.check_this_machine()
        self._count_silence()
        if self._looking is not None and self._looking.done():
            look, self._looking = self._looking, None
            self._silent_s = 0.0
            self._take(look.result())
        elif self._looking is None and time.monotonic() - self._looked_s >= WATCH_S:
            self._looked_s = time.monotonic()
            check_scratch(self._scratch)
            self._looking = _in_thread(_look)
        self._admit()
        return before != (self.machines, self.alive)

    def check_this_machine(self) -> None:
        """Look whether this machine's raylet lives.

        Ray would tell it after ten seconds. Until then it ends this process without a word as soon
        as that writes to Ray's shared memory, so it is asked before each such moment.

        Raises
        ------
        ClusterError
            It does not.
        """
        if self._raylet is None:
            return
        try:
            is_dead = self._raylet.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            is_dead = True
        if is_dead or not self._raylet.is_running():  # another process may have its number
            raise ClusterError(LOST_THIS_MACHINE)

    def _count_silence(self) -> None:
        now_s = time.monotonic()
        step_s, self._stepped_s = now_s - self._stepped_s, now_s
        if self._looking is not None:
            self._silent_s += min(step_s, LONGEST_STEP_S)
        if self._silent_s > SILENT_S:
            message = f"the Ray cluster has not answered for {SILENT_S:.0f} s (is its head gone?)"
            raise ClusterError(f"{message}; run again to go on")

    def _take(self, look: _Look) -> None:
        lost = self.alive - {node["NodeID"] for node in look.nodes if node["Alive"]}
        self._last = look
        for name in sorted(lost):
            logger.warning("node %s has died: %s", name, _reason(look, name))
            self.death_times_s.append(time.monotonic())
        if self._own_id not in self.alive:
            raise ClusterError(LOST_THIS_MACHINE)

    def _admit(self) -> None:
        """Look at nodes that have joined, one after the other, beside the run."""
        if self._checking is not None and self._checking.done():
            for name, reason in self._checking.result().items():
                if not reason:
                    self._admitted.add(name)
                    logger.info("node %s has joined", name)
                else:
                    self.refused[name] = reason
                    logger.warning("node %s gets no work: %s", name, reason)
            self._checking = None
        new = self.shunned - set(self.refused)
        if self._checking is None and new:
            nodes = [node for node in self._last.nodes if node["NodeID"] in new]
            self._checking = _in_thread(lambda: _checked(nodes, self._check))


def check_scratch(folder: Path) -> None:
    """Do nothing while the disk of Ray's own files has room.

    Raises
    ------
    ClusterError
        It is full: no process would start, no block would travel, and no error would come of it.
    """
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < LEAST_SCRATCH_BYTES:
        raise ClusterError(
            f"only {format_bytes(free_bytes)} free on the disk of Ray's files ({folder});"
            " make room and run again to go on"
        )


def _own_raylet() -> psutil.Process | None:
    """Return Ray's process on this machine, None if it cannot be seen (another user's, say)."""
    socket = ray_worker._global_node.raylet_socket_name
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.name() == "raylet" and any(socket in word for word in process.cmdline()):
                return process
    return None


def _machine(node: Node) -> Machine:
    resources = node["Resources"]
    n_cpus = int(resources.get("CPU", 0))
    return Machine(
        node_id=node["NodeID"],
        n_tracks=n_cpus,
        n_cores=int(resources.get(CORES, n_cpus)),
        n_gpus=int(resources.get("GPU", 0)),
    )


def _look() -> _Look:
    return _Look(tuple(ray.nodes()), frozenset(gcs_state.get_draining_nodes()))


def _reason(look: _Look, name: str) -> str:
    reasons = (node.get("DeathReasonMessage", "") for node in look.nodes if node["NodeID"] == name)
    return next(reasons, "") or "Ray does not say why"


def _checked(nodes: Sequence[Node], check: Check | None) -> dict[str, str]:
    return {node["NodeID"]: check(node) if check is not None else "" for node in nodes}


def _in_thread(call: Callable[[], Answer]) -> "concurrent.futures.Future[Answer]":
    """Call something in a thread that nobody waits for, not even the end of the process."""
    future: concurrent.futures.Future[Answer] = concurrent.futures.Future()

    def run() -> None:
        try:
            future.set_result(call())
        except Exception as exc:  # noqa: BLE001 - whoever asks for the result is told
            future.set_exception(exc)

    threading.Thread(target=run, name="nodes", daemon=True).start()
    return future

"""The separators of a run on the machines that are there: some join, some leave, some die."""

import collections
import logging
import time
from collections.abc import Sequence
from typing import Any

from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from libsep.batch.cluster.machines import Machine, Place, Staffing
from libsep.batch.cluster.nodes import LONGEST_STEP_S, Nodes
from libsep.batch.schedule.plan import Plan
from libsep.batch.separators.loading import Separators
from libsep.config import RunConfig
from libsep.errors import ClusterError, LibsepError
from libsep.units import counted

logger = logging.getLogger(__name__)


class Fleet:
    """Keeps as many separators as the machines bear, and tells the plan what they can take.

    Parameters
    ----------
    nodes
        The nodes of Ray.
    staffing
        How many separators each is to hold.
    separators
        None started yet.
    plan
        Without slots; the fleet adds and retires them.
    config
        How many tracks may run at once, and how long to wait for machines.
    """

    def __init__(
        self,
        nodes: Nodes,
        staffing: Staffing,
        separators: Separators,
        plan: Plan,
        config: RunConfig,
    ) -> None:
        self._nodes = nodes
        self._staffing = staffing
        self._separators = separators
        self._plan = plan
        self._config = config
        self._in_vain: collections.Counter[Place] = collections.Counter()
        self._stepped_s = time.monotonic()
        self._waited_s = 0.0
        self._restaff()

    @property
    def nodes(self) -> Nodes:
        """The nodes of Ray."""
        return self._nodes

    def watch(self) -> str:
        """Follow the machines that come and go; return what has changed, empty text if nothing.

        Raises
        ------
        ClusterError
            There has been no machine to work on for too long, or Ray is gone.
        """
        has_changed = self._nodes.watch()
        if has_changed:
            self._drop_the_dead()
            self._restaff()
        for slot in self._plan.slots.left():
            self._separators.stop(slot)
        self._count_waiting()
        return self._describe() if has_changed else ""

    def near(self, slots: Sequence[int]) -> dict[str, Any]:
        """Return Ray's options for a task that uses these slots.

        It runs on their node if they have one in common and there is room on it, else on any; the
        tasks of all are spread over the nodes.
        """
        if self._nodes.is_single:
            return {}
        places = {self._separators.places[slot].node_id for slot in slots}
        options: dict[str, Any] = {"scheduling_strategy": "SPREAD"}
        if len(places) == 1:
            options["scheduling_strategy"] = NodeAffinitySchedulingStrategy(
                *places, soft=True, _spill_on_unavailable=True
            )
        if self._nodes.shunned:
            names = ", ".join(sorted(self._nodes.shunned))
            options["label_selector"] = {"ray.io/node-id": f"!in({names})"}
        return options

    def do_without(self, slot: int, problem: LibsepError) -> None:
        """Give up a separator that cannot load its model, if another machine has loaded one.

        Raises
        ------
        LibsepError
            The problem itself: no other machine shows that it is this one's.
        """
        place = self._separators.places[slot]
        if not self._works_elsewhere(place.node_id):
            raise problem
        logger.error("no separator on node %s: %s", place.node_id, problem)
        self._in_vain[place] += 1
        self._drop(slot)

    def check_overdue(self) -> None:
        """Give up separators that do not answer any more.

        Raises
        ------
        ClusterError
            No other separator works.
        """
        for slot, message in self._separators.overdue().items():
            self.do_without(slot, ClusterError(message))

    def _works_elsewhere(self, node_id: str) -> bool:
        return any(
            place.node_id != node_id and self._plan.slots[slot].is_open
            for slot, place in self._separators.places.items()
        )

    def _drop_the_dead(self) -> None:
        alive = self._nodes.alive
        for slot, place in list(self._separators.places.items()):
            if place.node_id not in alive:
                self._drop(slot)

    def _drop(self, slot: int) -> None:
        self._plan.slots.retire(slot)
        self._separators.stop(slot)

    def _restaff(self) -> None:
        """Start separators that are missing, and let those leave that are too many."""
        machines = self._nodes.machines
        self._plan.resize(self._config.tracks_in_flight or _n_tracks(machines))
        wanted = self._staffing.places(machines) - self._in_vain
        for slot, place in self._separators.places.items():
            if not self._plan.slots[slot].stays:
                continue
            if wanted[place]:
                wanted[place] -= 1
            else:
                self._plan.slots.leave(slot)
        for place in wanted.elements():
            self._separators.start(self._plan.slots.add(), place)

    def _count_waiting(self) -> None:
        """Stop the run when nobody could separate, or nobody could take a track, for too long."""
        now_s = time.monotonic()
        step_s, self._stepped_s = now_s - self._stepped_s, now_s
        if len(self._plan.slots) and _n_tracks(self._nodes.machines):
            self._waited_s = 0.0
            return
        self._waited_s += min(step_s, LONGEST_STEP_S)
        limit_s = self._config.wait_for_nodes_s
        if self._waited_s > limit_s:
            raise ClusterError(
                f"no node of the cluster could take work for {limit_s:.0f} s: {self._describe()}; "
                "run again to go on"
            )

    def _describe(self) -> str:
        machines = self._nodes.machines
        text = (
            f"{counted(len(machines), 'node')} at work, {counted(_n_tracks(machines), 'CPU')}, "
            f"{counted(len(self._plan.slots), 'separator')}"
        )
        refused = "".join(f"; left out: {reason}" for reason in self._nodes.refused.values())
        return text + refused


def _n_tracks(machines: tuple[Machine, ...]) -> int:
    return sum(machine.n_tracks for machine in machines)

"""A run: Ray, separators and driver, for the length of one call."""

import contextlib
import functools
import logging
from collections.abc import Sequence

from libsep.batch.cluster.connection import cluster_or_embedded_ray, is_cluster_named
from libsep.batch.cluster.machines import Staffing
from libsep.batch.cluster.nodes import Check, Nodes
from libsep.batch.driver import Crew, Driver, Listener, RunResult
from libsep.batch.interrupts import Interrupts, caught_interrupts
from libsep.batch.listening import Listening, n_listeners
from libsep.batch.schedule.costs import Costs, described_costs
from libsep.batch.schedule.night import Night
from libsep.batch.schedule.plan import Attempt, Plan
from libsep.batch.schedule.slots import Slots
from libsep.batch.separators.fleet import Fleet
from libsep.batch.separators.loading import Separators
from libsep.batch.stops import Stops
from libsep.ledger import Ledger
from libsep.machine import n_cores
from libsep.media.awake import kept_awake
from libsep.pipeline import Assigner, Settings

logger = logging.getLogger(__name__)

STORE_BYTES_PER_TRACK = 80_000_000
"""Shared memory for one track in flight: two segments of 12 s with their estimates, and slack."""


def convert_all(
    attempts: Sequence[Attempt],
    settings: Settings,
    assigner: Assigner,
    ledger: Ledger,
    listener: Listener,
    *,
    interrupts: Interrupts | None = None,
    night: Night | None = None,
    is_insecure: bool = False,
) -> RunResult:
    """Convert tracks on Ray; every track that starts gets exactly one ledger row.

    That is the cluster that ``RAY_ADDRESS`` names; without it, Ray runs on this machine.

    Parameters
    ----------
    attempts
        The tracks, in the order in which those of a model are to be started. Those without an
        assignment are listened to before; those that crashed before run last and alone.
    settings
        What all tracks share; the models among it are all that tracks may be assigned to.
    assigner
        Gives tracks their model that were listened to.
    ledger
        Open ledger of the output folder; this function is its only writer.
    listener
        Is told of every outcome after its row is on the disk.
    interrupts
        Where signals are counted that came before, or come after, this function; the caller then
        catches them there. By default those of this function alone.
    night
        The time that there is; without it, the run lasts until all is done.
    is_insecure
        Whether a cluster that asks for no token is used all the same.

    Raises
    ------
    ModelError, ConfigError
        A model cannot be loaded, or the device is not there.
    NodesError
        Nodes of the cluster lack something that the run needs.
    LedgerError
        A row cannot be written.
    ClusterError
        Ray does not start or cannot be reached, or loses its machines.
    """
    config = settings.config.run
    with contextlib.ExitStack() as stack:
        stack.enter_context(kept_awake(is_wanted=config.keep_awake))
        stack.enter_context(_ray(settings, is_insecure=is_insecure))
        # After Ray has started, because it takes over SIGTERM itself.
        interrupts = stack.enter_context(caught_interrupts(interrupts))
        stops = Stops(settings.output_root, config.min_free_bytes, interrupts)
        hopeful = [attempt for attempt in attempts if attempt.number <= config.max_attempts]
        check = _checked_cluster(settings, hopeful) if is_cluster_named() else None
        crew = start_crew(hopeful, settings, assigner, stops, night=night, check=check)
        driver = Driver(crew, settings, ledger, listener)
        driver.give_up(attempt for attempt in attempts if attempt.number > config.max_attempts)
        return driver.run()


def _ray(settings: Settings, *, is_insecure: bool) -> contextlib.AbstractContextManager[object]:
    """Return the Ray of a run: that of a cluster, or one with room for the tracks in flight."""
    n_tasks = settings.config.run.tracks_in_flight or n_cores() + 1
    use_gpus = settings.config.separation.device != "cpu"
    return cluster_or_embedded_ray(
        n_cpus=n_tasks,
        object_store_bytes=max(150_000_000, n_tasks * STORE_BYTES_PER_TRACK),
        n_gpus=None if use_gpus else 0,
        is_insecure=is_insecure,
    )


def _checked_cluster(settings: Settings, attempts: Sequence[Attempt]) -> Check:
    """Check the nodes of a cluster, and return what those that join later have to pass."""
    # Not for a run on this machine: it imports PyTorch, which takes seconds.
    from libsep.batch.cluster.preflight import check_nodes, needs_of, why_not

    needs = needs_of(settings, [attempt.track for attempt in attempts])
    check_nodes(needs)
    return functools.partial(why_not, needs)


def start_crew(
    attempts: Sequence[Attempt],
    settings: Settings,
    assigner: Assigner,
    stops: Stops,
    *,
    night: Night | None = None,
    check: Check | None = None,
) -> Crew:
    """Start the separators of a run on the Ray that this process is connected to.

    Parameters
    ----------
    attempts
        All tracks that are to be tried.
    settings, assigner
        As for `convert_all`.
    stops
        Reasons to end the run early.
    night
        As for `convert_all`.
    check
        What a node that joins later has to pass.

    Raises
    ------
    ModelError
        One of several models cannot be loaded.
    """
    config, models = settings.config, settings.models
    costs = Costs(described_costs(models))
    plan = Plan(
        attempts,
        Slots(0, max_wait_s=config.run.max_wait_s),
        costs,
        max_in_flight=0,  # the fleet knows
        max_attempts=config.run.max_attempts,
        max_listening=n_listeners(),
        fits=None if night is None else night.fits,
    )
    separators = Separators(
        config.separation, models, settings.log_folder, settings.restoration_model
    )
    staffing = Staffing(
        config.run.separators,
        [model.cost for model in models.values()],
        config.separation.device,
    )
    fleet = Fleet(Nodes(check), staffing, separators, plan, config.run)
    if len(models) > 1:  # a single one is loaded at once by the separators themselves
        separators.check(lambda: stops.signal is not None)
    return Crew(
        plan=plan,
        costs=costs,
        separators=separators,
        fleet=fleet,
        listening=Listening(settings, assigner),
        stops=stops,
        night=night,
    )

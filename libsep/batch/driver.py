"""The driver's loop: submit track tasks, wait for outcomes, write the ledger."""

import dataclasses
import logging
import time
from collections.abc import Iterable
from typing import Any, Protocol, runtime_checkable

import ray

from libsep import __version__
from libsep.batch.cluster.nodes import LOST_THIS_MACHINE
from libsep.batch.listening import Listening
from libsep.batch.schedule.costs import Costs
from libsep.batch.schedule.night import Night
from libsep.batch.schedule.plan import Attempt, Plan
from libsep.batch.separators.fleet import Fleet
from libsep.batch.separators.loading import Separators
from libsep.batch.stops import Stops
from libsep.batch.tasks import process_attempt, warm_up
from libsep.batch.verdicts import Verdicts
from libsep.errors import ClusterError, LibsepError, SeparatorsLostError
from libsep.ledger import Ledger
from libsep.pipeline import Settings
from libsep.track import Outcome, Track, path_to_text

logger = logging.getLogger(__name__)

POLL_S = 0.25
"""How often the driver looks at signals, time limits and the disk while it waits."""


@runtime_checkable
class Listener(Protocol):
    """Who wants to know how the run goes; called in the driver's thread."""

    def separators_ready(self, description: str, n_separators: int) -> None:
        """Models are loaded; ``description`` names one of them, device and precision."""

    def machines_changed(self, description: str) -> None:
        """Take note that nodes of the cluster have joined, left or died."""

    def models_changed(self, live: dict[str, int]) -> None:
        """Take note of how many separators each model has from now on."""

    def track_started(self, track: Track) -> None:
        """Take note that a track was handed to a process."""

    def track_crashed(self, track: Track) -> None:
        """Take note that a track's process or machine died; it starts again, or ends right now."""

    def track_ended(self, outcome: Outcome) -> None:
        """Take note of a row that is in the ledger now."""

    def drains(self, reason: str, *, is_interrupted: bool) -> None:
        """No further track is started, for this reason or by a signal; those in flight end."""


@dataclasses.dataclass(slots=True)
class RunResult:
    """How a run ended: ``interrupted`` is the signal, ``reason`` why it stopped early if it did.

    ``is_window_closed`` says that the reason is only that its time was over.
    """

    n_left: int = 0
    interrupted: int | None = None
    reason: str = ""
    is_window_closed: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """What a driver works with: plan and costs, separators and machines, reasons to stop.

    ``night`` is None for a run that may last as long as it takes.
    """

    plan: Plan
    costs: Costs
    separators: Separators
    fleet: Fleet
    listening: Listening
    stops: Stops
    night: Night | None = None


class Driver:
    """The loop's state: which task works on which attempt, and since when.

    Parameters
    ----------
    crew
        Plan and actors of the run.
    settings
        What all tracks share.
    ledger
        Open; the driver is its only writer.
    listener
        Is told of every outcome after its row is on the disk.
    """

    def __init__(self, crew: Crew, settings: Settings, ledger: Ledger, listener: Listener) -> None:
        self._plan = crew.plan
        self._costs = crew.costs
        self._separators = crew.separators
        self._fleet = crew.fleet
        self._listening = crew.listening
        self._stops = crew.stops
        self._night = crew.night
        self._settings = settings
        self._shared_settings = ray.put(settings)
        self._ledger = ledger
        self._listener = listener
        self._running: dict[Any, tuple[Attempt, float]] = {}
        self._verdicts = Verdicts()
        self._submit = ray.remote(process_attempt)
        self._n_submitted = 0
        self._are_ready = False
        self._result = RunResult()

    def run(self) -> RunResult:
        """Carry out the plan.

        Raises
        ------
        ModelError, ConfigError, LedgerError, ClusterError
            The run cannot go on.
        """
        self._start_loads()
        if self._fleet.nodes.is_single:
            # The process of the first track starts while the separators load, not after them.
            ray.remote(warm_up).options(max_retries=0).remote()
        # A track keeps the separators that it starts with, so the first ones wait for all of them.
        self._drain_if_needed()
        while self._separators.is_loading and not self._result.reason:
            self._wait()
            self._watch_machines()
            self._start_loads()
            self._drain_if_needed()
        while not self._plan.is_finished:
            self._start_loads()
            self._start_listening()
            self._start_tracks()
            self._wait()
            self._watch_machines()
            self._stop_overdue()
            self._drain_if_needed()
            if self._stops.is_aborted:
                break
        self._separators.log_stints()
        self._result.n_left = self._plan.n_left + self._plan.n_in_flight
        self._result.interrupted = self._stops.signal
        return self._result

    def give_up(self, suspects: Iterable[Attempt]) -> None:
        """Fail tracks that were in work each time when a run, or the whole machine, died."""
        for attempt in suspects:
            died = attempt.number - 1
            self._end(self._lost(attempt, "crash", f"was in work when {died} runs died"))

    def _start_loads(self) -> None:
        given = self._plan.loads(time.monotonic())
        for slot, model in given:
            self._separators.load(slot, model)
        if given:
            self._listener.models_changed(self._plan.slots.live())

    def _start_listening(self) -> None:
        while (attempt := self._plan.next_to_hear()) is not None:
            self._listening.begin(attempt)
        if not self._plan.n_unheard:
            self._listening.end()

    def _start_tracks(self) -> None:
        while (taken := self._plan.take()) is not None:
            attempt, slots = taken
            self._fleet.nodes.check_this_machine()
            self._ledger.started(path_to_text(attempt.track.source_name), attempt=attempt.number)
            submit = self._submit.options(max_retries=0, num_cpus=1, **self._fleet.near(slots))
            roster = self._separators.roster
            task = submit.remote(attempt, self._shared_settings, roster, slots, self._n_submitted)
            self._n_submitted += 1
            self._running[task] = (attempt, time.monotonic())
            self._listener.track_started(attempt.track)

    def _wait(self) -> None:
        """Wait a moment for whatever comes first, and see to it."""
        pending = [*self._running, *self._separators.pending, *self._listening.pending]
        if not pending:  # all machines are gone, or nothing that is left fits
            time.sleep(POLL_S)
            return
        ready, _ = ray.wait(pending, num_returns=1, timeout=POLL_S)
        for reference in ready:
            if reference in self._running:
                self._collect(reference)
            elif reference in self._separators.pending:
                self._collect_load(reference)
            else:
                attempt, assignment = self._listening.collect(reference)
                self._plan.heard(attempt.track, assignment)

    def _watch_machines(self) -> None:
        if change := self._fleet.watch():
            self._listener.machines_changed(change)
        self._separators.try_again()
        self._fleet.check_overdue()
        now_s = time.monotonic()
        innocent, guilty = self._verdicts.settle(self._fleet.nodes.death_times_s, now_s)
        for attempt in innocent:
            self._start_again(attempt)
        for attempt in guilty:
            self._crashed(attempt)

    def _collect_load(self, reference: Any) -> None:
        slot = self._separators.slot_of(reference)
        try:
            description = self._separators.collect(reference)
        except LibsepError as exc:
            self._fleet.do_without(slot, exc)
            return
        if description is None:
            return
        self._plan.loaded(slot)
        if not self._are_ready:
            self._listener.separators_ready(description, len(self._separators))
            self._are_ready = True

    def _collect(self, task: Any) -> None:
        attempt, since_s = self._running.pop(task)
        try:
            outcome: Outcome = ray.get(task)
        except ray.exceptions.RayError as exc:
            self._listener.track_crashed(attempt.track)
            self._collect_loss(attempt, exc)
            return
        self._plan.ended(attempt)
        self._costs.learn(outcome)
        if self._night is not None:
            self._night.note(outcome, time.monotonic() - since_s)
        self._end(outcome)

    def _collect_loss(self, attempt: Attempt, exc: ray.exceptions.RayError) -> None:
        """See to a track whose task has no outcome: whose fault it is decides what follows."""
        source = attempt.track.source
        if isinstance(exc, ray.exceptions.RayTaskError):
            if isinstance(exc.cause, SeparatorsLostError):
                self._start_again(attempt)
            elif isinstance(exc.cause, LibsepError):
                raise exc.cause from None
            else:
                self._plan.ended(attempt)
                self._end(self._lost(attempt, "bug", str(exc.cause)))
            return
        self._fleet.nodes.check_this_machine()
        logger.error("process of %s died: %s", source, exc)
        if isinstance(exc, ray.exceptions.NodeDiedError | ray.exceptions.ObjectLostError):
            self._start_again(attempt)
        elif isinstance(exc, ray.exceptions.OutOfMemoryError):
            self._crashed(attempt)
        elif isinstance(exc, ray.exceptions.WorkerCrashedError):
            if self._fleet.nodes.is_single:
                self._crashed(attempt)
            else:
                self._verdicts.add(attempt, time.monotonic())
        elif isinstance(exc, ray.exceptions.LocalRayletDiedError):
            raise ClusterError(LOST_THIS_MACHINE) from exc
        else:
            raise ClusterError(f"Ray lost the task of {source}: {exc}") from exc

    def _crashed(self, attempt: Attempt) -> None:
        if self._plan.crashed(attempt):
            source = path_to_text(attempt.track.source_name)
            self._ledger.process_died(source, attempt=attempt.number)
            return
        message = f"its process, or the run, died {attempt.number} times"
        self._end(self._lost(attempt, "crash", message))

    def _start_again(self, attempt: Attempt) -> None:
        logger.warning("%s starts again: its machine is gone", attempt.track.source)
        if not self._plan.lost(attempt):
            message = f"one machine after the other died, {attempt.number} processes too"
            self._end(self._lost(attempt, "crash", message))

    def _end(self, outcome: Outcome) -> None:
        self._stops.note(outcome)
        self._ledger.append(outcome)
        self._listener.track_ended(outcome)

    def _lost(self, attempt: Attempt, kind: str, message: str) -> Outcome:
        """Return the outcome of a track whose process could not give one."""
        track = attempt.track
        columns = attempt.assignment.columns() if attempt.assignment is not None else {}
        return Outcome(
            source=path_to_text(track.source_name),
            output=path_to_text(track.output_name),
            status="failed",
            kind=kind,
            stage="process",
            error="TrackError",
            message=message,
            tag_genres=track.tag_genres,
            config_sha256=self._settings.config_sha256(None),
            size_bytes=track.size_bytes,
            mtime_ns=track.mtime_ns,
            duration_s=track.duration_s or 0.0,
            attempt=attempt.number,
            run=self._settings.run,
            ended_at=time.time(),
            version=__version__,
            **columns,
        )

    def _stop_overdue(self) -> None:
        limit_s = self._settings.config.run.track_timeout_s
        now_s = time.monotonic()
        for task, (attempt, since_s) in list(self._running.items()):
            if now_s - since_s > limit_s:
                del self._running[task]
                ray.cancel(task, force=True)
                self._plan.ended(attempt)
                self._end(self._lost(attempt, "timeout", f"not finished after {limit_s:.0f} s"))
        for attempt, assignment in self._listening.overdue():
            self._plan.heard(attempt.track, assignment)

    def _drain_if_needed(self) -> None:
        if self._result.reason:
            return
        reason = self._stops.reason()
        if not reason and self._night is not None and self._plan.is_out_of_time:
            reason = self._night.reason
            self._result.is_window_closed = True
        if reason:
            self._result.reason = reason
            self._plan.drain()
            self._listener.drains(reason, is_interrupted=self._stops.signal is not None)

"""The teacher on Ray: separators as a run has them, and tasks that label one block each."""

import collections
import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ray

from libsep import log
from libsep.batch.cluster.machines import Staffing
from libsep.batch.cluster.nodes import Nodes
from libsep.batch.separators.actors import start_separator
from libsep.batch.tasks import RemoteSeparator, Seat
from libsep.config import SeparationConfig
from libsep.errors import ClusterError, ConfigError, LibsepError, TrackError
from libsep.media.decode import hash_audio
from libsep.media.ffmpeg import find_ffmpeg
from libsep.separation.registry import Model
from libsep.track import Track
from libsep.training.distillation.blocks import Block, describe
from libsep.training.distillation.labels import Label, LabelStore, key_of
from libsep.training.distillation.teacher import label_block

logger = logging.getLogger(__name__)

POLL_S = 0.25
"""How often the driver looks whether it is to stop, while it waits."""

MAX_TRIES = 2
"""How often a block may kill its process before it is left out."""

MAX_PROBLEMS = 20
"""So many tracks that fail, and none that works, stop the labelling: the cause is not theirs."""


class Teachers:
    """Separators on all machines of this Ray, that hold the teacher; a context manager.

    Parameters
    ----------
    teacher
        Which model.
    config
        Device and precision, and the segments.
    log_folder
        Folder that receives the logs of the processes.
    """

    def __init__(
        self, teacher: Model, config: SeparationConfig, log_folder: log.Folder | None
    ) -> None:
        self.teacher = teacher
        self.config = config
        self.log_folder = log_folder
        self._seats: list[Seat] = []
        self._nodes: Nodes | None = None

    def __enter__(self) -> "Teachers":
        """Start them, and wait until all have loaded.

        Raises
        ------
        ModelError, ConfigError
            The teacher cannot be loaded, or the device is not there.
        ClusterError
            There is no machine, or a separator died of it.
        """
        nodes = self._nodes = Nodes()
        places = Staffing(0, [self.teacher.cost], self.config.device).places(nodes.machines)
        self._seats = [
            Seat(start_separator(self.config, place, self.log_folder), place.node_id)
            for place in places.elements()
        ]
        if not self._seats:
            raise ClusterError("no machine of the cluster can hold the teacher")
        self.n_at_once = max(len(self._seats), sum(m.n_tracks for m in nodes.machines))
        loads = [seat.actor.load.remote(self.teacher) for seat in self._seats]
        try:
            logger.info("teachers: %s", ray.get(loads))
        except ray.exceptions.RayTaskError as exc:
            if isinstance(exc.cause, LibsepError):
                raise exc.cause from None
            raise ClusterError(f"the teacher cannot be loaded: {exc.cause}") from exc
        except ray.exceptions.RayError as exc:
            raise ClusterError(f"a process that loads the teacher died: {exc}") from exc
        return self

    def __exit__(self, *problem: object) -> None:
        """End them."""
        for seat in self._seats:
            with contextlib.suppress(ray.exceptions.RayError):
                ray.kill(seat.actor)

    def __len__(self) -> int:
        return len(self._seats)

    def watch(self) -> None:
        """Do nothing while Ray is there.

        Raises
        ------
        ClusterError
            It is not.
        """
        if self._nodes is not None:
            self._nodes.watch()

    @property
    def seats(self) -> Sequence[Seat]:
        """The separators, for tasks."""
        return self._seats


class Labelling:
    """Lets teachers label blocks, and keeps what they say; this process alone writes.

    Parameters
    ----------
    teachers
        Loaded.
    store
        Takes the labels.
    on_label
        Is told of each block that has its label on the disk now.

    Attributes
    ----------
    n_labelled
        Blocks that got their label.
    last_s
        How long the newest label took its process, in seconds.
    problems
        Tracks that have no further label, and why.
    """

    def __init__(
        self, teachers: Teachers, store: LabelStore, on_label: Callable[[Block], None]
    ) -> None:
        self._teachers = teachers
        self._store = store
        self._on_label = on_label
        self._shared: Any = None
        self._submit = ray.remote(_label).options(max_retries=0, num_cpus=1)
        self._running: dict[Any, Block] = {}
        self._tries: collections.Counter[Block] = collections.Counter()
        self._unusable: set[Track] = set()
        self._n_submitted = 0
        self.n_labelled = 0
        self.last_s = 0.0
        self.problems: list[str] = []

    def run(self, blocks: Sequence[Block], stop: Callable[[], str]) -> str:
        """Label those of ``blocks`` that have no label yet, in order; return why not all.

        A label whose track was moved or tagged meanwhile is used again. What cannot be labelled is
        left out, and told in ``problems``.

        Parameters
        ----------
        blocks
            What is wanted.
        stop
            Says why no further block is to be started; empty text: go on. Those in work end.

        Raises
        ------
        LedgerError
            A label cannot be written.
        ClusterError, ModelError, ConfigError
            No block could be labelled like this.
        """
        shared = (self._teachers.teacher, self._teachers.config, list(self._teachers.seats))
        self._shared = ray.put((*shared, self._store.keys, self._store.judging))
        left = collections.deque(block for block in blocks if not self._store.has(block))
        n_sources = len(self._teachers.teacher.targets)
        reason = ""
        while left or self._running:
            reason = reason or stop()
            while left and not reason and len(self._running) < self._teachers.n_at_once:
                planned = sum(block.n_bytes(n_sources) for block in self._running.values())
                if not self._store.has_room(planned + left[0].n_bytes(n_sources)):
                    # What is in work may fail, and leave its room to the next.
                    reason = "" if self._running else "labels.max_gb is full"
                    break
                self._start(left.popleft())
            if not self._running:
                break
            ready, _ = ray.wait(list(self._running), num_returns=1, timeout=POLL_S)
            self._teachers.watch()
            for reference in ready:
                left.extend(self._collected(reference))
            left = collections.deque(block for block in left if block.track not in self._unusable)
        return reason

    def _start(self, block: Block) -> None:
        self._tries[block] += 1
        task = self._submit.remote(
            block,
            self._shared,
            self._n_submitted,
            self._store.audio_sha256(block),
            self._teachers.log_folder,
        )
        self._n_submitted += 1
        self._running[task] = block

    def _collected(self, reference: Any) -> Iterator[Block]:
        """Keep the label of a task that has ended; yield its block if it is to be tried again."""
        block = self._running.pop(reference)
        try:
            label: Label = ray.get(reference)
        except ray.exceptions.RayTaskError as exc:
            if isinstance(exc.cause, LibsepError) and not isinstance(exc.cause, TrackError):
                raise exc.cause from None
            if block.track not in self._unusable:
                self._give_up(block, str(exc.cause))
            return
        except ray.exceptions.RayError as exc:
            logger.warning("%s: its process died: %s", describe(block), exc)
            if self._tries[block] < MAX_TRIES:
                yield block
            else:
                self._give_up(block, f"its process died {MAX_TRIES} times")
            return
        if not self._store.takes_over(block, label.audio_sha256):
            self._store.add(block, label)
        self.n_labelled += 1
        self.last_s = label.wall_s or self.last_s
        self._on_label(block)

    def _give_up(self, block: Block, problem: str) -> None:
        logger.warning("%s: has no label: %s", describe(block), problem)
        self._unusable.add(block.track)
        self.problems.append(f"{describe(block)}: {problem}")
        if not self.n_labelled and len(self.problems) >= MAX_PROBLEMS:
            raise ConfigError(f"no block can be labelled; {self.problems[0]}")


def _label(
    block: Block,
    shared: tuple[Model, SeparationConfig, Sequence[Seat], frozenset[str], frozenset[str]],
    first: int,
    audio_sha256: str | None,
    log_folder: log.Folder | None,
) -> Label:
    """Label one block, in a process of its own on any node.

    Not one whose audio has a label, nor one that would teach what another track judges by.
    """
    if log_folder is not None:
        log.setup_worker(log_folder)
    teacher, config, seats, known, judging = shared
    start_s, ffmpeg = time.monotonic(), find_ffmpeg()
    audio_sha256 = audio_sha256 or hash_audio(block.track.path, ffmpeg=ffmpeg)
    is_judge = not block.is_held_back and audio_sha256 in judging
    if is_judge or key_of(block, audio_sha256) in known:
        return Label(audio_sha256, 1.0, {}, 0.0)
    separator = RemoteSeparator(block.track.path, teacher, seats, first=first)
    sources, gain = label_block(block, teacher, separator, config, ffmpeg=ffmpeg)
    wall_s = time.monotonic() - start_s
    logger.info("%s: labelled in %.1f s", describe(block), wall_s)
    return Label(audio_sha256, gain, sources, wall_s)

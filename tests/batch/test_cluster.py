"""A run on a cluster of several nodes, some of which die, join and drain while it lasts."""

import contextlib
import dataclasses
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
import torch
import yaml
from ray._raylet import GcsClient
from ray.cluster_utils import Cluster
from ray.core.generated import autoscaler_pb2
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from libsep.batch.cluster.machines import Place
from libsep.batch.cluster.nodes import Check, Node
from libsep.batch.driver import Crew, Driver
from libsep.batch.interrupts import Interrupts
from libsep.batch.run import start_crew
from libsep.batch.schedule.plan import Attempt
from libsep.batch.separators.actors import SeparatorActor, start_separator
from libsep.batch.stops import Stops
from libsep.batch.tasks import RemoteSeparator, Seat
from libsep.config import Config
from libsep.errors import SeparatorsLostError
from libsep.ledger import FOLDER, Ledger
from libsep.library.survey import track_of_file
from libsep.media.verify import verify_stems
from libsep.pipeline import Assigner, Settings
from libsep.separation.registry import Model
from libsep.separation.separator import Separator
from libsep.track import Track

from ..conftest import assignment
from ..processes import PATIENCE_S, wait_until
from .conftest import Notes
from .nodes import HEAD, NODE, Gate, PatientCluster

pytestmark = [pytest.mark.ray, pytest.mark.slow]

CONFIG = Config().replaced(
    separation={"segment_s": 2.0, "overlap_s": 0.5, "precision": "float32"},
    encode={"codec": "alac"},
    decode={"stall_timeout_s": PATIENCE_S},
    run={"min_free_bytes": 0, "wait_for_nodes_s": PATIENCE_S},
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Yield a cluster whose head does no work; tests add nodes. This process is connected."""
    health = {
        "health_check_initial_delay_ms": 0,
        "health_check_period_ms": 500,
        "health_check_timeout_ms": 100_000,
        "health_check_failure_threshold": 3,
    }
    head = HEAD | {"_system_config": health}
    found = PatientCluster(initialize_head=True, head_node_args=head)
    ray.init(address=found.address, configure_logging=False, log_to_driver=False)
    assert ray.get_runtime_context().get_node_id() == found.head_node.node_id
    yield found
    ray.shutdown()
    found.shutdown()


@pytest.fixture
def add_node(cluster: Cluster) -> Iterator[Callable[..., Any]]:
    """Yield a function that adds a node, which is gone after the test."""
    added: list[Any] = []

    def add(**arguments: object) -> Any:
        added.append(cluster.add_node(**NODE | arguments))
        return added[-1]

    yield add
    for node in added:
        if node in cluster.worker_nodes:
            cluster.remove_node(node, allow_graceful=False)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


@pytest.fixture
def tracks(
    encode: Callable[..., Path], rng: np.random.Generator, tiny_model: Model
) -> list[Attempt]:
    """Return six tracks, the first two of which stop at the gate."""
    noise = (0.1 * rng.standard_normal((2, 3 * 44100))).astype(np.float32)
    names = ["gated-0", "gated-1", *"abcd"]
    paths = [encode(f"{name}.wav", noise) for name in names]
    return [Attempt(track_of_file(path)[0], assignment=assignment(tiny_model)) for path in paths]


@dataclasses.dataclass
class Acting(Notes):
    """A listener that does something when tracks start or the machines change."""

    on_start: Callable[[Track], None] = lambda _track: None
    on_machines: Callable[[str], None] = lambda _text: None
    started: list[str] = dataclasses.field(default_factory=list)

    def track_started(self, track: Track) -> None:
        self.started.append(track.path.stem)
        self.on_start(track)

    def machines_changed(self, description: str) -> None:
        super().machines_changed(description)
        self.on_machines(description)


class Holder:
    """An actor that keeps its node."""

    def hold(self) -> None:
        """Do nothing; who gets the answer knows that the actor lives."""


def node_of_task() -> str:
    return ray.get_runtime_context().get_node_id()


def nodes_of(crew: Crew) -> set[str]:
    """Return the nodes that hold separators."""
    return {place.node_id for place in crew.separators.places.values()}


@contextlib.contextmanager
def driver(
    attempts: list[Attempt],
    model: Model,
    stems: Path,
    config: Config,
    notes: Notes,
    check: Check | None = None,
) -> Iterator[tuple[Driver, Crew, Ledger]]:
    """Yield a driver on the cluster that is there."""
    config = config.replaced(separation={"model": str(model.folder)})
    settings = Settings(config=config, models={model.name: model}, output_root=stems, run="test")
    ledger = Ledger(stems / FOLDER)
    ledger.begin("test")
    stops = Stops(stems, 0, Interrupts())
    crew = start_crew(attempts, settings, Assigner(config), stops, check=check)
    yield Driver(crew, settings, ledger, notes), crew, ledger
    for slot in list(crew.separators.places):
        crew.separators.stop(slot)
    ledger.end()


def test_a_node_dies_and_another_joins_and_every_track_is_done_once_without_a_strike(
    cluster: Cluster,
    add_node: Callable[..., Any],
    gate: Gate,
    tracks: list[Attempt],
    tiny_model: Model,
    tmp_path: Path,
) -> None:
    lasting, dying = add_node(), add_node()
    joined: list[Any] = []
    notes = Acting()

    def replace_a_node(track: Track) -> None:
        """Lose a node in mid-track, add one, and go on when that one has taken the track over."""
        if len(notes.started) == 2:
            wait_until(lambda: len(gate.waiting()) == 2)  # there is one CPU on each node
            cluster.remove_node(dying, allow_graceful=False)
            joined.append(add_node())
            gate.forget()
        if len(notes.started) == 3:
            wait_until(lambda: gate.waiting() == {track.path.stem})
            gate.open()

    notes.on_start = replace_a_node
    config = CONFIG.replaced(decode={"ffmpeg": str(gate.ffmpeg)})
    stems = tmp_path / "stems"
    with driver(tracks, tiny_model, stems, config, notes) as (run, crew, ledger):
        assert nodes_of(crew) == {lasting.node_id, dying.node_id}
        result = run.run()
        assert nodes_of(crew) == {lasting.node_id, joined[0].node_id}
    assert (result.n_left, result.reason) == (0, "")
    rows = list(ledger.rows())
    assert sorted(row.source for row in rows) == sorted(str(a.track.source) for a in tracks)
    assert {(row.status, row.attempt) for row in rows} == {("done", 1)}
    assert all(verify_stems(stems / row.output).is_conformant for row in rows)
    assert len(notes.started) == len(tracks) + 1
    assert notes.machines[-1].startswith("2 nodes at work, 2 CPUs, 2 separators")


def test_blocks_go_to_the_separators_of_their_own_node_and_to_others_when_it_is_lost(
    cluster: Cluster, add_node: Callable[..., Any], tiny_model: Model, rng: np.random.Generator
) -> None:
    nodes = [add_node(), add_node()]
    seats = [
        Seat(start_separator(CONFIG.separation, Place(node.node_id)), node.node_id)
        for node in nodes
    ]
    segments = [(0.1 * rng.standard_normal((2, 20000))).astype(np.float32) for _ in range(6)]
    local = Separator(tiny_model, device="cpu", precision="float32")
    expected = np.stack([local.separate(segment[None])[0] for segment in segments])

    def separated(seats: list[Seat], doomed: int | None) -> np.ndarray:
        def killing() -> Iterator[np.ndarray]:
            for index, segment in enumerate(segments):
                if doomed is not None and index == 3:
                    os.kill(doomed, signal.SIGKILL)
                yield segment

        return np.stack(list(RemoteSeparator(Path("x"), tiny_model, seats).map(killing())))

    task = ray.remote(separated).options(
        scheduling_strategy=NodeAffinitySchedulingStrategy(nodes[0].node_id, soft=False)
    )
    np.testing.assert_allclose(ray.get(task.remote(seats, None)), expected, atol=1e-6)
    counts = [sum(s.n_segments for s in ray.get(each.actor.stints.remote())) for each in seats]
    assert counts == [6, 0]
    (raylet,) = nodes[1].all_processes["raylet"]
    with pytest.raises(SeparatorsLostError, match="its separators are gone"):
        ray.get(task.remote(seats[1:], raylet.process.pid))
    cluster.remove_node(nodes[1], allow_graceful=False)


def test_a_separator_whose_device_fails_starts_again_and_another_takes_its_segment(
    cluster: Cluster,
    add_node: Callable[..., Any],
    tiny_model: Model,
    rng: np.random.Generator,
    tmp_path: Path,
) -> None:
    class Failing(SeparatorActor):
        """Its network fails once as CUDA does, at the third segment."""

        def _load(self, model: Model) -> None:
            super()._load(model)
            network, counts = self._separator.networks[0].network, itertools.count(1)
            separate = network.separate

            def failing(mixture: torch.Tensor) -> torch.Tensor:
                if next(counts) == 3 and not (tmp_path / "failed").exists():
                    (tmp_path / "failed").touch()
                    raise torch.AcceleratorError("CUDA error: device-side assert triggered")
                return separate(mixture)

            network.separate = failing

    node_id = add_node().node_id
    place = Place(node_id)
    options = {
        "num_cpus": 0,
        "max_restarts": -1,
        "scheduling_strategy": NodeAffinitySchedulingStrategy(node_id, soft=False),
    }
    failing = ray.remote(Failing).options(**options).remote(CONFIG.separation)
    sound = start_separator(CONFIG.separation, place)
    first_pid = ray.get(failing.process_id.remote())
    segments = [(0.1 * rng.standard_normal((2, 20000))).astype(np.float32) for _ in range(8)]
    seats = [Seat(failing, node_id), Seat(sound, node_id)]
    found = list(RemoteSeparator(Path("x"), tiny_model, seats).map(iter(segments)))
    local = Separator(tiny_model, device="cpu", precision="float32")
    expected = [local.separate(segment[None])[0] for segment in segments]
    np.testing.assert_allclose(np.stack(found), np.stack(expected), atol=1e-6)
    assert (tmp_path / "failed").exists()

    def has_started_again() -> bool:
        with contextlib.suppress(ray.exceptions.RayActorError):
            return ray.get(failing.process_id.remote()) != first_pid
        return False

    wait_until(has_started_again)


def test_a_node_that_drains_loses_its_separators_and_one_that_lacks_something_gets_none(
    cluster: Cluster,
    add_node: Callable[..., Any],
    tracks: list[Attempt],
    tiny_model: Model,
    tmp_path: Path,
) -> None:
    def check(node: Node) -> str:
        return "ffmpeg: missing" if "lame" in node["Resources"] else ""

    leaving, lasting = add_node(), add_node()
    notes = Notes()
    with driver(tracks, tiny_model, tmp_path / "stems", CONFIG, notes, check) as (_, crew, _):
        fleet = crew.fleet
        assert nodes_of(crew) == {leaving.node_id, lasting.node_id}
        here = NodeAffinitySchedulingStrategy(leaving.node_id, soft=False)
        holder = ray.remote(Holder).options(num_cpus=1, scheduling_strategy=here).remote()
        ray.get(holder.hold.remote())
        reason = autoscaler_pb2.DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION")
        deadline_ms = int(1000 * (time.time() + PATIENCE_S))
        client = GcsClient(address=cluster.address)
        assert client.drain_node(leaving.node_id, reason, "spot", deadline_ms)[0]
        wait_until(fleet.watch)
        assert leaving.node_id in fleet.nodes.alive, "it ends what it has"
        wait_until(lambda: (fleet.watch(), nodes_of(crew) == {lasting.node_id})[1])

        lame = add_node(resources={"lame": 1})
        wait_until(lambda: (fleet.watch(), fleet.nodes.refused)[1])
        assert fleet.nodes.shunned >= {lame.node_id}
        assert nodes_of(crew) == {lasting.node_id}
        task = ray.remote(node_of_task).options(num_cpus=1, **fleet.near([]))
        assert set(ray.get([task.remote() for _ in range(8)])) == {lasting.node_id}
        late = add_node()
        wait_until(lambda: (fleet.watch(), nodes_of(crew) == {lasting.node_id, late.node_id})[1])
        ray.kill(holder)


def test_the_job_converts_on_the_cluster(
    cluster: Cluster,
    add_node: Callable[..., Any],
    encode: Callable[..., Path],
    tiny_model: Model,
    rng: np.random.Generator,
    tmp_path: Path,
) -> None:
    add_node()
    (tmp_path / "music").mkdir()
    noise = (0.1 * rng.standard_normal((2, 3 * 44100))).astype(np.float32)
    encode("music/one.wav", noise)
    values = CONFIG.replaced(separation={"model": str(tiny_model.folder)}).model_dump(mode="json")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(values))
    script = Path(__file__).parents[2] / "ray_jobs" / "separate_library.py"
    command = [sys.executable, script, "music", "stems", "--config=config.yaml"]
    done = subprocess.run(
        [*command, f"--address={cluster.address}", "--json"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["n_converted"] == 1
    assert verify_stems(tmp_path / "stems" / "one.stem.mp4").is_conformant

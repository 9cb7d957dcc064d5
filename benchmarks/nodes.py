"""What a node more brings: real Ray on 2, 4 and 8 local nodes, with tracks that only sleep.

    python benchmarks/nodes.py                       # 2, 4 and 8 nodes of two CPUs
    python benchmarks/nodes.py --nodes 1 2 --sleep-s 1

The driver, its plan, its ledger and Ray are those of `libsep run`; in the place of decoding,
separating and encoding, a track's task sleeps. So the nodes of one machine do not take each other's
cores, and what is left is what libsep and Ray cost. Only the time in which all slots are busy
counts.
"""

import argparse
import contextlib
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import libsep.batch  # noqa: F401  it sets what Ray reads when it is imported

# isort: split
import ray
from ray.cluster_utils import Cluster

from libsep.batch.driver import Driver
from libsep.batch.interrupts import Interrupts
from libsep.batch.run import start_crew
from libsep.batch.schedule.plan import Attempt
from libsep.batch.stops import Stops
from libsep.config import Config
from libsep.ledger import Ledger
from libsep.pipeline import Assigner, Settings
from libsep.separation.registry import find_model
from libsep.track import Assignment, Outcome, Track, path_to_text

CPUS_PER_NODE = 2
TRACKS_PER_SLOT = 16


def main() -> None:
    """Measure each number of nodes and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, nargs="+", default=[2, 4, 8])
    parser.add_argument("--sleep-s", type=float, default=4.0, help="mean; half to one and a half")
    arguments = parser.parse_args()
    print("| nodes | slots | tracks a minute | of the possible | driver, CPU a track | of a core |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for n_nodes in arguments.nodes:
        n_slots = CPUS_PER_NODE * n_nodes
        with cluster_of(n_nodes), tempfile.TemporaryDirectory() as folder:
            rate, driver_s, driver_share = measure(Path(folder), n_slots, arguments.sleep_s)
        possible = n_slots / arguments.sleep_s
        print(
            f"| {n_nodes} | {n_slots} | {60 * rate:.0f} | {rate / possible:.0%} "
            f"| {1000 * driver_s:.1f} ms | {driver_share:.0%} |",
            flush=True,
        )


@contextlib.contextmanager
def cluster_of(n_nodes: int) -> Iterator[None]:
    """Run a cluster with a head that does no work, and connect to it."""
    node = {"object_store_memory": 80_000_000}
    head = node | {"num_cpus": 0, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        for _ in range(n_nodes):
            cluster.add_node(num_cpus=CPUS_PER_NODE, **node)
        ray.init(address=cluster.address, configure_logging=False, log_to_driver=False)
        yield
    finally:
        ray.shutdown()
        cluster.shutdown()


def measure(folder: Path, n_slots: int, sleep_s: float) -> tuple[float, float, float]:
    """Return tracks a second with all slots busy; CPU of the driver for a track, and a second."""
    config = Config().replaced(run={"separators": 1, "min_free_bytes": 0})
    model = find_model("small")
    settings = Settings(config=config, models={model.name: model}, output_root=folder, run="nodes")
    given = Assignment(
        model=model.name,
        model_sha256=model.sha256,
        genre="generic",
        genre_reason="no routing",
        genre_source="option",
    )
    attempts = [Attempt(track(n), assignment=given) for n in range(n_slots * TRACKS_PER_SLOT)]
    ledger = Ledger(folder / ".libsep")
    ledger.begin("nodes")
    stops = Stops(folder, 0, Interrupts())
    notes = Notes()
    with mock.patch("libsep.batch.driver.process_attempt", sleeper(sleep_s)):
        driver = Driver(
            start_crew(attempts, settings, Assigner(config), stops), settings, ledger, notes
        )
        since_s, since_cpu_s = time.monotonic(), time.process_time()
        driver.run()
        wall_s, driver_s = time.monotonic() - since_s, time.process_time() - since_cpu_s
    # Workers start in the first rounds, and in the last one slots stay empty.
    busy = sorted(notes.ends_s)[3 * n_slots : -2 * n_slots]
    rate = (len(busy) - 1) / (busy[-1] - busy[0])
    return rate, driver_s / len(attempts), driver_s / wall_s


def track(number: int) -> Track:
    """Return a track that is nowhere."""
    name = f"{number:05d}"
    return Track(
        path_name=f"/nowhere/{name}.flac",
        source_name=f"{name}.flac",
        output_name=f"{name}.stem.mp4",
        size_bytes=1,
        mtime_ns=1,
        duration_s=240.0,
    )


def sleeper(sleep_s: float) -> Any:
    """Return what stands in for the work of a track."""

    def sleep(attempt: Attempt, *_: object) -> Outcome:
        source = path_to_text(attempt.track.source_name)
        # As tracks differ in length; if all ended at once, the last moment would decide the rate.
        time.sleep(sleep_s * random.Random(source).uniform(0.5, 1.5))
        return Outcome(source=source, output=path_to_text(attempt.track.output_name), status="done")

    return sleep


class Notes:
    """Remembers when tracks ended; all else that a driver tells is of no interest here."""

    def __init__(self) -> None:
        self.ends_s: list[float] = []

    def track_ended(self, _: Outcome) -> None:
        """Note the time."""
        self.ends_s.append(time.monotonic())

    def _ignore(self, *_: object) -> None:
        pass

    separators_ready = models_changed = machines_changed = track_started = _ignore
    track_crashed = drains = _ignore


if __name__ == "__main__":
    main()

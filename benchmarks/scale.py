"""How far one driver goes: a library of a million tracks on a thousand slots, in virtual time.

    python benchmarks/scale.py                              # 1,000,000 tracks, 1,000 slots
    python benchmarks/scale.py --tracks 100000 --slots 100 --models 7

The plan, the costs and the ledger are those of `libsep run`; only tracks and Ray are not there: a
track "runs" for its duration times measured stage costs, and the clock jumps to the next end. What
is measured is the driver: CPU for each track, memory, size of the ledger, and the time until the
next run knows what is left, each phase in a process of its own. `nodes.py` measures the same with
real Ray.
"""

import argparse
import dataclasses
import heapq
import multiprocessing
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ledger import outcome

from libsep.batch.schedule.costs import Costs
from libsep.batch.schedule.plan import Attempt, Plan
from libsep.batch.schedule.slots import Slots
from libsep.ledger import Ledger
from libsep.track import Assignment, Track, path_to_text

SEPARATE_S = 10.3 / 240
"""CPU seconds of the network for a second of audio (`stages.py`)."""

OTHER_S = 32.4 / 240
"""CPU seconds of decoding, encoding, tagging and verifying for a second of audio (`stages.py`)."""


def main() -> None:
    """Simulate a run, then measure what the next one has to read."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tracks", type=int, default=1_000_000)
    parser.add_argument("--slots", type=int, default=1000)
    parser.add_argument("--models", type=int, default=1)
    arguments = parser.parse_args()
    n_tracks = arguments.tracks
    with tempfile.TemporaryDirectory() as folder:
        in_child(plan, n_tracks, arguments.models)
        in_child(run, n_tracks, arguments.models, arguments.slots, folder)
        in_child(compact, n_tracks, folder)
        in_child(begin, n_tracks, folder)


def in_child(phase: Callable[..., None], *arguments: object) -> None:
    """Carry out a phase in a process of its own, so that the memory told is of this phase alone."""
    process = multiprocessing.get_context("spawn").Process(target=phase, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{phase.__name__} failed")


def plan(n_tracks: int, n_models: int) -> None:
    """Measure how a plan is made."""
    since_s = time.perf_counter()
    plan_of(list(library(n_tracks, n_models)), n_slots=1)
    report("the plan is made", since_s, n_tracks)


def run(n_tracks: int, n_models: int, n_slots: int, folder: str) -> None:
    """Measure the driver of a run, which ends as if it was killed: its journal stays."""
    attempts = list(library(n_tracks, n_models))
    ledger = Ledger(Path(folder))
    ledger.begin("r1")
    since_s, since_cpu_s = time.perf_counter(), time.process_time()
    virtual_s = simulate(attempts, n_slots, ledger)
    driver_ms = 1000 * (time.process_time() - since_cpu_s) / n_tracks
    report("the run, with its plan", since_s, n_tracks)
    ledger.close()
    print(f"  driver: {driver_ms:.3f} ms CPU a track, at most {1000 / driver_ms:.0f} a second")
    print(f"  virtual length: {virtual_s / 3600:.1f} h, {n_tracks / virtual_s:.1f} a second")
    print(f"  journal: {size_mb(folder, '*.jsonl'):.0f} MB")


def compact(n_tracks: int, folder: str) -> None:
    """Measure how the journal becomes Parquet."""
    ledger = Ledger(Path(folder))
    since_s = time.perf_counter()
    ledger.begin("r2")
    report("compaction", since_s, n_tracks)
    ledger.end()
    print(f"  Parquet: {size_mb(folder, '*.parquet'):.0f} MB")


def begin(n_tracks: int, folder: str) -> None:
    """Measure what the next run reads of the ledger before it scans."""
    since_s = time.perf_counter()
    n_known = len(Ledger(Path(folder)).latest())
    report("the next run reads the ledger", since_s, n_tracks)
    print(f"  {n_known} tracks are known")


def library(n_tracks: int, n_models: int) -> Iterator[Attempt]:
    """Yield tracks of two to eight minutes, in ``n_models`` genres."""
    rng = random.Random(20261120)
    assignments = [
        Assignment(
            model=f"model-{number}",
            model_sha256="0" * 64,
            genre="generic",
            genre_reason="no routing",
            genre_source="option",
        )
        for number in range(n_models)
    ]
    for number in range(n_tracks):
        name = f"Artist {number // 100:05d}/Album {number // 10:06d}/{number:07d} Title"
        track = Track(
            path_name=f"/music/{name}.flac",
            source_name=f"{name}.flac",
            output_name=f"{name}.stem.mp4",
            size_bytes=30_000_000 + number,
            mtime_ns=1_700_000_000_000_000_000 + number,
            duration_s=rng.uniform(120.0, 480.0),
        )
        yield Attempt(track, assignment=rng.choice(assignments))


def plan_of(attempts: Sequence[Attempt], *, n_slots: int) -> tuple[Plan, Costs]:
    """Return the plan for tracks as the driver makes it, and the costs that it goes by."""
    costs = Costs({attempt.model: 1.0 for attempt in attempts})
    slots = Slots(n_slots, max_wait_s=1800.0)
    return Plan(attempts, slots, costs, max_in_flight=n_slots + 1, max_attempts=3), costs


def simulate(attempts: Sequence[Attempt], n_slots: int, ledger: Ledger) -> float:
    """Carry out the plan as the driver does, and return how many virtual seconds it took."""
    plan, costs = plan_of(attempts, n_slots=n_slots)
    now_s = 0.0
    n_started = 0
    ends: list[tuple[float, int, Attempt]] = []
    while not plan.is_finished:
        for slot, _ in plan.loads(now_s):
            plan.loaded(slot)
        while (taken := plan.take()) is not None:
            attempt, _ = taken
            ledger.started(path_to_text(attempt.track.source_name))
            took_s = attempt.track.expected_s * (SEPARATE_S + OTHER_S)
            heapq.heappush(ends, (now_s + took_s, n_started, attempt))
            n_started += 1
        now_s, number, attempt = heapq.heappop(ends)
        plan.ended(attempt)
        audio_s = attempt.track.expected_s
        costs.note(attempt.model, audio_s=audio_s, separate_s=audio_s * SEPARATE_S)
        source = path_to_text(attempt.track.source_name)
        ledger.append(dataclasses.replace(outcome(number), source=source))
    return now_s


def size_mb(folder: str, pattern: str) -> float:
    """Return the size of the files of a name, in MB."""
    return sum(path.stat().st_size for path in Path(folder).rglob(pattern)) / 1e6


def report(what: str, since_s: float, n_tracks: int) -> None:
    """Print how long something took, in all and for each track, and the memory so far."""
    took_s = time.perf_counter() - since_s
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    each_ms = 1000 * took_s / n_tracks
    print(f"{what:<32} {took_s:8.1f} s {each_ms:8.4f} ms/track {peak_mb:7.0f} MB peak", flush=True)


if __name__ == "__main__":
    main()

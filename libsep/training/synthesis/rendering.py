"""The processes that render songs beside a training, and what becomes of them."""

import contextlib
import multiprocessing
import signal
import threading
from collections.abc import Iterator, Sequence
from multiprocessing.context import SpawnProcess

from libsep.training.synthesis.failure import Failure
from libsep.training.synthesis.pool import RenderPlan, keep_rendering

LOOK_S = 0.5
"""Time between two looks at whether the processes live."""

_GUESSES = {"SIGKILL": ", out of memory?", "SIGBUS": ", disk full?"}


@contextlib.contextmanager
def rendering(plan: RenderPlan | None) -> Iterator[None]:
    """Run the processes that fill the render pool, if there is anything to render.

    Log and pool tell of each process that ends before the block does.
    """
    if plan is None:
        yield
        return
    failure = plan.pool().failure  # made before anybody waits for the pool
    failure.forget(plan.n_workers)
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=keep_rendering, args=(plan, worker), daemon=True)
        for worker in range(plan.n_workers)
    ]
    for process in processes:
        process.start()
    is_over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(processes, failure, is_over), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        watcher.join()
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


def _watch(processes: Sequence[SpawnProcess], failure: Failure, is_over: threading.Event) -> None:
    """Tell of each process that ends without having said why, as one that is killed does."""
    alive = dict(enumerate(processes))
    while alive and not is_over.wait(LOOK_S):
        for number, process in list(alive.items()):
            if process.exitcode is not None:
                failure.tell(number, _end(process.exitcode))
                del alive[number]


def _end(code: int) -> str:
    """Return in words how a process of the sampler ended."""
    if code >= 0:
        return f"it ended with code {code}" + (", its error is on standard error" if code else "")
    try:
        name = signal.Signals(-code).name
    except ValueError:  # most signals for real time have no name
        name = f"signal {-code}"
    return f"it was ended by {name}{_GUESSES.get(name, '')}"
